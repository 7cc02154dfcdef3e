"""Two facts joined over a disease that the question does not name: finding → disease → what is known of it.

A question is asked only if every disease with the finding leads to one and the same answer. The disease's own fact is
always taught (with another finding), so the test asks for a new way to something known: recall, never generalisation.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from clinforge.data.deleak import stems
from clinforge.data.draw import digest, ordered, pick
from clinforge.data.facts.index import Edge, FactIndex, Role
from clinforge.data.facts.names import fold
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, Purpose, TaskResult, finish
from clinforge.data.tasks.graph_task import GraphTask, asked_words, one_of_four, taught_first
from clinforge.records import Lang

End = Literal["department", "examination", "gene", "drug"]
_SPARE = 4
"""Questions tried per sample wanted, since some cannot be asked without a hint or are not taught."""
Route = tuple[Edge, Edge]
"""Disease has finding; disease leads to the answer."""


class MultiHop(GraphTask):
    """Questions over two facts, four options, symmetric de-leak."""

    kind: Literal["multi_hop"] = "multi_hop"
    num_train: int = Field(default=300, ge=1)
    num_validation: int = Field(default=20, ge=0)
    num_test: int = Field(default=100, ge=0)
    ends: tuple[End, ...] = ("department", "examination", "gene", "drug")
    """What is asked of the disease; a kind that the graph does not have gives no question."""
    shares: Shares = Shares(validation=0.1, test=0.3)

    purpose: ClassVar[Purpose] = "recall"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Two facts joined", "zh": "两步推理"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Known diseases reached by another finding: recall, not generalisation.",
        "zh": "由另一体征指向已学疾病：反映记忆，不代表泛化。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @model_validator(mode="after")
    def _teach_what_is_tested(self) -> "MultiHop":
        if self.num_train < self.num_validation + self.num_test:
            raise ValueError("num_train must be at least num_validation + num_test: what is tested has to be taught")
        return self

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        index = self.index(faults := list[str]())
        dropped = Counter[str]()
        joined, asked, cases = 0, 0, list[tuple[Case, str]]()
        for end in self.ends:
            found = list(_paths(index, end, seed, dropped))
            enough = _SPARE * (self.num_train + self.num_validation + self.num_test)
            # Disease by disease: the second fact of a tested path has to be on a path of training too.
            paths = sorted(found, key=lambda path: digest(seed, "paths", path[0].about))[:enough]
            joined += len(found)
            asked += len(paths)
            pool = ordered({second.object for _, second in paths}, seed, "answers", end)
            reach = {name: _findings_before(index, name, end) for name in pool}
            for path in paths:
                case = self._case(path, pool, reach, seed)
                if case:
                    cases.append((case, path[1].fact.id))
        findings = len(index.objects("finding")) * len(self.ends)
        taken = index.num_edges + index.dropped.total()
        lineage.record(self.label, "facts", self.model_dump(), (taken, index.num_edges), index.dropped)
        lineage.record(self.label, "join", self.model_dump(), (findings, joined), dropped)
        kept = taught_first(self, cases, seed)
        spare = joined - asked + len(cases) - len(kept)
        left = {"a name gives it away": asked - len(cases), "not needed, or not taught": spare}
        lineage.record(self.label, "compose", self.model_dump(), (joined, len(kept)), left)
        return replace(finish(self, kept, seed, lineage), faults=tuple(faults))

    def _case(self, path: Route, pool: Sequence[str], reach: Mapping[str, frozenset[str]], seed: int) -> Case | None:
        first, second = path
        options = one_of_four(second.object, first.object, pool, reach, self.lang, seed)
        if options is None:
            return None
        return Case(
            split=split_of(f"{second.role} {fold(first.object)}", self.shares, seed),
            family=digest("hop", first.subject)[:12],
            values=(("asked", asked_words("joined", self.lang)[second.role]), ("finding", first.object)),
            answer=second.object,
            options=options,
            facts=(first.fact, second.fact),
            source=first.source,
        )


def _paths(index: FactIndex, end: Role, seed: int, dropped: Counter[str]) -> Iterator[Route]:
    """One path for each finding from which the graph has exactly one answer, over a disease that it does not name."""
    for finding in index.objects("finding"):
        before = index.naming(finding, "finding")
        fault = _fault_of_join(index, before, end)
        fit = [] if fault else [edge for edge in before if not _leaks(edge)]
        if fit:
            first = pick(fit, seed, "path", finding, end)
            yield first, index.about(first.about, end)[0]
        else:
            dropped[fault or "the finding names the disease"] += 1


def _fault_of_join(index: FactIndex, before: Sequence[Edge], end: Role) -> str:
    """Why the diseases with a finding do not all lead to one answer, or '' if they do."""
    answers = set[str]()
    for edge in before:
        after = index.about(edge.about, end)
        answers.update(other.object for other in after)
        if not after:
            return "a disease with the finding has no such fact"
        if len(answers) > 1:
            return "several answers"
    return ""


def _leaks(edge: Edge) -> bool:
    lang = edge.lang
    name, finding = fold(edge.subject), fold(edge.object)
    return name in finding or finding in name or bool(stems(edge.subject, lang) & stems(edge.object, lang))


def _findings_before(index: FactIndex, answer: str, end: Role) -> frozenset[str]:
    """Findings of every disease that leads to the answer."""
    diseases = {edge.about for edge in index.naming(answer, end)}
    return frozenset(edge.object for disease in diseases for edge in index.about(disease, "finding"))
