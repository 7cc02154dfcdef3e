"""Shares of specialties: as many documents as the targets allow, or the counts that make them impossible."""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import Field, model_validator

from clinforge.config import Settings
from clinforge.data.draw import digest
from clinforge.errors import ConfigError
from clinforge.records import Document

OTHER = "other"
_ROUNDING = 1e-9
"""0.3 * 10 is 3, whatever binary fractions make of it."""


@dataclass(frozen=True)
class Covered:
    """Chosen documents in their old order, with the number of each specialty before and after."""

    kept: tuple[Document, ...]
    before: Mapping[str, int]
    after: Mapping[str, int]

    @property
    def dropped(self) -> Counter[str]:
        """Dropped documents by reason, for the lineage."""
        counts = {name: count - self.after.get(name, 0) for name, count in self.before.items()}
        return +Counter({f"more of {name} than the targets allow": count for name, count in counts.items()})


class Coverage(Settings):
    """Leaves out documents of the other specialties, drawn at random, until each target has its share."""

    targets: dict[str, float] = Field(default_factory=dict[str, float])
    """Least share of each specialty, e.g. {internal: 0.3, surgery: 0.3, paediatrics: 0.3}."""
    meta_key: str = "department"
    """Key of `meta` that holds a document's department."""
    specialties: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Departments of a specialty, added to those of specialties.toml (internal, surgery, paediatrics). A department
    listed nowhere is "other"."""
    num_rows: int | None = Field(default=None, ge=1)
    """Documents wanted; null for as many as there can be."""

    @model_validator(mode="after")
    def _possible(self) -> "Coverage":
        if any(not 0 < share <= 1 for share in self.targets.values()) or sum(self.targets.values()) > 1 + _ROUNDING:
            raise ValueError("each target must lie above 0, and all together must not exceed 1")
        if unknown := sorted(self.targets.keys() - {*_table(), *self.specialties, OTHER}):
            raise ValueError(f"no departments are known for {unknown}: list them under specialties")
        return self

    def __call__(self, rows: Sequence[Document], seed: int) -> Covered:
        """Choose documents. Raises ConfigError with the counts where the targets cannot be met."""
        labels = [self.specialty_of(row) for row in rows]
        before = Counter(labels)
        total = self._most(before)
        order = sorted(range(len(rows)), key=lambda place: (digest(seed, "coverage", rows[place].id), place))
        chosen: set[int] = set()
        for name, share in self.targets.items():
            chosen |= set([place for place in order if labels[place] == name][: _least(share, total)])
        chosen |= set([place for place in order if place not in chosen][: total - len(chosen)])
        kept = sorted(chosen)
        after = Counter(labels[place] for place in kept)
        return Covered(tuple(rows[place] for place in kept), dict(sorted(before.items())), dict(sorted(after.items())))

    def specialty_of(self, row: Document) -> str:
        """The specialty of a document's department."""
        tables = (*_table().items(), *self.specialties.items())
        department = str(row.meta.get(self.meta_key, "")).strip().casefold()
        return next((name for name, listed in tables if department in map(str.casefold, listed)), OTHER)

    def _most(self, before: Mapping[str, int]) -> int:
        """Most documents in which every target can be met, up to the number wanted."""
        wanted = self.num_rows or sum(before.values())
        room = [math.floor(before.get(name, 0) / share + _ROUNDING) for name, share in self.targets.items()]
        total = min([wanted, sum(before.values()), *room])
        while sum(_least(share, total) for share in self.targets.values()) > total:
            total -= 1
        if total < (self.num_rows or 1):
            need = ", ".join(f"{name} {_least(share, wanted)}" for name, share in self.targets.items())
            have = ", ".join(f"{name} {before.get(name, 0)}" for name in sorted({*self.targets, *before}))
            raise ConfigError(
                f"The coverage targets cannot be met. {wanted} documents need: {need or wanted}. There are: {have}.",
                hint=f"At most {total} documents can meet them: ask for fewer, lower the targets, or add documents."
                if total
                else "Add documents of the specialties that have none, or leave those out of the targets.",
            )
        return total


def _least(share: float, total: int) -> int:
    return math.ceil(share * total - _ROUNDING)


@cache
def _table() -> dict[str, list[str]]:
    return tomllib.loads((files("clinforge.data") / "specialties.toml").read_text(encoding="utf-8"))
