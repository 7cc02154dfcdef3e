"""The last check before training: a dataset passes all checks or nothing is trained on it.

Covers: families, facts, cases and texts shared between training and test, wordings of the test, rows of the evaluation
sets named, identifiers that have a shape, licences, options, balance of answers, facts that are not there.
Does not cover: paraphrases, medical truth of a source, identifiers without a shape (see `clinforge.privacy.detect`),
what the base model saw before us.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clinforge.data.contamination import SHARED, Contamination
from clinforge.data.tasks.base import Apart
from clinforge.errors import GateError
from clinforge.knowledge.licences import training_allowed
from clinforge.model.prompts import all_prompts
from clinforge.privacy.detect import find_identifiers
from clinforge.records import Fact, Record, Sample

_SHOWN_ROWS = 20
_SIGMAS = 5
_FEWEST_TO_JUDGE = 10
"""Of fewer samples nothing can be said about which answer prevails."""


@dataclass(frozen=True)
class Candidate:
    """A dataset before it may be called one."""

    samples: Sequence[Sample]
    facts: Sequence[Fact]
    apart: Mapping[str, frozenset[Apart]]
    """Task label -> what its test may not share with training."""
    max_answer_share: float
    documents: frozenset[str] = frozenset()
    """Ids of the documents at hand."""
    permitted: frozenset[str] = frozenset()
    """Sources outside the licence table that a named person allows."""
    contamination: Contamination | None = None
    """How training compares with the evaluation sets named; None when none is."""

    def taught(self) -> Iterator[Sample]:
        """Samples that decide the model: training and validation."""
        return (sample for sample in self.samples if sample.split != "test")

    def tested(self, apart: Apart) -> Iterator[Sample]:
        """Test samples of the tasks that demand this separation."""
        return (
            sample
            for sample in self.samples
            if sample.split == "test" and apart in self.apart.get(label_of(sample), frozenset())
        )


class Fault(Record):
    """One row that fails one check. `reason` never quotes the row's text."""

    sample_id: str
    reason: str


class CheckResult(Record):
    """What one check found."""

    name: str
    passed: bool
    num_checked: int
    num_faults: int
    faults: tuple[Fault, ...]
    """The first twenty."""
    remedy: str


@dataclass(frozen=True)
class Check:
    """A named rule with what to do when it is broken."""

    name: str
    remedy: str
    find: Callable[[Candidate], Iterable[Fault]]

    def __call__(self, candidate: Candidate) -> CheckResult:
        """Apply the rule to all samples."""
        faults = tuple(self.find(candidate))
        return CheckResult(
            name=self.name,
            passed=not faults,
            num_checked=len(candidate.samples),
            num_faults=len(faults),
            faults=faults[:_SHOWN_ROWS],
            remedy=self.remedy,
        )


def run_gate(candidate: Candidate) -> list[CheckResult]:
    """Apply every check, also after one has failed."""
    return [check(candidate) for check in CHECKS]


def require_passed(results: Iterable[CheckResult]) -> None:
    """Raise GateError that names check, rows, reason and remedy of everything that failed."""
    failed = [result for result in results if not result.passed]
    if not failed:
        return
    lines = [f"The data gate refused the dataset: {len(failed)} of its checks failed."]
    for result in failed:
        lines.append(f"  {result.name} ({result.num_faults} rows). {result.remedy}")
        lines += [f"    {fault.sample_id}: {fault.reason}" for fault in result.faults[:5]]
    raise GateError("\n".join(lines), hint="All rows stand in gate.json.")


def label_of(sample: Sample) -> str:
    """Task and language of a sample, e.g. `department.zh`."""
    return f"{sample.task}.{sample.lang}"


