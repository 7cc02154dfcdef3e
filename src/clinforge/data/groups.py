"""Splits that never part what belongs together: the notes of one patient, the diseases of one family.

    rows ─▶ keys (patient, gene, ICD-10 category, ...) ─▶ groups: all rows linked by keys or likeness ─▶ splits

A group's split is a hash of its group key: among its keys, one of the relation that stands first in `by`; among
several of these, the one with the smallest hash. What holds when rows are added:

1. Rows with a key in common are in one split, always.
2. A group that no new row is linked to stays where it was.
3. A group that new rows join moves only if they bring the key that becomes its group key. The notes of a known patient
   bring none as long as `patient` stands first in `by`.
4. Groups that new rows merge take the split of one of them, or that of a key the new rows brought.
5. With the ledger of the earlier split, a row moves only when its group merges with one that is nearer to the test, and
   then towards the test: what was ever in the test is never in training afterwards.

Without a ledger no rule can promise 5 and keep the shares: a merged group would have to be in the test as soon as one
of its parts was, which makes large groups test groups more often than small ones.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.draw import digest
from clinforge.data.families import UnionFind, similar_links
from clinforge.data.likeness import Likeness
from clinforge.data.shingles import shingles, tokens, words_of
from clinforge.data.split import SPLITS, Shares, split_of
from clinforge.data.words import types_en, types_zh
from clinforge.errors import InputError
from clinforge.records import Document, Record, Split

Relation = Literal["patient", "gene", "icd10", "alias", "name", "alike"]


class Grouping(Settings):
    """What makes two documents one group.

    The patient is the document's `patient_id`; the other keys stand in its `meta`, as a text (several parted by `;` or
    `|`) or a list of texts.
    """

    by: tuple[Relation, ...] = Field(default=("patient",), min_length=1)
    """Relations, the steadiest first. patient: same patient. gene: a gene in common. icd10: a 3-character ICD-10
    category in common. alias: a name or alias in common. name: same name, its type and number left aside. alike:
    similar `features`."""
    gene: str = "gene"
    """Key of `meta` that holds genes."""
    icd10: str = "icd10"
    """Key of `meta` that holds ICD-10 codes."""
    name: str = "disease"
    """Key of `meta` that holds the disease's name."""
    alias: str = "alias"
    """Key of `meta` that holds its other names."""
    features: str = ""
    """Key of `meta` that holds what `alike` compares, e.g. symptoms; empty to compare the runs of words of the text.
    Compared exactly and in memory: meant for tens of thousands of documents."""
    threshold: float = Field(default=0.5, gt=0, le=1)
    """Jaccard similarity from which two documents are alike."""


class SplitSize(Record):
    """What one split got."""

    groups: int
    rows: int


class SplitReport(Record):
    """Sizes of a split by groups."""

    sizes: dict[Split, SplitSize]
    largest: int
    """Rows in the largest group. The shares hold for groups; rows can miss them by about this many."""
    without_key: int
    """Rows that have none of the keys asked for: each is a group of its own, or alike to others."""
    moved: int
    """Groups of which some key had another split in the earlier ledger."""


@dataclass(frozen=True)
class Grouped:
    """Split and group of each row, in the order of the rows."""

    splits: tuple[Split, ...]
    groups: tuple[str, ...]
    """Hash of the group key: a family id for samples made from the row."""
    ledger: dict[str, Split]
    """Split of each key, by the key's hash: what the next split of the grown data has to be given."""
    report: SplitReport


def split_by_group(
    rows: Sequence[Document],
    grouping: Grouping,
    shares: Shares,
    seed: int,
    previous: Mapping[str, Split] | None = None,
) -> Grouped:
    """Assign whole groups of documents to splits; in expectation over seeds each split gets its share of the rows.

    `previous` is the ledger of an earlier split. Raises InputError when there are no rows, or none for training.
    """
    if not rows:
        raise InputError("There are no documents to split.")
    keys = [(*keys_of(row, grouping), _row_key(row)) for row in rows]
    members = _members(rows, keys, grouping)
    splits: dict[str, Split] = {}
    moved = 0
    for root, own in members.items():
        known = {previous[mark] for mark in map(_mark, own) if mark in previous} if previous else set[Split]()
        nearest: list[Split] = [split for split in SPLITS if split in known]
        splits[root] = nearest[-1] if nearest else split_of(_group_id(own, grouping), shares, seed)
        moved += len(known) > 1
    root_of = {key: root for root, own in members.items() for key in own}
    roots = [root_of[own[-1]] for own in keys]
    if "train" not in {splits[root] for root in roots}:
        raise InputError(
            f"None of the {len(members)} groups fell to training.",
            hint="Group by fewer relations, or lower the shares of validation and test.",
        )
    return Grouped(
        splits=tuple(splits[root] for root in roots),
        groups=tuple(_group_id(members[root], grouping) for root in roots),
        ledger={**(previous or {}), **{_mark(key): splits[root] for root, own in members.items() for key in own}},
        report=_report(roots, splits, sum(len(own) == 1 for own in keys), moved),
    )


