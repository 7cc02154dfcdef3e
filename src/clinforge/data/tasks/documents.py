"""Question-answer documents of any source -> samples: read, clean, judge, deduplicate, split, put behind a role prompt.

    sources ─▶ language ─▶ clean ─▶ identifiers ─▶ quality ─▶ duplicates ─▶ groups and splits ─▶ samples

Each step counts what it leaves out and why. A document with an identifier that has a shape is left out as a whole: what
stays is what `clinforge.privacy.detect` covers, no more.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.clean import Clean
from clinforge.data.deduplicate import Deduplicate
from clinforge.data.draw import digest
from clinforge.data.groups import Grouping, split_by_group
from clinforge.data.lineage import Lineage
from clinforge.data.quality import ALL_RULES, QualityRule, judge
from clinforge.data.sources.clinical_notes import ClinicalNotes
from clinforge.data.sources.dialogues import Dialogues
from clinforge.data.sources.fhir import Fhir
from clinforge.data.sources.files import Files
from clinforge.data.sources.pubmed import PubMed
from clinforge.data.sources.tables import Table
from clinforge.data.split import SPLITS, Shares
from clinforge.data.tasks.base import Apart, CountedTask, Purpose, TaskResult
from clinforge.errors import ConfigError, InputError
from clinforge.knowledge.licences import licence_of
from clinforge.model.prompts import role_message
from clinforge.privacy.detect import find_identifiers
from clinforge.records import Document, Lang, Sample, Split, content_hash

Source = Annotated[
    Dialogues | Table | ClinicalNotes | Fhir | Files | PubMed,
    Field(discriminator="kind"),
]
RowT = TypeVar("RowT")
_SHOWN_FAULTS = 5


class Permission(Settings):
    """A named person's word that sources outside the licence table may be trained on; it is kept with the dataset."""

    by: str = Field(min_length=2)
    """Who allows it."""
    why: str = Field(min_length=10)
    """On what ground, e.g. the contract or the ethics vote."""


class Steps(Settings):
    """What is done to documents between reading and splitting."""

    clean: Clean = Clean()
    rules: tuple[QualityRule, ...] = ALL_RULES
    """A document that breaks one of these is left out."""
    deduplicate: Deduplicate = Deduplicate()


