"""One fact, one question with four options: recall of what was taught, never generalisation.

Every fact taught is asked from its subject to its object. Some objects are set aside: questions that lead back from
them are asked in validation and test alone, and only of facts that training holds the other way round.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from clinforge.data.draw import digest, ordered
from clinforge.data.facts.index import Edge, FactIndex, Role
from clinforge.data.facts.names import fold
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, Purpose, TaskResult, finish
from clinforge.data.tasks.graph_task import GraphTask, asked_words, one_of_four, taught_first
from clinforge.records import Lang, Split

_ROLES: tuple[Role, ...] = (
    "finding", "department", "examination", "drug", "indication", "gene", "icd10", "english_name",
)  # fmt: skip
_FACTS_A_SUBJECT = 2
"""Of one role: a disease with a hundred findings is not asked about a hundred times."""


class Atomic(GraphTask):
    """Questions about facts of `num_subjects` diseases (or drugs)."""

    kind: Literal["atomic"] = "atomic"
    num_train: int = Field(default=400, ge=1)
    num_validation: int = Field(default=20, ge=0)
    num_test: int = Field(default=100, ge=0)
    num_subjects: int = Field(default=200, ge=8)
    """Subjects asked about for each kind of fact."""
    roles: tuple[Role, ...] = _ROLES
    """Which kinds of fact are asked about; a kind that the graph does not have gives no question."""

    purpose: ClassVar[Purpose] = "recall"
    title: ClassVar[Mapping[Lang, str]] = {"en": "One fact", "zh": "单一事实"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Facts taught one way, asked the other way round: recall, not generalisation.",
        "zh": "正向学习的事实，反向提问：反映记忆，不代表泛化。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @model_validator(mode="after")
    def _teach_what_is_tested(self) -> "Atomic":
        if self.num_train < self.num_validation + self.num_test:
            raise ValueError("num_train must be at least num_validation + num_test: every fact tested has to be taught")
        return self

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        index = self.index(faults := list[str]())
        edges = [edge for role in self.roles for edge in self._edges(index, role, seed)]
        dropped = index.dropped + Counter({"not asked about": index.num_edges - len(edges)})
        taken = index.num_edges + index.dropped.total()
        lineage.record(self.label, "facts", self.model_dump(), (taken, len(edges)), dropped)
        asked = 0
        cases: list[tuple[Case, str]] = []
        for role in self.roles:
            own = [edge for edge in edges if edge.role == role]
            found = [*_forward(self, index, own, seed), *_inverse(self, index, own, seed)]
            asked += len(found)
            cases += [(case, key) for case, key in found if case]
        kept = taught_first(self, cases, seed)
        left = {"a name gives it away": asked - len(cases), "not needed, or not taught": len(cases) - len(kept)}
        lineage.record(self.label, "compose", self.model_dump(), (asked, len(kept)), left)
        return replace(finish(self, kept, seed, lineage), faults=tuple(faults))

    def _edges(self, index: FactIndex, role: Role, seed: int) -> list[Edge]:
        subjects = ordered(index.subjects(role), seed, "atomic", role)[: self.num_subjects]
        return [
            edge
            for subject in subjects
            for edge in ordered(index.about(subject, role), seed, "facts", subject, role)[:_FACTS_A_SUBJECT]
        ]


Found = tuple[Case | None, str]
"""A case (None if it cannot be asked) and the id of its fact."""


def _forward(task: Atomic, index: FactIndex, edges: Sequence[Edge], seed: int) -> Iterator[Found]:
    """From the subject to the object; always for training."""
    pool = ordered({edge.object for edge in edges}, seed, "objects")
    reach = {name: frozenset(edge.subject for edge in index.naming(name, edges[0].role)) for name in pool}
    for edge in edges:
        options = one_of_four(edge.object, edge.subject, pool, reach, task.lang, seed)
        words = asked_words("forward", task.lang)[edge.role]
        yield _case(edge, (words, edge.subject), edge.object, options, "train"), edge.fact.id


def _inverse(task: Atomic, index: FactIndex, edges: Sequence[Edge], seed: int) -> Iterator[Found]:
    """From the object back to the subject; the object decides the split, so that none is led back from in two."""
    shares = Shares(validation=0.1, test=0.4)
    pool = ordered({edge.subject for edge in edges}, seed, "subjects")
    reach = {name: frozenset(edge.object for edge in index.called(name, edges[0].role)) for name in pool}
    for edge in edges:
        options = one_of_four(edge.subject, edge.object, pool, reach, task.lang, seed)
        words = asked_words("inverse", task.lang)[edge.role]
        split = split_of(f"{edge.role} {fold(edge.object)}", shares, seed)
        yield _case(edge, (words, edge.object), edge.subject, options, split), edge.fact.id


def _case(
    edge: Edge, asked: tuple[str, str], answer: str, options: tuple[str, ...] | None, split: Split
) -> Case | None:
    if options is None:
        return None
    return Case(
        split=split,
        family=digest("atomic", edge.subject)[:12],
        values=(("asked", asked[0]), ("entry", asked[1])),
        answer=answer,
        options=options,
        facts=(edge.fact,),
        source=edge.source,
    )
