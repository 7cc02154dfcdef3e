"""Seeded choices that depend only on what is chosen from, not on how often or in which order one drew before.

So adding data changes the choices it touches and no others, and equal settings give equal bytes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def digest(*parts: object) -> str:
    """Hexadecimal SHA-256 of the parts' text."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()


def fraction(*parts: object) -> float:
    """A number in [0, 1), uniform over different parts."""
    return int(digest(*parts)[:13], 16) / 16**13


def ordered(items: Iterable[T], *parts: object) -> list[T]:
    """The items in an order that looks random and is fixed by `parts`."""
    return sorted(items, key=lambda item: (digest(*parts, item), str(item)))


def pick(items: Sequence[T], *parts: object) -> T:
    """One of the items."""
    return items[int(fraction(*parts) * len(items))]


def whole(low: int, high: int, *parts: object) -> int:
    """A whole number from low to high, both included."""
    return low + int(fraction(*parts) * (high - low + 1))
