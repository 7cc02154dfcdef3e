"""Facts with the role they play, found by subject and by object: the one shape that tasks compose samples from."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from clinforge.knowledge.graphs.hpo_profiles import Sex
from clinforge.records import Fact, Lang, content_hash

Role = Literal[
    "finding", "department", "examination", "drug", "indication", "gene", "icd10", "english_name", "alias", "people"
]
"""What a fact says of its subject; `people` is who falls ill: sex and age."""

_SPAN = r"(\d{1,3})[-~～－–—至到](\d{1,3})(?:岁|years?)"
_OLDEST = 120


@dataclass(frozen=True)
class Edge:
    """A fact, its role, and what the source says with it."""

    fact: Fact
    role: Role
    subject: str
    """The subject's name as people read it, without the source's id."""
    object: str
    share: float | None = None
    """Of a finding: share of patients who have it, 0 < share <= 1."""
    sex: Sex | None = None
    """The only sex for which it holds."""
    ages: tuple[int, int] | None = None
    """Of `people`: first and last year of age."""
    test: bool = False
    """Of a finding: a test's result rather than what a patient says or shows."""


class FactIndex:
    """Edges by subject and role, and by object and role; equal edges in any order give an equal index."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._about = defaultdict[tuple[str, Role], list[Edge]](list)
        self._called = defaultdict[tuple[str, Role], list[Edge]](list)
        self._naming = defaultdict[tuple[str, Role], list[Edge]](list)
        for edge in sorted(edges, key=lambda edge: (edge.fact.subject, edge.role, edge.object, edge.fact.id)):
            self._about[edge.fact.subject, edge.role].append(edge)
            self._called[edge.subject, edge.role].append(edge)
            self._naming[edge.object, edge.role].append(edge)

    def about(self, subject: str, role: Role) -> tuple[Edge, ...]:
        """What is known of a subject, named as its facts name it."""
        return tuple(self._about.get((subject, role), ()))

    def all_about(self, subject: str) -> tuple[Edge, ...]:
        """What is known of a subject in any role."""
        return tuple(edge for role in get_args(Role) for edge in self.about(subject, role))

    def called(self, name: str, role: Role) -> tuple[Edge, ...]:
        """What is known of all subjects of this name; sources may have one each."""
        return tuple(self._called.get((name, role), ()))

    def naming(self, name: str, role: Role) -> tuple[Edge, ...]:
        """The edges that lead to an object of this name."""
        return tuple(self._naming.get((name, role), ()))

    def subjects(self, role: Role) -> list[str]:
        """Subjects of which something of this role is known, sorted."""
        return sorted(subject for subject, known in self._about if known == role)

    def objects(self, role: Role) -> list[str]:
        """Names of objects of this role, sorted."""
        return sorted(name for name, known in self._naming if known == role)


def fact(subject: str, predicate: str, value: str, lang: Lang, source: str) -> Fact:
    """A fact whose id is the hash of its content."""
    key = content_hash([subject, predicate, value, lang, source])[:16]
    return Fact(id=key, subject=subject, predicate=predicate, object=value, lang=lang, source=source)


def edges_of(facts: Iterable[Fact], roles: Mapping[str, Role]) -> Iterator[Edge]:
    """Facts of any origin as edges; `roles` (predicate -> role) goes before the known predicates of `roles.toml`.

    A fact whose predicate has no role is left out. Names are shown as the facts have them.
    """
    known = known_roles() | dict(roles)
    for row in facts:
        role = known.get(row.predicate)
        if role:
            sex, ages = people(row.object) if role == "people" else (None, None)
            yield Edge(row, role, row.subject, row.object, sex=sex, ages=ages)


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


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data.facts") / "roles.toml").read_text(encoding="utf-8"))
