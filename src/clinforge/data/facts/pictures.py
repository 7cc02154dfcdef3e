"""A disease as one source pictures it, and the distinct cases that the picture allows.

A case is drawn as patients are: each finding is there with the share of patients that the source states (where it
states none, as likely as not), then a few of those that are there are told. Sex and age stay within what the source
says; an age it does not state is not made up.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TypeVar

from clinforge.data.draw import fraction, pick
from clinforge.data.facts.index import Edge
from clinforge.data.facts.names import fold, is_short
from clinforge.knowledge.graphs.hpo import load_hpo
from clinforge.knowledge.graphs.hpo_profiles import Sex
from clinforge.records import Lang

T = TypeVar("T")
_UNKNOWN_SHARE = 0.5
_PATIENCE = 500
"""Draws without a new case after which the remaining cases are listed instead."""
_SEXES: tuple[Sex, ...] = ("female", "male")


@dataclass(frozen=True)
class Drawn:
    """A patient with some of a disease's findings."""

    shown: tuple[Edge, ...]
    sex: Sex
    age: int | None
    """In years; None where the source states none."""
    stated: Edge | None
    """What the source says of who falls ill, if sex or age come from there."""

    @property
    def names(self) -> frozenset[str]:
        """The findings' names."""
        return frozenset(edge.object for edge in self.shown)

    @property
    def key(self) -> tuple[frozenset[str], Sex, int | None]:
        """What makes two cases the same."""
        return self.names, self.sex, self.age


@dataclass(frozen=True)
class Picture:
    """What one source says of one disease in one language."""

    lang: Lang
    source: str
    subject: str
    name: str
    findings: tuple[Edge, ...]
    people: tuple[Edge, ...]
    dropped: Counter[str]
    """Findings left out, by reason."""

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the findings."""
        return frozenset(edge.object for edge in self.findings)

    @cached_property
    def clashes(self) -> Mapping[str, frozenset[str]]:
        """Finding -> findings that are never told beside it: one is a more general name of the other."""
        return {
            one.object: frozenset(other.object for other in self.findings if other != one and _alike(one, other))
            for one in self.findings
        }


def picture_of(subject: str, known: Iterable[Edge], names: Iterable[str]) -> Picture | None:
    """The picture without findings that name the disease or have a fault; None if nothing is left.

    `known` are the edges of the subject. `names` are all names of the disease: a finding that holds one, or is part of
    one, gives it away.
    """
    edges = list(known)
    forbidden = {fold(name) for name in names if not is_short(name)}
    dropped = Counter[str]()
    by_name: dict[str, Edge] = {}
    for edge in edges:
        if edge.role != "finding":
            continue
        fault = edge.fault or ("finding: it names the disease" if _tells(fold(edge.object), forbidden) else "")
        if fault:
            dropped[fault] += 1
        else:
            by_name.setdefault(edge.object, edge)
    if not by_name:
        return None
    first = next(iter(by_name.values()))
    people = tuple(edge for edge in edges if edge.role == "people" and not edge.fault)
    ordered = tuple(by_name[name] for name in sorted(by_name))
    return Picture(first.lang, first.source, subject, first.subject, ordered, people, dropped)


def distinct_cases(picture: Picture, sizes: Sequence[int], seed: int) -> Iterator[Drawn]:
    """All cases of the picture with as many findings as `sizes` allows, each once: likely ones first.

    Seeded. When drawing gives nothing new any more, the cases that are left are listed in the order of their findings.
    """
    seen = set[object]()
    turn, misses = 0, 0
    while misses < _PATIENCE:
        drawn = _draw(picture, sizes, (seed, turn))
        turn += 1
        if drawn is None or drawn.key in seen:
            misses += 1
            continue
        misses = 0
        seen.add(drawn.key)
        yield drawn
    for drawn in every_case(picture, sizes):
        if drawn.key not in seen:
            seen.add(drawn.key)
            yield drawn


def every_case(picture: Picture, sizes: Sequence[int]) -> Iterator[Drawn]:
    """Every case in the order of its findings; a case may come twice where two statements allow it."""
    for size in sizes:
        for shown in combinations(picture.findings, size):
            names = {edge.object for edge in shown}
            if any(picture.clashes[name] & names for name in names) or not _has_complaint(shown):
                continue
            for stated in picture.people or (None,):
                for sex in _sexes(stated):
                    if all(edge.sex in (None, sex) for edge in shown):
                        yield from (Drawn(shown, sex, age, stated) for age in _ages(stated))


def take_turns(streams: Iterable[Iterator[T]]) -> Iterator[T]:
    """One item of each stream in turn; a stream that has ended is left out."""
    open_streams = list(streams)
    while open_streams:
        for stream in tuple(open_streams):
            for item in stream:
                yield item
                break
            else:
                open_streams.remove(stream)


def _draw(picture: Picture, sizes: Sequence[int], draw: tuple[int, int]) -> Drawn | None:
    """A patient, or None if too few findings are there to be told."""
    place = (*draw, picture.source, picture.subject)
    stated = pick(picture.people, "people", *place) if picture.people else None
    sex = pick(_sexes(stated), "sex", *place)
    present = [
        edge
        for edge in picture.findings
        if edge.sex in (None, sex)
        and fraction("present", *place, edge.object) < (_UNKNOWN_SHARE if edge.share is None else edge.share)
    ]
    size = pick(sizes, "size", *place)
    shown: list[Edge] = []
    for edge in sorted(present, key=lambda edge: fraction("order", *place, edge.object)):
        if len(shown) < size and not picture.clashes[edge.object] & {told.object for told in shown}:
            shown.append(edge)
    if len(shown) < size or not _has_complaint(shown):
        return None
    ages = _ages(stated)
    return Drawn(tuple(sorted(shown, key=lambda edge: edge.object)), sex, pick(ages, "age", *place), stated)


def _has_complaint(shown: Iterable[Edge]) -> bool:
    return any(not edge.test for edge in shown)


def _sexes(stated: Edge | None) -> tuple[Sex, ...]:
    return (stated.sex,) if stated and stated.sex else _SEXES


def _ages(stated: Edge | None) -> Sequence[int | None]:
    return range(stated.ages[0], stated.ages[1] + 1) if stated and stated.ages else (None,)


def _alike(one: Edge, other: Edge) -> bool:
    first, second = fold(one.object), fold(other.object)
    if first in second or second in first:
        return True
    terms = [edge.value.partition(" ")[0] for edge in (one, other)]
    hpo = load_hpo() if all(term.startswith("HP:") for term in terms) else None
    return hpo is not None and (terms[0] in hpo.ancestors(terms[1]) or terms[1] in hpo.ancestors(terms[0]))


def _tells(finding: str, names: Iterable[str]) -> bool:
    return any(name in finding or finding in name for name in names)
