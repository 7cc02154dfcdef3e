"""What one looks for in training rows: the texts of the evaluation rows, whole and in part.

Boilerplate is left aside by tokens: a token is boilerplate when it lies in a run (`common_words`, `common_characters`)
that the prompts hold, or that stands in the evaluation rows of many families. Training rows have boilerplate of their
own; what stands in many of them is left aside in a second comparison, beside the first and not in its place, so that a
question copied into training many times does not hide itself.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clinforge.data.contamination import Decontaminate, Level, Part
from clinforge.data.draw import ordered
from clinforge.data.near import NearIndex, band_keys, signatures
from clinforge.data.rows import Row, answer_of, question_of, text_of, turns_of
from clinforge.data.shingles import Hashes, Tokens, covered, frequent, runs, shingles, tokens, whole, within
from clinforge.model.prompts import all_prompts
from clinforge.records import Document

_COUNTED = 20_000
"""Training rows in which the share of a run is estimated."""


@dataclass(frozen=True)
class Unit:
    """A text of an evaluation row that training may not hold."""

    target: int
    """Place of the evaluation row."""
    part: Part
    text: Tokens


class Match(NamedTuple):
    """A unit that was found in a training row."""

    unit: Unit
    level: Level
    overlap: float


class TrainingText(NamedTuple):
    """A training row's texts: all of it, and its parts; and what it offers as options."""

    all: Tokens
    parts: tuple[Tokens, ...]
    options: frozenset[int]

    @classmethod
    def of(cls, row: Row) -> "TrainingText":
        """Read a row."""
        texts = dict.fromkeys((text_of(row), question_of(row), *turns_of(row), answer_of(row), *row.options))
        return cls(tokens(text_of(row)), tuple(tokens(text) for text in texts), options_of(row))


def options_of(row: Row) -> frozenset[int]:
    """A row's options as hashes."""
    return frozenset(whole(tokens(option).hashes) for option in row.options)


def units_of(target: int, row: Row) -> Iterator[Unit]:
    """The texts of an evaluation row: its question, and its options or else its answer."""
    yield Unit(target, "question", tokens(question_of(row)))
    if row.options:
        yield from (Unit(target, "options", tokens(option)) for option in row.options)
    elif answer := answer_of(row):
        yield Unit(target, "answer", tokens(answer))


def family_of(row: Row) -> Hashable:
    """What rows have in common that may well share a text."""
    family = row.patient_id if isinstance(row, Document) else row.family_id
    return (type(row).__name__, family) if family else row.id


def core(text: Tokens, mask: Hashes, settings: Decontaminate) -> Tokens:
    """A text without its boilerplate."""
    if not len(mask):
        return text
    return Tokens(text.hashes[~covered(text.hashes, settings.common_length(text.lang), mask)], text.lang)


def boilerplate(
    units: Sequence[Unit], families: Sequence[Hashable], training: Sequence[Row], settings: Decontaminate
) -> tuple[Hashes, ...]:
    """Runs that are boilerplate: first those of prompts and evaluation rows, then with those of training rows too."""

    def of(text: Tokens) -> Hashes:
        return shingles(text.hashes, settings.common_length(text.lang))

    wordings = (re.split(r"\{\w+\}", prompt.text) for prompt in all_prompts().values())
    fixed = {*(part for parts in wordings for part in parts), *(p.system for p in all_prompts().values())}
    known = [of(tokens(text)) for text in (*sorted(fixed), *settings.boilerplate)]
    by_family: dict[Hashable, list[Hashes]] = defaultdict(list)
    for unit in units:
        by_family[families[unit.target]].append(of(unit.text))
    asked = frequent((np.unique(np.concatenate(sets)) for sets in by_family.values()), settings.common_rows)
    narrow = np.unique(np.concatenate([*known, asked]))
    chosen = ordered(range(len(training)), "counted")[:_COUNTED] if len(training) > _COUNTED else range(len(training))
    many = max(settings.common_rows, settings.common_share * len(chosen))
    wide = np.union1d(narrow, frequent((of(tokens(text_of(training[place]))) for place in chosen), many))
    return (narrow,) if len(wide) == len(narrow) else (narrow, wide)


class WholeIndex:
    """Finds units that stand in a training row as one of its texts, with or without the boilerplate."""

    def __init__(
        self, units: Sequence[Unit], masks: Sequence[Hashes], families: Sequence[Hashable], settings: Decontaminate
    ) -> None:
        self._settings = settings
        self._masks = masks
        self._units: dict[int, list[Unit]] = defaultdict(list)
        for unit in units:
            for key in self._keys(unit.text, short=unit.part == "question"):
                self._units[key].append(unit)
        for key, found in list(self._units.items()):
            if len({families[unit.target] for unit in found}) > settings.common_rows:
                del self._units[key]

    def find(self, row: TrainingText) -> Iterator[Match]:
        """The units that the row holds."""
        for key in {key for part in row.parts for key in self._keys(part, short=True)}:
            yield from (Match(unit, "exact", 1.0) for unit in self._units.get(key, ()))

    def _keys(self, text: Tokens, *, short: bool) -> set[int]:
        """Hashes of the text and of what it is without boilerplate; with `short`, of the text however short."""
        least = self._settings.least(text.lang)
        left = [text.hashes, *(core(text, mask, self._settings).hashes for mask in self._masks)]
        keys = {whole(hashes) for hashes in left if len(hashes) >= least}
        return keys | {whole(text.hashes)} if short and len(text.hashes) else keys