def _shared(
    candidate: Candidate, apart: Apart, keys: Callable[[Sample], Iterable[Hashable]], noun: str
) -> Iterator[Fault]:
    taught = {key: sample.id for sample in candidate.taught() for key in keys(sample)}
    for sample in candidate.tested(apart):
        for key in keys(sample):
            if key in taught:
                yield Fault(sample_id=sample.id, reason=f"{noun} is also in {taught[key]}, which is taught")
                break


def _families(candidate: Candidate) -> Iterator[Fault]:
    yield from _shared(candidate, "family", lambda sample: [(label_of(sample), sample.family_id)], "its family")
    for sample in candidate.tested("family"):
        if not sample.family_id:
            yield Fault(sample_id=sample.id, reason="it has no family")


def _facts(candidate: Candidate) -> Iterator[Fault]:
    yield from _shared(candidate, "fact", lambda sample: sample.fact_ids, "one of its facts")


def _cases(candidate: Candidate) -> Iterator[Fault]:
    def case(sample: Sample) -> list[Hashable]:
        return [(label_of(sample), frozenset(sample.fact_ids), sample.answer)]

    yield from _shared(candidate, "case", case, "its case")


def _texts(candidate: Candidate) -> Iterator[Fault]:
    taught = {key: sample.id for sample in candidate.taught() for key in _text_keys(sample)}
    for sample in candidate.samples:
        if sample.split == "test":
            match = next((taught[key] for key in _text_keys(sample) if key in taught), None)
            if match:
                yield Fault(sample_id=sample.id, reason=f"its text is also in {match}, which is taught")


def _text_keys(sample: Sample) -> list[tuple[str, ...]]:
    """The prompt's text, and what was filled into the wording, both without case, width and punctuation."""
    text = sample.prompt[-1].content
    keys: list[tuple[str, ...]] = [(_plain(text),)]
    prompt = all_prompts().get(sample.template_id)
    if prompt:
        pattern = re.sub(r"\\\{\w+\\\}", "(.*)", re.escape(prompt.text))
        filled = re.fullmatch(pattern, text, re.DOTALL)
        if filled:
            keys.append((label_of(sample), *(_plain(part) for part in filled.groups())))
    return keys


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", unicodedata.normalize("NFKC", text).casefold())


def _templates(candidate: Candidate) -> Iterator[Fault]:
    tested = {sample.template_id for sample in candidate.samples if sample.split == "test"}
    prompts = all_prompts()
    for sample in candidate.samples:
        prompt = prompts.get(sample.template_id)
        if sample.document_ids and not sample.template_id:
            continue  # worded by its source
        if prompt is None:
            yield Fault(sample_id=sample.id, reason="its wording is not in prompts.toml")
        elif sample.split != "test" and (sample.template_id in tested or prompt.use == "test"):
            yield Fault(sample_id=sample.id, reason=f"wording {prompt.id} is kept for the test")
        elif sample.split == "test" and prompt.use != "test":
            yield Fault(sample_id=sample.id, reason=f"wording {prompt.id} is used in training")


def _contamination(candidate: Candidate) -> Iterator[Fault]:
    for pair in candidate.contamination.failed if candidate.contamination else ():
        where = f"{pair.evaluation_id} of {pair.evaluation_set}"
        yield Fault(sample_id=pair.train_id, reason=f"it shares {SHARED[pair.level]} with {where}")


def _identifiers(candidate: Candidate) -> Iterator[Fault]:
    for sample in candidate.samples:
        parts = [*((f"prompt[{i}]", m.content) for i, m in enumerate(sample.prompt)), ("answer", sample.answer)]
        parts += [(f"options[{i}]", option) for i, option in enumerate(sample.options)]
        for field, text in parts:
            for found in find_identifiers(text):
                where = f"{field} characters {found.start}-{found.end}"
                yield Fault(sample_id=sample.id, reason=f"{where} look like an identifier ({found.type})")


