"""What tasks on any graph share: which facts they use, and four options that the facts leave one right answer of."""

import tomllib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field

from clinforge.data.draw import digest, whole
from clinforge.data.facts.edges import chinese_graph, common_graph, own_graph, rare_graph
from clinforge.data.facts.index import FactIndex, Role
from clinforge.data.facts.pictures import Picture
from clinforge.data.lineage import Lineage
from clinforge.data.split import balanced
from clinforge.data.tasks.base import Case, CountedTask, TaskSettings, one_case_a_question
from clinforge.data.tasks.choices import four_options
from clinforge.knowledge.graphs.triples import Triples
from clinforge.records import Lang

_WINDOW = 60
"""Wrong options are looked for among so many names at a time."""


class GraphTask(CountedTask):
    """A task on the facts of one graph in one language."""

    lang: Lang
    graph: Literal["main", "common"] = "main"
    """`main`: CMeKG in Chinese, HPO in English; `common`: the parallel tables of common diseases."""
    facts: Triples | None = None
    """Your own facts; they take the place of the built-in graph."""
    predicates: dict[str, Role] = Field(default={})
    """Role of each predicate of your own facts that is not a known one."""

    @property
    def language(self) -> Lang:
        """As set."""
        return self.lang

    def index(self, faults: list[str]) -> FactIndex:
        """The facts to ask about; bad rows of a user's file are noted in `faults`."""
        if self.facts:
            return own_graph(self.facts, self.predicates, (self.lang,), faults)
        if self.graph == "common":
            return common_graph(self.lang)
        return chinese_graph() if self.lang == "zh" else rare_graph()


def one_of_four(
    answer: str, shown: str, pool: Sequence[str], reach: Mapping[str, frozenset[str]], lang: Lang, seed: int
) -> tuple[str, ...] | None:
    """The answer among three names of `pool` that `shown` does not lead to, symmetrically de-leaked; None if it cannot.

    `reach` is name -> everything that leads to it. Of a large pool a part that is fixed by the question is used.
    """
    start = whole(0, len(pool) - 1, seed, "window", answer, shown)
    names = [*pool[start : start + _WINDOW], *pool[: max(0, start + _WINDOW - len(pool))]]
    profiles = {name: reach[name] for name in (answer, *names)}
    return four_options(answer, (shown,), profiles, lang, seed)


@cache
def asked_words(way: Literal["forward", "inverse", "joined"], lang: Lang) -> Mapping[str, str]:
    """Role -> what is asked for, in words."""
    table: dict[str, Any] = tomllib.loads((files("clinforge.data.tasks") / "asked.toml").read_text(encoding="utf-8"))
    return table[way][lang]


def record_findings(lineage: Lineage, task: TaskSettings, lang: Lang, pictures: Iterable[Picture]) -> None:
    """Note how many findings the pictures have, and which were left out."""
    pictures = list(pictures)
    kept, dropped = 0, Counter[str]()
    for picture in pictures:
        kept += len(picture.findings)
        dropped += picture.dropped
    lineage.record(f"{task.task}.{lang}", "facts", task.model_dump(), (kept + dropped.total(), kept), dropped)


def taught_first(task: CountedTask, cases: Iterable[tuple[Case, Hashable]], seed: int) -> list[Case]:
    """As many cases as the task wants, such that the key of every test and validation case is also in training.

    Fewer where there are not so many. The order of choice is fixed by the seed; what is asked for (the first field)
    takes turns, as far as there are cases of it.
    """
    keys = dict(cases)
    keys = {case: keys[case] for case in one_case_a_question(keys)[0]}
    asked = {case: case.values[0][1] if case.options else "" for case in keys}
    order = balanced(keys, len(keys), labels=asked, keys={case: digest(seed, case.question) for case in keys})
    ranked = [(case, keys[case]) for case in order]
    lessons = {key: case for case, key in reversed(ranked) if case.split == "train"}
    chosen: list[Case] = []
    needed: dict[Hashable, Case] = {}
    for split in ("validation", "test"):
        fit = [(case, key) for case, key in ranked if case.split == split and key in lessons][: task.wanted(split)]
        chosen += [case for case, _ in fit]
        needed |= {key: lessons[key] for _, key in fit}
    first = set(needed.values())
    rest = [case for case, _ in ranked if case.split == "train" and case not in first]
    return [*chosen, *first, *rest][: len(chosen) + task.num_train]
