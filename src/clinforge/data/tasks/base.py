"""What all tasks share: settings, cases, and the way from cases to samples."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.draw import digest, pick
from clinforge.data.lineage import Lineage
from clinforge.data.split import SPLITS, balanced
from clinforge.errors import ConfigError
from clinforge.knowledge.licences import licence_of
from clinforge.model.prompts import Prompt, prompts_for
from clinforge.records import Document, Fact, Lang, Sample, Split, content_hash

Apart = Literal["family", "fact", "case"]
"""What training and test may not share; a case is a set of facts with its answer."""


Purpose = Literal["claim", "recall", "text"]


@dataclass(frozen=True)
class Case:
    """A question without wording."""

    split: Split
    family: str
    values: tuple[tuple[str, str], ...]
    """Prompt field -> text."""
    answer: str
    options: tuple[str, ...]
    facts: tuple[Fact, ...]
    source: str

    @property
    def question(self) -> str:
        """What identifies the question, however it is worded."""
        return digest(*(text for _, text in self.values), *sorted(self.options))


@dataclass(frozen=True)
class TaskResult:
    """Samples of one task with the facts or documents they rest on."""

    samples: tuple[Sample, ...]
    facts: tuple[Fact, ...]
    documents: tuple[Document, ...] = ()
    faults: tuple[str, ...] = ()
    """Rows of the sources that could not be read."""
    permitted: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Source that the licence table does not know -> who allows it (`by`) and why (`why`)."""
    remarks: tuple[str, ...] = ()
    """What a person should know about how the settings were understood."""


class TaskSettings(Settings):
    """One kind of question."""

    purpose: ClassVar[Purpose]
    """claim: tested on unseen families; recall: known diseases, new cases; text: free text, not scored by choice."""
    title: ClassVar[Mapping[Lang, str]]
    """What is asked, in words for the report."""
    about: ClassVar[Mapping[Lang, str]]
    """What a score on the task says, in words for the report."""
    apart: ClassVar[frozenset[Apart]]

    @property
    def task(self) -> str:
        """The task's name in prompts, samples and scores."""
        raise NotImplementedError

    @property
    def language(self) -> Lang:
        """The language of its samples."""
        raise NotImplementedError

    @property
    def languages(self) -> tuple[Lang, ...]:
        """All languages of its samples."""
        return (self.language,)

    @property
    def label(self) -> str:
        """Task and language, e.g. `department.zh`."""
        return f"{self.task}.{self.language}"

    @property
    def labels(self) -> tuple[str, ...]:
        """One label a language."""
        return tuple(f"{self.task}.{lang}" for lang in self.languages)

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples; what is left out is counted in `lineage`."""
        raise NotImplementedError


class CountedTask(TaskSettings):
    """How many samples a task gives. Fewer than asked is an error that says how many there are."""

    num_train: int = Field(ge=1)
    num_validation: int = Field(ge=0)
    num_test: int = Field(ge=0)

    def wanted(self, split: Split) -> int:
        """Number of samples asked for."""
        return {"train": self.num_train, "validation": self.num_validation, "test": self.num_test}[split]


def fact(subject: str, predicate: str, value: str, lang: Lang, source: str) -> Fact:
    """A fact whose id is the hash of its content."""
    return Fact.of(subject, predicate, value, lang, source)


def finish(task: CountedTask, cases: Sequence[Case], seed: int, lineage: Lineage) -> TaskResult:
    """Remove repeated questions, choose the number asked for with balanced answers, and put them into words."""
    kept, dropped = one_case_a_question(cases)
    params = task.model_dump() | {"seed": seed}
    lineage.record(task.label, "deduplicate", params, (len(cases), len(kept)), dropped)
    chosen = [case for split in SPLITS for case in _choose(task, split, kept, seed)]
    lineage.record(task.label, "select", params, (len(kept), len(chosen)), {"not needed": len(kept) - len(chosen)})
    return put_into_words(task, task.language, chosen, seed, lineage)


def put_into_words(task: TaskSettings, lang: Lang, chosen: Sequence[Case], seed: int, lineage: Lineage) -> TaskResult:
    """Samples of cases in one language; a test case gets a wording that training never has."""
    samples = tuple(_word(task.task, lang, case, seed) for case in chosen)
    params = task.model_dump() | {"seed": seed}
    lineage.record(f"{task.task}.{lang}", "word", params, (len(chosen), len(samples)), {})
    facts = {fact.id: fact for case in chosen for fact in case.facts}
    return TaskResult(samples, tuple(facts.values()))


def one_case_a_question(cases: Iterable[Case]) -> tuple[list[Case], Counter[str]]:
    """Keep one case of each question, in the split nearest the test; a question with two answers is not kept."""
    dropped: Counter[str] = Counter()
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.question].append(case)
    kept: list[Case] = []
    for group in groups.values():
        if len({case.answer for case in group}) > 1:
            dropped["one question, several answers"] += len(group)
            continue
        kept.append(max(group, key=lambda case: SPLITS.index(case.split)))
        dropped["same question"] += len(group) - 1
    return kept, +dropped


def _choose(task: CountedTask, split: Split, cases: Sequence[Case], seed: int) -> list[Case]:
    pool, wanted = [case for case in cases if case.split == split], task.wanted(split)
    if len(pool) < wanted:
        raise ConfigError(
            f"Task {task.label} can give {len(pool)} {split} samples, but num_{split} asks for {wanted}.",
            hint=f"Set num_{split} to at most {len(pool)}, or change the shares of the splits where the task has them.",
        )
    labels = {case: case.answer if case.options else "" for case in pool}
    return balanced(pool, wanted, labels=labels, keys={case: digest(seed, case.question) for case in pool})


def _word(task: str, lang: Lang, case: Case, seed: int) -> Sample:
    prompts = prompts_for(task, lang, "test" if case.split == "test" else "train")
    prompt: Prompt = pick(prompts, seed, "prompt", case.question)
    licence = licence_of(case.source)
    fields = {
        "task": task,
        "lang": lang,
        "split": case.split,
        "prompt": prompt.render(**dict(case.values)),
        "answer": case.answer,
        "options": case.options,
        "fact_ids": tuple(fact.id for fact in case.facts),
        "family_id": case.family,
        "template_id": prompt.id,
        "source": case.source,
        "licence": licence.licence if licence else "unknown",
    }
    draft = Sample.model_validate({"id": "", **fields})
    return draft.model_copy(update={"id": content_hash(draft.model_dump(mode="json", exclude={"document_ids"}))[:16]})
