"""Which split a family belongs to, and which of its cases are used."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import Field, model_validator

from clinforge.config import Settings
from clinforge.data.draw import digest, fraction
from clinforge.records import Split

T = TypeVar("T")
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Shares(Settings):
    """Parts of all families that go to validation and test; the rest is for training."""

    validation: float = Field(default=0.1, ge=0, lt=1)
    """Share for validation, 0-1."""
    test: float = Field(default=0.3, ge=0, lt=1)
    """Share for test, 0-1."""

    @model_validator(mode="after")
    def _leave_some_for_training(self) -> "Shares":
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must leave something for training")
        return self


def split_of(family_id: str, shares: Shares, seed: int) -> Split:
    """Split of a family, from a hash of its id: other families have no part in it, so adding data moves nothing."""
    place = fraction(seed, "split", family_id)
    if place < shares.test:
        return "test"
    return "validation" if place < shares.test + shares.validation else "train"


def balanced(items: Iterable[T], wanted: int, *, labels: Mapping[T, str], keys: Mapping[T, str]) -> list[T]:
    """Choose up to `wanted` items so that labels are as equal in number as the supply allows, in order of `keys`."""
    queues: dict[str, list[T]] = defaultdict(list)
    for item in sorted(items, key=lambda item: keys[item]):
        queues[labels[item]].append(item)
    turns = [(turn, digest(label), item) for label, queue in queues.items() for turn, item in enumerate(queue)]
    return [item for _, _, item in sorted(turns, key=lambda row: row[:2])[:wanted]]