class GramIndex:
    """Finds units of which a training row holds a large share of the n-grams.

    N-grams are taken from the stretches between the boilerplate, as far as these are long enough. A text that has only
    one stretch is found by it even if it is shorter, unless it is too short to tell anything.
    """

    def __init__(self, units: Sequence[Unit], mask: Hashes, settings: Decontaminate) -> None:
        self._settings = settings
        self._units = [unit for unit in units if unit.part != "options"]
        self._places: dict[int, list[int]] = defaultdict(list)
        self._totals: list[int] = []
        self._complete: list[bool] = []
        self._lengths: set[int] = set()
        for place, unit in enumerate(self._units):
            telling, complete = self._telling(unit.text, mask)
            self._totals.append(len(telling))
            self._complete.append(complete)
            for gram in telling.tolist():
                self._places[gram].append(place)
        self._ascending = np.array(sorted(self._places), dtype=np.uint64)

    @property
    def judged(self) -> set[int]:
        """Places of evaluation rows that can be found here."""
        return {unit.target for unit, total in zip(self._units, self._totals, strict=True) if total}

    def find(self, row: TrainingText) -> Iterator[Match]:
        """The units of which the row holds enough; 'exact' where it holds the whole."""
        grams = [runs(row.all.hashes, length) for length in self._lengths if length <= len(row.all.hashes)]
        found = np.unique(np.concatenate([np.empty(0, np.uint64), *grams]))
        hits = found[within(found, self._ascending)].tolist()
        for place, count in Counter(place for gram in hits for place in self._places[gram]).items():
            share = count / self._totals[place]
            if share == 1 and self._complete[place]:
                yield Match(self._units[place], "exact", 1.0)
            elif share >= self._settings.ngram_share:
                yield Match(self._units[place], "ngram", share)

    def _telling(self, text: Tokens, mask: Hashes) -> tuple[Hashes, bool]:
        """(n-grams that count, whether they cover the text)."""
        least, longest = self._settings.least(text.lang), self._settings.ngram_length(text.lang)
        common = covered(text.hashes, self._settings.common_length(text.lang), mask)
        edges = np.flatnonzero(np.diff(common, prepend=True, append=True)).reshape(-1, 2)
        fewest = least if len(edges) == 1 else longest
        stretches = [text.hashes[start:end] for start, end in edges.tolist() if end - start >= fewest]
        self._lengths |= {min(longest, len(stretch)) for stretch in stretches}
        grams = [runs(stretch, longest) for stretch in stretches]
        return np.unique(np.concatenate([np.empty(0, np.uint64), *grams])), not common.any()


class CoreIndex:
    """Finds units that a part of a training row resembles, the boilerplate of one mask left aside."""

    def __init__(self, units: Sequence[Unit], mask: Hashes, settings: Decontaminate) -> None:
        self._settings = settings
        self._mask = mask
        cores = [(unit, self._shingles(unit.text)) for unit in units if unit.part != "options"]
        self._units = [(unit, own) for unit, own in cores if len(own)]
        found = signatures((own for _, own in self._units), settings.near)
        self._near = NearIndex(found, settings.near)
        for number, bands in enumerate(band_keys(found, settings.near).tolist()):
            self._near.add(number, self._units[number][1], bands)

    @property
    def judged(self) -> set[int]:
        """Places of evaluation rows that can be found here."""
        return {unit.target for unit, _ in self._units}

    def find(self, rows: Sequence[TrainingText]) -> Iterator[tuple[int, Match]]:
        """(place in `rows`, match) for each unit that a part of a row resembles."""
        cores = [(place, self._shingles(part)) for place, row in enumerate(rows) for part in row.parts]
        cores = [(place, own) for place, own in cores if len(own)]
        values = signatures((own for _, own in cores), self._settings.near)
        keys = band_keys(values, self._settings.near)
        for (place, own), signature, bands in zip(cores, values, keys, strict=True):
            for number, similarity in self._near.alike(own, signature, bands.tolist()):
                yield place, Match(self._units[number][0], "near", similarity)

    def _shingles(self, text: Tokens) -> Hashes:
        left = core(text, self._mask, self._settings).hashes
        if len(left) < self._settings.least(text.lang):
            return np.empty(0, dtype=np.uint64)
        return shingles(left, self._settings.near.run_length(text.lang))


def option_sets(
    rows: Sequence[Row], families: Sequence[Hashable], training: Sequence[Row], settings: Decontaminate
) -> Mapping[frozenset[int], list[int]]:
    """Places of evaluation rows by their set of options.

    Left out are sets that say little (yes, no, maybe) and those that many rows share on either side: they are the
    labels of a task, not the choices of a question.
    """
    found: dict[frozenset[int], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        said = tokens("\n".join(row.options))
        if len(row.options) > 1 and len(said.hashes) >= settings.least(said.lang):
            found[options_of(row)].append(place)
    taught = Counter(options_of(row) for row in training if row.options)
    return {
        key: places
        for key, places in found.items()
        if max(len({families[place] for place in places}), taught[key]) <= settings.common_rows
    }


def by_key(pairs: Iterable[tuple[Hashable, int]]) -> dict[Hashable, int]:
    """The first place of each key."""
    first: dict[Hashable, int] = {}
    for key, place in pairs:
        first.setdefault(key, place)
    return first