class Documents(CountedTask):
    """Samples from documents that hold a question and its answer.

    Texts without a question (notes, articles, guidelines) are counted and left out here: have questions written from
    them first.
    """

    kind: Literal["documents"] = "documents"
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """What the task is called in the dataset and in scores."""
    lang: Lang
    """Documents in the other language are left out and counted."""
    sources: tuple[Source, ...] = Field(min_length=1)
    """Where the documents come from, the most trusted first."""
    num_train: int = Field(default=1_000_000, ge=1)
    """At most so many training samples."""
    num_validation: int = Field(default=1_000, ge=0)
    """At most so many validation samples."""
    num_test: int = Field(default=1_000, ge=0)
    """At most so many test samples."""
    steps: Steps = Steps()
    grouping: Grouping = Grouping()
    shares: Shares = Shares(validation=0.05, test=0.1)
    permission: Permission | None = None
    """Needed for sources that the licence table does not know."""

    purpose: ClassVar[Purpose] = "text"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Questions of documents", "zh": "文档问答"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Questions and answers as the sources give them.",
        "zh": "来源原有的问答。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"family"})

    @property
    def task(self) -> str:
        """The name given."""
        return self.name

    @property
    def language(self) -> Lang:
        """As set."""
        return self.lang

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples. InputError when nothing is left, with the counts of every step."""
        faults: list[str] = []
        story = _Story(self, lineage)
        read = [document for source in self.sources for document in source.documents(faults)]
        documents = story.step("read", read, Counter({"not readable": len(faults)}))
        documents = story.sift("language", documents, lambda one: "" if one.lang == self.lang else "other language")
        documents = story.sift("question and answer", documents, _lack)
        documents = story.step("clean", [self.steps.clean(document) for document in documents])
        documents = story.sift("identifiers", documents, _identifiers)
        judgement = judge(documents, self.steps.rules)
        documents = story.step("quality", judgement.kept, Counter(judgement.counts))
        unique = self.steps.deduplicate(documents)
        documents = story.step("deduplicate", unique.kept, unique.dropped)
        if not documents:
            raise InputError(f"Task {self.label} has no document left: {story}.", hint=_first(faults))
        grouped = split_by_group(documents, self.grouping, self.shares, seed)
        samples = [
            self._sample(document, split, group)
            for document, split, group in zip(documents, grouped.splits, grouped.groups, strict=True)
        ]
        kept = story.step("select", self._chosen(samples, seed))
        used = {document_id for sample in kept for document_id in sample.document_ids}
        sources = {document.source for document in documents if licence_of(document.source) is None}
        word = self.permission.model_dump() if self.permission else None
        return TaskResult(
            samples=tuple(kept),
            facts=(),
            documents=tuple(document for document in documents if document.id in used),
            faults=tuple(faults),
            permitted=dict.fromkeys(sources, word) if word else {},
        )

    def _chosen(self, samples: Sequence[Sample], seed: int) -> list[Sample]:
        """Up to the number asked for of each split, by hash; none for training is an error."""
        chosen: list[Sample] = []
        for split in SPLITS:
            pool = [sample for sample in samples if sample.split == split]
            chosen += sorted(pool, key=lambda sample: digest(seed, sample.id))[: self.wanted(split)]
        if not any(sample.split == "train" for sample in chosen):
            raise ConfigError(f"Task {self.label} has no training sample.", hint="Lower the shares of the splits.")
        return chosen

    def _sample(self, document: Document, split: Split, group: str) -> Sample:
        *asked, answer = document.conversation
        opening = () if asked[0].role == "system" else (role_message(self.lang),)
        draft = Sample(
            id="",
            task=self.name,
            lang=self.lang,
            split=split,
            prompt=(*opening, *asked),
            answer=answer.content,
            options=document.options,
            family_id=group,
            source=document.source,
            licence=document.licence or "unknown",
            document_ids=(document.id,),
        )
        return draft.model_copy(update={"id": content_hash(draft.model_dump(mode="json"))[:16]})


class _Story:
    """What each step kept and left out: for the lineage, and for the message when nothing is left."""

    def __init__(self, task: Documents, lineage: Lineage) -> None:
        self._label, self._params = task.label, task.model_dump(mode="json")
        self._lineage = lineage
        self._dropped: Counter[str] = Counter()

    def step(self, operator: str, kept: Sequence[RowT], dropped: Counter[str] | None = None) -> Sequence[RowT]:
        """Record one operator's work."""
        gone = +(dropped or Counter[str]())
        self._dropped += gone
        self._lineage.record(self._label, operator, self._params, (len(kept) + gone.total(), len(kept)), gone)
        return kept

    def sift(self, operator: str, rows: Iterable[Document], fault: Callable[[Document], str]) -> Sequence[Document]:
        """Keep the rows for which `fault` gives no reason against."""
        kept: list[Document] = []
        dropped: Counter[str] = Counter()
        for row in rows:
            reason = fault(row)
            if reason:
                dropped[reason] += 1
            else:
                kept.append(row)
        return self.step(operator, kept, dropped)

    def __str__(self) -> str:
        return ", ".join(f"{reason} {count}" for reason, count in self._dropped.items()) or "the sources are empty"


def _lack(document: Document) -> str:
    turns = document.conversation
    if len(turns) < 2 or turns[-1].role != "assistant" or turns[-2].role != "user":
        return "no question with an answer"
    return "" if not document.options or turns[-1].content in document.options else "the answer is no option"


def _identifiers(document: Document) -> str:
    parts = (*(turn.content for turn in document.conversation), *document.options, document.rejected, document.title)
    kinds = sorted({found.type for text in (*parts, document.text) for found in find_identifiers(text)})
    return f"an identifier ({', '.join(kinds)})" if kinds else ""


def _first(faults: Sequence[str]) -> str:
    return "\n".join(_lines(faults))


def _lines(faults: Sequence[str]) -> Iterator[str]:
    yield from faults[:_SHOWN_FAULTS]
    if len(faults) > _SHOWN_FAULTS:
        yield f"... and {len(faults) - _SHOWN_FAULTS} more"