def keys_of(row: Document, grouping: Grouping) -> list[str]:
    """The keys that link a document to others, each named by its relation."""
    found: list[str] = []
    for relation in grouping.by:
        found += [f"{relation}:{key}" for key in sorted(set(_KEYS[relation](row, grouping))) if key]
    return found


def name_stem(name: str) -> str:
    """A disease's name without what tells its types apart: 'Diabetes mellitus type 2', '2型糖尿病' -> '糖尿病'."""
    words = words_of(name)
    left = [
        word
        for word, after in pairwise([*words, ""])
        if not (
            word[0].isdigit()
            or word == "型"
            or word in types_en()
            or (after == "型" and word in types_zh())
            or (len(word) == 1 and word < _FIRST_CHINESE)
        )
    ]
    return " ".join(left or words)


def _members(rows: Sequence[Document], keys: Sequence[Sequence[str]], grouping: Grouping) -> dict[str, list[str]]:
    """The keys of each group, by the group's representative."""
    sets = UnionFind({key for own in keys for key in own})
    for own in keys:
        for key in own:
            sets.link(own[-1], key)
    if "alike" in grouping.by:
        features = {_row_key(row): _features(row, grouping) for row in rows}
        for first, second in similar_links({key: own for key, own in features.items() if own}, grouping.threshold):
            sets.link(first, second)
    members: dict[str, list[str]] = {}
    for key in sorted({key for own in keys for key in own}):
        members.setdefault(sets.find(key), []).append(key)
    return members


def _group_id(own: Iterable[str], grouping: Grouping) -> str:
    """Hash of the group key."""
    ranks = {relation: rank for rank, relation in enumerate(grouping.by)}
    return min((ranks.get(cast("Relation", key.partition(":")[0]), len(ranks)), _mark(key)) for key in own)[1]


def _mark(key: str) -> str:
    """A key as it stands in the ledger."""
    return digest("group", key)[:16]


def _row_key(row: Document) -> str:
    return f"row:{row.id}"


def _report(roots: Sequence[str], splits: Mapping[str, Split], without_key: int, moved: int) -> SplitReport:
    rows = Counter(roots)
    sizes: dict[Split, SplitSize] = {
        split: SplitSize(
            groups=sum(splits[root] == split for root in rows),
            rows=sum(count for root, count in rows.items() if splits[root] == split),
        )
        for split in SPLITS
    }
    return SplitReport(sizes=sizes, largest=max(rows.values()), without_key=without_key, moved=moved)


def _values(row: Document, key: str) -> Iterator[str]:
    """The texts that `meta` holds under a key."""
    value: Any = row.meta.get(key)
    for text in cast("list[object]", value) if isinstance(value, list | tuple) else [value]:
        if text is not None:
            yield from (part.strip() for part in re.split(r"[;；|]", str(text)))


def _patient(row: Document, _: Grouping) -> Iterable[str]:
    return [row.patient_id]


def _genes(row: Document, grouping: Grouping) -> Iterable[str]:
    return (gene.upper() for gene in _values(row, grouping.gene))


def _categories(row: Document, grouping: Grouping) -> Iterable[str]:
    return (found for code in _values(row, grouping.icd10) for found in _CATEGORY.findall(code.upper()))


def _names(row: Document, grouping: Grouping) -> Iterable[str]:
    return (" ".join(words_of(name)) for key in (grouping.name, grouping.alias) for name in _values(row, key))


def _stems(row: Document, grouping: Grouping) -> Iterable[str]:
    return (name_stem(name) for name in _values(row, grouping.name))


def _features(row: Document, grouping: Grouping) -> frozenset[str]:
    if grouping.features:
        return frozenset(" ".join(words_of(value)) for value in _values(row, grouping.features)) - {""}
    read = tokens(row.text)
    return frozenset(map(str, shingles(read.hashes, Likeness().run_length(read.lang)).tolist()))


def _none(_row: Document, _grouping: Grouping) -> Iterable[str]:
    return ()


_CATEGORY = re.compile(r"\b[A-Z]\d[0-9A-Z]")
_FIRST_CHINESE = "\u3040"
_KEYS: Mapping[Relation, Callable[[Document, Grouping], Iterable[str]]] = {
    "patient": _patient,
    "gene": _genes,
    "icd10": _categories,
    "alias": _names,
    "name": _stems,
    "alike": _none,
}
