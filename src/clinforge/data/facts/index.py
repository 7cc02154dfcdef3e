"""Facts with the role they play, found by subject and by object: the one shape that tasks compose samples from."""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from clinforge.knowledge.graphs.hpo_profiles import Sex
from clinforge.records import Fact, Lang

Role = Literal[
    "finding", "department", "examination", "drug", "indication", "gene", "icd10", "english_name", "alias", "people"
]
"""What a fact says of its subject; `people` is who falls ill: sex and age."""

_SPAN = r"(\d{1,3})[-~～－–—至到](\d{1,3})(?:岁|years?)"
_OLDEST = 120


@dataclass(frozen=True)
class Edge:
    """A fact in a role, with what its source says besides."""

    role: Role
    about: str
    """The subject as the fact names it, with the source's id."""
    predicate: str
    value: str
    """The object as the fact names it."""
    lang: Lang
    source: str
    subject: str
    """The subject's name as people read it."""
    object: str
    """The object's name as people read it."""
    share: float | None = None
    """Of a finding: share of patients who have it, 0 < share <= 1."""
    sex: Sex | None = None
    """The only sex for which it holds."""
    ages: tuple[int, int] | None = None
    """Of `people`: first and last year of age."""
    test: bool = False
    """Of a finding: a test's result rather than what a patient says or shows."""
    fault: str = ""
    """Why it is not used, '' if it is: an index leaves it out and counts it."""
    fact_id: str = ""
    """Of a user's fact: its own id."""

    @property
    def fact(self) -> Fact:
        """The fact itself. Made when asked for: a graph has hundreds of thousands, a dataset some."""
        if not self.fact_id:
            return Fact.of(self.about, self.predicate, self.value, self.lang, self.source)
        return Fact(
            id=self.fact_id,
            subject=self.about,
            predicate=self.predicate,
            object=self.value,
            lang=self.lang,
            source=self.source,
        )


class FactIndex:
    """Edges by subject and role, and by object and role; equal edges in any order give an equal index."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self.dropped = Counter[str]()
        """What was left out, by reason."""
        self.num_edges = 0
        self._about = defaultdict[tuple[str, Role], list[Edge]](list)
        self._called = defaultdict[tuple[str, Role], list[Edge]](list)
        self._naming = defaultdict[tuple[str, Role], list[Edge]](list)
        for edge in sorted(edges, key=lambda edge: (edge.about, edge.role, edge.object, edge.predicate, edge.fact_id)):
            if edge.fault:
                self.dropped[edge.fault] += 1
                continue
            self.num_edges += 1
            self._about[edge.about, edge.role].append(edge)
            self._called[edge.subject, edge.role].append(edge)
            self._naming[edge.object, edge.role].append(edge)

    def about(self, subject: str, role: Role) -> Sequence[Edge]:
        """What is known of a subject, named as its facts name it."""
        return self._about.get((subject, role), ())

    def all_about(self, subject: str) -> tuple[Edge, ...]:
        """What is known of a subject in any role."""
        return tuple(edge for role in get_args(Role) for edge in self.about(subject, role))

    def called(self, name: str, role: Role) -> Sequence[Edge]:
        """What is known of all subjects of this name; sources may have one each."""
        return self._called.get((name, role), ())

    def naming(self, name: str, role: Role) -> Sequence[Edge]:
        """The edges that lead to an object of this name."""
        return self._naming.get((name, role), ())

    def subjects(self, role: Role) -> list[str]:
        """Subjects of which something of this role is known, sorted."""
        return sorted(subject for subject, known in self._about if known == role)

    def objects(self, role: Role) -> list[str]:
        """Names of objects of this role, sorted."""
        return sorted(name for name, known in self._naming if known == role)


def edges_of(facts: Iterable[Fact], roles: Mapping[str, Role]) -> Iterator[Edge]:
    """Facts of any origin as edges; `roles` (predicate -> role) goes before the known predicates of `roles.toml`.

    A fact whose predicate has no role is left out. Names are shown as the facts have them.
    """
    known = known_roles() | dict(roles)
    for row in facts:
        role = known.get(row.predicate)
        if role:
            sex, ages = people(row.object) if role == "people" else (None, None)
            stated = (row.subject, row.predicate, row.object, row.lang, row.source)
            yield Edge(role, *stated, row.subject, row.object, sex=sex, ages=ages, fact_id=row.id)


@cache
def known_roles() -> dict[str, Role]:
    """Predicate -> role, for the predicates of the built-in graphs and their plain names in both languages."""
    table: dict[Role, list[str]] = _table()["predicates"]
    return {predicate: role for role, predicates in table.items() for predicate in predicates}


def people(text: str) -> tuple[Sex | None, tuple[int, int] | None]:
    """Sex and ages that a text states beyond doubt, e.g. `40～50岁男性`: (None, None) for anything less exact."""
    words: dict[str, list[str]] = _table()["people"]
    rest, ages, sex = text.lower().replace(" ", ""), None, None
    span = re.search(_SPAN, rest)
    if span:
        ages = (int(span[1]), int(span[2]))
        rest = rest.replace(span[0], "", 1)
    for word in words["filler"]:
        rest = rest.replace(word, "")
    if rest in words["female"]:
        sex = "female"
    elif rest in words["male"]:
        sex = "male"
    elif rest:
        return None, None
    return sex, ages if ages and ages[0] <= ages[1] <= _OLDEST else None


def sex_in(text: str) -> Sex | None:
    """The sex that a Chinese name of a disease or finding allows, if its words allow only one."""
    found: list[Sex] = [sex for sex, words in _organs().items() if words.search(text)]
    return found[0] if len(found) == 1 else None


@cache
def _organs() -> dict[Sex, re.Pattern[str]]:
    table: dict[Sex, list[str]] = _table()["organs"]
    return {sex: re.compile("|".join(words)) for sex, words in table.items()}


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data.facts") / "roles.toml").read_text(encoding="utf-8"))
