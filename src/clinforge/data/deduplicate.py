"""Rows that repeat another: the same text, or one so alike that it teaches nothing new.

    rows, the most trusted first ─▶ same tokens ─▶ alike ─▶ kept rows in their old order + what each dropped one repeats

Memory: beside the rows themselves less than a kilobyte a row, and the shingles of rows that share a band with another.
Time grows in proportion to the rows; it grows faster where thousands of rows share a template that `ignore_share` does
not leave aside, because they are all candidates for each other.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from pydantic import Field

from clinforge.config import Settings
from clinforge.data.draw import digest
from clinforge.data.likeness import Likeness
from clinforge.data.near import NearIndex, band_keys, signatures
from clinforge.data.rows import Row, text_of
from clinforge.data.shingles import Hashes, frequent, jaccard, shingles, tokens, within, words_of
from clinforge.records import Document, Record, Sample

RowT = TypeVar("RowT", Document, Sample)
_COUNTED = 20_000
"""Rows from which the share of a shingle is estimated."""
_FEW = 50
"""What stands in no more rows than this is never taken for boilerplate: so many copies of one text are still found."""


class Repeat(Record):
    """A row that was dropped because it repeats one that was kept."""

    row_id: str
    repeats: str
    """Id of the row that was kept."""
    similarity: float
    """Jaccard similarity of the two, the smaller of those with and without what many rows share; 1 for the same
    tokens."""
    reason: Literal["exact duplicate", "near-duplicate"]


@dataclass(frozen=True)
class Deduplicated(Generic[RowT]):
    """Kept rows in their old order, and for each dropped one what it repeats, in the order of the rows."""

    kept: tuple[RowT, ...]
    repeats: tuple[Repeat, ...]

    @property
    def dropped(self) -> Counter[str]:
        """Dropped rows by reason, for the lineage."""
        return Counter(repeat.reason for repeat in self.repeats)


class Deduplicate(Settings):
    """Keeps one of each group of rows that say the same: the most trusted, and among equals the earliest.

    Every dropped row is as alike as `near.threshold` to the row it repeats, which is kept; likeness is not passed on
    from row to row. A row without any word is nobody's duplicate.
    """

    kind: Literal["deduplicate"] = "deduplicate"
    trust: tuple[str, ...] = ()
    """Sources from the most to the least trusted; those not named come after them."""
    near: Likeness | None = Likeness()
    """When two texts are near-duplicates; null drops exact ones only."""
    ignore_share: float = Field(default=0.005, gt=0, le=1)
    """Runs that stand in more than this share of the rows (and in more than fifty) do not make two rows alike:
    disclaimers, letterheads, answers that differ in one name only. Two rows have to be alike with and without them;
    rows that hold nothing else are compared by all they have. 1 leaves nothing aside."""

    def __call__(self, rows: Sequence[RowT]) -> Deduplicated[RowT]:
        """Find the repeats. The same rows give the same result, whatever the process."""
        ranks = {source: rank for rank, source in enumerate(self.trust)}
        order = sorted(range(len(rows)), key=lambda place: (ranks.get(rows[place].source, len(ranks)), place))
        repeats: dict[int, Repeat] = {}
        unique = _drop_exact(rows, order, repeats)
        if self.near is not None:
            _drop_near(rows, unique, repeats, self.near, self.ignore_share)
        kept = tuple(row for place, row in enumerate(rows) if place not in repeats)
        return Deduplicated(kept, tuple(repeats[place] for place in sorted(repeats)))


def _drop_exact(rows: Sequence[Row], order: Sequence[int], repeats: dict[int, Repeat]) -> list[int]:
    """Places of rows with tokens of their own, in the given order; the others are added to `repeats`."""
    first_with: dict[bytes, int] = {}
    unique: list[int] = []
    for place in order:
        words = words_of(text_of(rows[place]))
        if not words:
            continue
        key = hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        first = first_with.setdefault(key, place)
        if first == place:
            unique.append(place)
        else:
            repeats[place] = Repeat(
                row_id=rows[place].id, repeats=rows[first].id, similarity=1, reason="exact duplicate"
            )
    return unique


def _drop_near(
    rows: Sequence[Row],
    unique: Sequence[int],
    repeats: dict[int, Repeat],
    near: Likeness,
    ignore_share: float,
) -> None:
    ignored = _boilerplate(rows, unique, near, ignore_share)

    def telling(place: int) -> Hashes:
        return _without(_shingles(rows[place], near), ignored)

    found = signatures((telling(place) for place in unique), near)
    keys = band_keys(found, near)
    values, counts = np.unique(keys, return_counts=True)
    shared = within(keys.ravel(), values[counts > 1]).reshape(keys.shape)
    index = NearIndex(found, near)
    for number in np.flatnonzero(shared.any(axis=1)).tolist():
        place, own, bands = unique[number], telling(unique[number]), keys[number, shared[number]].tolist()
        for other, similarity in index.alike(own, found[number], bands):
            first = unique[other]
            full = jaccard(_shingles(rows[place], near), _shingles(rows[first], near)) if len(ignored) else similarity
            if full >= near.threshold:
                likeness = round(min(similarity, full), 4)
                repeats[place] = Repeat(
                    row_id=rows[place].id, repeats=rows[first].id, similarity=likeness, reason="near-duplicate"
                )
                break
        else:
            index.add(number, own, bands)


def _shingles(row: Row, near: Likeness) -> Hashes:
    read = tokens(text_of(row))
    return shingles(read.hashes, near.run_length(read.lang))


def _without(own: Hashes, ignored: Hashes) -> Hashes:
    """The shingles that are not ignored, or all of them where nothing else is left."""
    left = own[~within(own, ignored)] if len(ignored) else own
    return left if len(left) else own


def _boilerplate(rows: Sequence[Row], unique: Sequence[int], near: Likeness, ignore_share: float) -> Hashes:
    """Shingles of more than a share of the rows, estimated on rows chosen by hash of their ids."""
    if ignore_share >= 1:
        return np.empty(0, dtype=np.uint64)
    chosen = unique
    if len(unique) > _COUNTED:
        chosen = sorted(unique, key=lambda place: (digest("counted", rows[place].id), place))[:_COUNTED]
    return frequent((_shingles(rows[place], near) for place in chosen), max(_FEW, ignore_share * len(chosen)))
