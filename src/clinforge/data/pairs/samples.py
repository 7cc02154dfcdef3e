"""Pairs as rows of a dataset: split, worded, and tied to the facts they rest on."""

from collections.abc import Iterable, Iterator, Sequence

from clinforge.data.draw import digest, pick
from clinforge.data.lineage import Lineage
from clinforge.data.pairs.records import Pair, PairReport
from clinforge.data.pairs.settings import PairSettings
from clinforge.data.sources import document_id
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import TaskResult
from clinforge.knowledge.licences import licence_of
from clinforge.model.prompts import prompts_for
from clinforge.records import Document, Fact, Message, Sample, content_hash

TASK = "open_question"


def samples_of(pairs: Sequence[Pair], shares: Shares, seed: int) -> TaskResult:
    """One sample a pair, with the fact it rests on. Pairs of one patient, or else one document, share a split."""
    facts = {pair.fact_id: _fact(pair) for pair in pairs}
    return TaskResult(tuple(_sample(pair, shares, seed) for pair in pairs), tuple(facts.values()))


def documents_of(pairs: Iterable[Pair]) -> Iterator[Document]:
    """Each pair as a document that holds a question and its answer, as question-answer sets do.

    `meta` keeps the evidence with its offsets and the fact it is.
    """
    for pair in pairs:
        turns = (Message(role="user", content=pair.question), Message(role="assistant", content=pair.answer))
        text = f"{pair.question}\n{pair.answer}"
        source_id = f"{pair.source_id}#{pair.id}"
        yield Document(
            id=document_id(pair.source, source_id, text),
            text=text,
            lang=pair.lang,
            source=pair.source,
            source_id=source_id,
            conversation=turns,
            patient_id=pair.patient_id,
            licence=pair.licence,
            meta={"evidence": pair.evidence.model_dump(), "fact_id": pair.fact_id, "judged": pair.judged},
        )


def record_lineage(lineage: Lineage, settings: PairSettings, report: PairReport, tasks: Iterable[str]) -> None:
    """Add what became of the drafts to a dataset's lineage, under each of these tasks' labels."""
    dropped = report.dropped | report.unjudged
    for task in tasks:
        lineage.record(task, "write_pairs", settings.model_dump(), (report.drafts, report.kept), dropped)


def _fact(pair: Pair) -> Fact:
    evidence = pair.evidence
    return Fact(
        id=pair.fact_id,
        subject=f"{pair.source_id} [{evidence.start}:{evidence.end}]",
        predicate="states",
        object=evidence.text,
        lang=pair.lang,
        source=pair.source,
    )


def _sample(pair: Pair, shares: Shares, seed: int) -> Sample:
    family = digest("pairs", pair.patient_id or pair.evidence.document_id)[:12]
    split = split_of(family, shares, seed)
    prompt = pick(prompts_for(TASK, pair.lang, "test" if split == "test" else "train"), seed, "prompt", pair.id)
    licence = licence_of(pair.source)
    draft = Sample(
        id="",
        task=TASK,
        lang=pair.lang,
        split=split,
        prompt=prompt.render(question=pair.question),
        answer=pair.answer,
        fact_ids=(pair.fact_id,),
        family_id=family,
        template_id=prompt.id,
        source=pair.source,
        licence=pair.licence or (licence.licence if licence else "unknown"),
    )
    return draft.model_copy(update={"id": content_hash(draft.model_dump(mode="json"))[:16]})
