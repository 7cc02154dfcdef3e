"""Documents in, supported pairs out: screen, cut, ask, check, judge, write."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from clinforge.artifacts import write_json
from clinforge.data.draw import digest
from clinforge.data.pairs.asking import Asker, Outcome, Progress, Question, Role
from clinforge.data.pairs.budget import Purse
from clinforge.data.pairs.check import Evidence, check_support
from clinforge.data.pairs.drugs import DrugNames
from clinforge.data.pairs.evidence import plain_with_offsets
from clinforge.data.pairs.journal import Journal
from clinforge.data.pairs.passages import Passage, passages_of
from clinforge.data.pairs.records import PAIRS_FILE, REPORT_FILE, Pair, PairReport
from clinforge.data.pairs.reply import WRONG_SHAPE, Draft, is_readable, read_drafts
from clinforge.data.pairs.settings import PairSettings
from clinforge.data.pairs.wording import instructs_a_model, judge_prompt, read_verdict, wording_hash, writer_prompt
from clinforge.data.tasks.base import fact
from clinforge.errors import StageError
from clinforge.model.base import Sampling, TextModel
from clinforge.privacy.detect import find_identifiers
from clinforge.records import Document, Fact, content_hash, write_jsonl

_VERDICT = Sampling(max_new_tokens=64)


@dataclass
class _Account:
    """Counts while the work goes on."""

    documents: Counter[str] = field(default_factory=Counter[str])
    passages: Counter[str] = field(default_factory=Counter[str])
    drafts: Counter[str] = field(default_factory=Counter[str])
    unjudged: Counter[str] = field(default_factory=Counter[str])
    num_drafts: int = 0


@dataclass(frozen=True)
class PairWriter:
    """Writes pairs with a model, checks every one, and lets another model judge them if there is one."""

    settings: PairSettings
    model: TextModel
    drugs: DrugNames
    judge: TextModel | None = None

    def write(
        self, documents: Sequence[Document], folder: Path, progress: Progress = lambda _text, _done, _total: None
    ) -> PairReport:
        """Write `pairs.jsonl` and `report.json`; what is in the folder's journal is not asked again.

        Equal documents, settings and replies give equal bytes, in the documents' order. When the budget is spent, the
        report says so and how much is left. Raises StageError when there is no pair (with the reasons' counts) or when
        the server gave up (everything so far is written; the next call goes on).
        """
        account = _Account()
        passages = self._passages(documents, account)
        with Journal(folder) as journal:
            purse = Purse(self.settings.budget, journal.spent())
            asker = Asker(self.settings, journal, purse)
            questions, role = self._questions(passages), self._writer()
            outcome = asker.ask(list(questions.values()), role, progress)
            replies = {key: asker.final(question, role) for key, question in questions.items()}
            texts = {key: "" if reply.refused else reply.text for key, reply in replies.items() if reply}
            pairs = self._checked(passages, texts, account)
            outcomes = [outcome]
            if self.judge is not None:
                pairs = self._judged(self.judge, pairs, asker, account, outcomes, progress)
            report = self._report(documents, passages, pairs, account, outcomes, purse)
        _save(folder, [pair for _, pair in pairs], report)
        _require_success(report, outcomes)
        return report

    def _passages(self, documents: Sequence[Document], account: _Account) -> list[Passage]:
        passages: list[Passage] = []
        seen: set[str] = set()
        for document in documents:
            cut = list(passages_of(document, self.settings.max_characters, self.settings.min_characters))
            reason = _unfit(document, seen) or ("" if cut else "document is too short")
            seen.add(document.id)
            if reason:
                account.documents[reason] += 1
            else:
                passages += cut
        return passages

    def _writer(self) -> Role:
        settings = self.settings
        decided = [self.model.name, wording_hash(), settings.pairs_per_passage, settings.sampling.model_dump()]
        return Role("writing", self.model, settings.sampling, settings.budget.writer, content_hash(decided)[:16])

    def _questions(self, passages: Sequence[Passage]) -> dict[str, Question]:
        count = self.settings.pairs_per_passage
        return {
            passage.key: Question(passage.key, partial(writer_prompt, passage, count), is_readable)
            for passage in passages
        }

    def _checked(
        self, passages: Sequence[Passage], texts: dict[str, str], account: _Account
    ) -> list[tuple[Passage, Pair]]:
        """Drafts that pass every check, in the documents' order; a question is kept once."""
        kept: list[tuple[Passage, Pair]] = []
        asked: set[str] = set()
        for passage in passages:
            if passage.key not in texts:
                continue
            drafts, faults = read_drafts(texts[passage.key])
            account.drafts[WRONG_SHAPE] += faults[WRONG_SHAPE]
            account.num_drafts += len(drafts) + faults[WRONG_SHAPE]
            if not drafts and not faults[WRONG_SHAPE]:
                account.passages[_why_empty(texts[passage.key], faults)] += 1
            for draft in drafts:
                found = check_support(draft, passage, self.drugs, self.settings.support)
                question = plain_with_offsets(draft.question)[0]
                if isinstance(found, str):
                    account.drafts[found] += 1
                elif find_identifiers(f"{draft.question}\n{draft.answer}"):
                    account.drafts["pair holds an identifier"] += 1
                elif question in asked:
                    account.drafts["question is asked already"] += 1
                else:
                    asked.add(question)
                    kept.append((passage, _pair(draft, found, passage.document)))
        return kept

    def _judged(
        self,
        judge: TextModel,
        pairs: list[tuple[Passage, Pair]],
        asker: Asker,
        account: _Account,
        outcomes: list[Outcome],
        progress: Progress,
    ) -> list[tuple[Passage, Pair]]:
        """Pairs the judge found supported. Those without a verdict are withheld and counted apart."""
        decided = content_hash([judge.name, wording_hash(), _VERDICT.model_dump()])[:16]
        role = Role("judging", judge, _VERDICT, self.settings.budget.judge, decided)
        questions = [
            Question(f"judge:{pair.id}", partial(judge_prompt, passage, pair.question, pair.answer), _is_verdict)
            for passage, pair in pairs
        ]
        outcomes.append(asker.ask(questions, role, progress))
        kept: list[tuple[Passage, Pair]] = []
        for question, (passage, pair) in zip(questions, pairs, strict=True):
            reply = asker.final(question, role)
            verdict = None if reply is None or reply.refused else read_verdict(reply.text)
            if verdict:
                kept.append((passage, pair.model_copy(update={"judged": True})))
            elif verdict is False:
                account.drafts["judge: not supported"] += 1
            else:
                account.unjudged["not judged yet" if reply is None else "judge said neither yes nor no"] += 1
        return kept

    def _report(
        self,
        documents: Sequence[Document],
        passages: Sequence[Passage],
        pairs: Sequence[tuple[Passage, Pair]],
        account: _Account,
        outcomes: Sequence[Outcome],
        purse: Purse,
    ) -> PairReport:
        left = set(outcomes[0].left)
        given_up = any(outcome.server_gave_up for outcome in outcomes)
        return PairReport(
            documents=len(documents),
            documents_dropped=_counts(account.documents),
            passages=len(passages),
            passages_dropped=_counts(account.passages),
            passages_left=len(left),
            documents_left=len({passage.document.id for passage in passages if passage.key in left}),
            requests=sum(outcome.requests for outcome in outcomes),
            drafts=account.num_drafts,
            dropped=_counts(account.drafts),
            unjudged=_counts(account.unjudged),
            kept=len(pairs),
            stopped="server" if given_up else "budget" if purse.exhausted else "",
            tokens=purse.tokens,
            cost=round(purse.cost, 6),
            models={"writer": self.model.name} | ({"judge": self.judge.name} if self.judge else {}),
        )


def evidence_fact(evidence: Evidence, document: Document) -> Fact:
    """The statement that this document states this, as a fact that lineage and review can refer to."""
    subject = f"{document.source_id} [{evidence.start}:{evidence.end}]"
    return fact(subject, "states", evidence.text, document.lang, document.source)


def _unfit(document: Document, seen: Iterable[str]) -> str:
    if document.id in seen:
        return "document is given twice"
    if find_identifiers(f"{document.title}\n{document.text}"):
        return "document holds identifiers: de-identify it first"
    return "document gives instructions to a model" if instructs_a_model(f"{document.title}\n{document.text}") else ""


def _why_empty(text: str, faults: Counter[str]) -> str:
    if not text:
        return "the model refused the passage or said nothing"
    return next(iter(faults), "the model found nothing to ask")


def _pair(draft: Draft, evidence: Evidence, document: Document) -> Pair:
    return Pair(
        id=digest(document.id, draft.question, draft.answer, evidence.start, evidence.end)[:16],
        lang=document.lang,
        question=draft.question,
        answer=draft.answer,
        evidence=evidence,
        fact_id=evidence_fact(evidence, document).id,
        source=document.source,
        source_id=document.source_id,
        licence=document.licence,
        patient_id=document.patient_id,
    )


def _is_verdict(text: str) -> bool:
    return read_verdict(text) is not None


def _counts(counter: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in sorted(counter.items()) if count}


def _save(folder: Path, pairs: Sequence[Pair], report: PairReport) -> None:
    """Write the report, and the pairs if there are any: an empty file would look like a success."""
    path = folder / PAIRS_FILE
    if pairs:
        partial_path = folder / f"{PAIRS_FILE}.partial"
        write_jsonl(partial_path, pairs)
        partial_path.replace(path)
    else:
        path.unlink(missing_ok=True)
    write_json(folder / REPORT_FILE, report.model_dump())


def _require_success(report: PairReport, outcomes: Sequence[Outcome]) -> None:
    gave_up = next((outcome.server_gave_up for outcome in outcomes if outcome.server_gave_up), "")
    if gave_up:
        raise StageError(
            f"{gave_up}\nStopped with {report.kept} pairs written and {report.passages_left} of {report.passages} "
            "passages left. The same command goes on from there."
        )
    if not report.kept:
        raise StageError("\n".join([f"No pair came of {report.documents} documents.", *_reasons(report)]))


def _reasons(report: PairReport) -> list[str]:
    """Where the documents, passages and drafts went, one reason a line."""
    groups = (
        ("documents", report.documents_dropped),
        ("passages", report.passages_dropped),
        ("pairs", report.dropped | report.unjudged),
    )
    lines = [f"  {count} {noun}: {reason}" for noun, counts in groups for reason, count in counts.items()]
    if report.passages_left:
        why = "the budget is spent" if report.stopped == "budget" else "not answered"
        lines.append(f"  {report.passages_left} passages: {why}")
    return lines
