"""Training rows that an evaluation row has slipped into, by fact, family, exact text, n-gram and likeness.

    evaluation sets ─▶ targets (what to look for, boilerplate left aside) ◀─ each training row ─▶ pairs ─▶ verdicts

Covers: copies, other wordings around the same content, parts of long texts, edited copies, shared facts, families and
patients. Does not cover: free paraphrases, translations, what the base model saw before us. A pair is a reason to look,
not a proof; how many are real was measured (docs/explanation/duplicates-and-contamination.md).
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from clinforge.data.contamination import LEVELS, Contamination, Decontaminate, Level, Pair, Part
from clinforge.data.rows import Row
from clinforge.data.targets import (
    CoreIndex,
    GramIndex,
    Match,
    TrainingText,
    WholeIndex,
    boilerplate,
    by_key,
    family_of,
    option_sets,
    options_of,
    units_of,
)
from clinforge.records import Document, Sample

RowT = TypeVar("RowT", Document, Sample)
_BLOCK = 1024
"""Training rows whose texts are in memory as hashes at once."""


@dataclass(frozen=True)
class Decontaminated(Generic[RowT]):
    """Training rows that may stay, and the report."""

    kept: tuple[RowT, ...]
    report: Contamination

    @property
    def dropped(self) -> Counter[str]:
        """Dropped rows by reason, for the lineage."""
        return self.report.dropped_by_level


class Found(NamedTuple):
    """What a training row and an evaluation row share; both by their places."""

    trained: int
    target: int
    level: Level
    part: Part
    overlap: float


def decontaminate(
    rows: Sequence[RowT], against: Mapping[str, Sequence[Row]], settings: Decontaminate | None = None
) -> Decontaminated[RowT]:
    """Compare training rows with every evaluation set.

    A pair is listed once, at its surest level. Rows of pairs with the verdict "drop" are left out of `kept`; whether
    pairs with the verdict "fail" stop the work is for the caller, who finds them in `report.failed`.
    """
    settings = settings or Decontaminate()
    targets = Targets(against, rows, settings)
    surest: dict[tuple[int, int], Found] = {}
    for found in targets.find(rows):
        known = surest.setdefault((found.trained, found.target), found)
        if (LEVELS.index(found.level), -found.overlap) < (LEVELS.index(known.level), -known.overlap):
            surest[found.trained, found.target] = found
    pairs = tuple(_pairs(rows, targets, [surest[key] for key in sorted(surest)]))
    report = Contamination(
        trained=len(rows),
        evaluated={name: len(own) for name, own in against.items()},
        only_whole=dict(Counter(targets.names[place] for place in targets.only_whole)),
        pairs=pairs,
    )
    return Decontaminated(tuple(row for row in rows if row.id not in report.dropped), report)


class Targets:
    """The evaluation rows of all sets, ready to be found."""

    def __init__(self, against: Mapping[str, Sequence[Row]], training: Sequence[Row], settings: Decontaminate) -> None:
        self.settings = settings
        self.names = [name for name, rows in against.items() for _ in rows]
        self.rows = [row for rows in against.values() for row in rows]
        families = [family_of(row) for row in self.rows]
        units = [unit for place, row in enumerate(self.rows) for unit in units_of(place, row) if len(unit.text.hashes)]
        masks = boilerplate(units, families, training, settings)
        self._keys = by_key((key, place) for place, row in enumerate(self.rows) for key in keys_of(row))
        self._options = option_sets(self.rows, families, training, settings)
        self._wholes = WholeIndex(units, masks, families, settings)
        self._grams = GramIndex(units, masks[0], settings)
        self._cores = [CoreIndex(units, mask, settings) for mask in masks]

    @property
    def only_whole(self) -> list[int]:
        """Places of rows that cannot be found by a part of their text."""
        judged = self._grams.judged.union(*(index.judged for index in self._cores))
        return [place for place in range(len(self.rows)) if place not in judged]

    def find(self, rows: Sequence[Row]) -> Iterator[Found]:
        """All that training rows share with evaluation rows; a pair may come more than once."""
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            texts = [TrainingText.of(row) for row in block]
            for place, (row, text) in enumerate(zip(block, texts, strict=True), start):
                yield from self._by_key(place, row)
                yield from self._by_text(place, text)
            for index in self._cores:
                for place, match in index.find(texts):
                    yield from self._counted(start + place, texts[place], match)

    def _by_key(self, place: int, row: Row) -> Iterator[Found]:
        for key in keys_of(row):
            if key in self._keys:
                yield Found(place, self._keys[key], "fact" if key[0] == "fact" else "family", "", 1.0)

    def _by_text(self, place: int, text: TrainingText) -> Iterator[Found]:
        for target in self._options.get(text.options, ()):
            yield Found(place, target, "exact", "options", 1.0)
        for match in (*self._wholes.find(text), *self._grams.find(text)):
            yield from self._counted(place, text, match)

    def _counted(self, place: int, text: TrainingText, match: Match) -> Iterator[Found]:
        unit = match.unit
        if unit.part == "question" and len(unit.text.hashes) < self.settings.ngram_length(unit.text.lang):
            offered = options_of(self.rows[unit.target])
            if offered and text.options and offered.isdisjoint(text.options):
                return  # "Which of the following is true?" with other choices is another question
        yield Found(place, unit.target, match.level, unit.part, match.overlap)


def keys_of(row: Row) -> Iterable[tuple[str, Hashable]]:
    """What a training row and an evaluation row may never share: facts, the family of one task, a patient."""
    if isinstance(row, Document):
        return [("family", ("patient", row.patient_id))] if row.patient_id else []
    family = [("family", (row.task, row.lang, row.family_id))] if row.family_id else []
    return [*(("fact", fact_id) for fact_id in row.fact_ids), *family]


def _pairs(rows: Sequence[Row], targets: Targets, found: Sequence[Found]) -> Iterator[Pair]:
    partial = Counter(one.target for one in found if one.level in ("ngram", "near"))
    for one in found:
        crowded = one.level in ("ngram", "near") and partial[one.target] > targets.settings.crowd
        yield Pair(
            train_id=rows[one.trained].id,
            evaluation_set=targets.names[one.target],
            evaluation_id=targets.rows[one.target].id,
            level=one.level,
            part=one.part,
            overlap=round(one.overlap, 4),
            verdict="report" if crowded else getattr(targets.settings.verdicts, one.level),
        )