def _licences(candidate: Candidate) -> Iterator[Fault]:
    refused = {fact.id: fact.source for fact in candidate.facts if not training_allowed(fact.source)}
    for sample in candidate.samples:
        allowed = sample.source in candidate.permitted or training_allowed(sample.source)
        sources = set[str]() if allowed else {sample.source}
        sources |= {refused[fact_id] for fact_id in sample.fact_ids if fact_id in refused}
        if sources:
            yield Fault(sample_id=sample.id, reason=f"no licence to train on {', '.join(sorted(sources))}")


def _options(candidate: Candidate) -> Iterator[Fault]:
    for sample in candidate.samples:
        if not sample.answer.strip():
            yield Fault(sample_id=sample.id, reason="it has no answer")
        elif sample.options and sample.answer not in sample.options:
            yield Fault(sample_id=sample.id, reason="its answer is not among its options")
        elif sample.options and (len(set(sample.options)) < len(sample.options) or len(sample.options) == 1):
            yield Fault(sample_id=sample.id, reason="its options are not at least two different ones")


def _balance(candidate: Candidate) -> Iterator[Fault]:
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in candidate.samples:
        if sample.answer in sample.options:
            groups[label_of(sample), sample.split].append(sample)
    for group in groups.values():
        shares = (("answer", Counter(sample.answer for sample in group), candidate.max_answer_share),)
        if len({sample.options for sample in group}) > 1:
            chance = max(1 / len(sample.options) for sample in group)
            bound = chance + _SIGMAS * math.sqrt(chance * (1 - chance) / len(group))
            positions = Counter(str(sample.options.index(sample.answer)) for sample in group)
            shares += (("position of the answer", positions, bound),)
        for noun, counts, bound in shares:
            count = counts.most_common(1)[0][1]
            if len(group) >= _FEWEST_TO_JUDGE and count > bound * len(group):
                reason = (
                    f"one {noun} is right in {count} of {len(group)} {group[0].split} samples of {label_of(group[0])}"
                )
                yield Fault(sample_id=group[0].id, reason=reason)


def _resolved(candidate: Candidate) -> Iterator[Fault]:
    known = {fact.id for fact in candidate.facts}
    for sample in candidate.samples:
        if not sample.fact_ids and not sample.document_ids:
            yield Fault(sample_id=sample.id, reason="it rests on no fact and no document")
        elif not candidate.documents.issuperset(sample.document_ids):
            yield Fault(sample_id=sample.id, reason="one of its documents is not in documents.jsonl")
        elif not known.issuperset(sample.fact_ids):
            yield Fault(sample_id=sample.id, reason="one of its facts is not in facts.jsonl")


def _distinct(candidate: Candidate) -> Iterator[Fault]:
    for sample_id, count in Counter(sample.id for sample in candidate.samples).items():
        if count > 1:
            yield Fault(sample_id=sample_id, reason=f"{count} rows have this id")


_SPLIT = "Move the family to one split, or remove the rows."
_AGAINST = "Remove the rows from training, or set data.decontaminate.verdicts. All pairs stand in contamination.json."
CHECKS: tuple[Check, ...] = (
    Check("no family in training and test", _SPLIT, _families),
    Check("no fact in training and test", _SPLIT, _facts),
    Check("no case in training and test", "Remove the case from one of the splits.", _cases),
    Check("no text in training and test", "Remove the rows from training.", _texts),
    Check("test wordings never in training", "Use a prompt of the other kind (prompts.toml, `use`).", _templates),
    Check("no evaluation row in training", _AGAINST, _contamination),
    Check("no identifiers", "De-identify or remove the rows.", _identifiers),
    Check(
        "licences allow training",
        "Remove the source, or have a named person allow it: permission: {by: ..., why: ...}.",
        _licences,
    ),
    Check("options hold the answer", "Correct the options.", _options),
    Check("no answer prevails", "Draw answers and their positions evenly, or raise data.max_answer_share.", _balance),
    Check("every fact and document is there", "Write it to the dataset, or remove the rows.", _resolved),
    Check("every id once", "Remove the repeated rows.", _distinct),
)
