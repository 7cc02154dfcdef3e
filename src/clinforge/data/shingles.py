"""Texts as sets of short runs of tokens, so that what two of them share can be counted.

A token is a word, a number with its points, one Chinese character, or a sign that changes a medical statement
(HBsAg(+), < 5, T -2.5). Case, width, spacing and other punctuation are left aside. Tokens and runs are kept as 64-bit
hashes that depend on nothing but the text: the same in every process and on every machine.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clinforge.records import Lang

Hashes = npt.NDArray[np.uint64]

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(
    rf"""\d+(?:[.,:/^]\d+)*            # a number is one token: 1.5 is not 15; 120/80; 10^9
      | [{_CJK}]
      | [^\W\d_{_CJK}]+
      | [+±<>≤≥↑↓]
      | (?<!\w)-(?=\d) | -(?=[),;.]|$) # minus and negative, not the hyphen of a word
    """,
    re.VERBOSE | re.MULTILINE,
)
_RAISED = str.maketrans({raised: f"^{digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | dict.fromkeys("−–—", "-"))
_FIRST_CJK = "\u3040"
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class Tokens(NamedTuple):
    """A text as hashes of its tokens, in order."""

    hashes: Hashes
    lang: Lang
    """By its characters: Chinese when they are at least half of the tokens."""


def words_of(text: str) -> list[str]:
    """The text's tokens, in order."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text.translate(_RAISED)).casefold())


def hashed(words: list[str]) -> Tokens:
    """Tokens by their hashes."""
    chinese = sum(word >= _FIRST_CJK for word in words)
    return Tokens(
        np.fromiter(map(_hash, words), np.uint64, len(words)), "zh" if 2 * chinese >= len(words) > 0 else "en"
    )


def tokens(text: str) -> Tokens:
    """A text as hashes of its tokens."""
    return hashed(words_of(text))


def runs(hashes: Hashes, length: int) -> Hashes:
    """One hash for each run of `length` tokens, in order; a shorter text is one run, an empty one has none."""
    length = min(length, len(hashes))
    if not length:
        return hashes
    found = np.full(len(hashes) - length + 1, length, dtype=np.uint64)
    for offset in range(length):
        found = mixed(found, hashes[offset : offset + len(found)])
    return found


def mixed(state: Hashes, values: Hashes) -> Hashes:
    """A hash of each state with its value; the order of several values matters."""
    product = (state ^ values) * _ODD
    return product ^ (product >> _HALF)


def shingles(hashes: Hashes, length: int) -> Hashes:
    """The runs as a set: each once, in ascending order."""
    return np.unique(runs(hashes, length))


def whole(hashes: Hashes) -> int:
    """One hash for the text as a whole; 0 for an empty one."""
    return _digest(hashes.astype("<u8").tobytes()) if len(hashes) else 0


def jaccard(first: Hashes, second: Hashes) -> float:
    """What two sets share, as a part of all they hold; 0 when one is empty."""
    if not len(first) or not len(second):
        return 0.0
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)


def within(values: Hashes, ascending: Hashes) -> npt.NDArray[np.bool_]:
    """Which of the values stand in an ascending set."""
    if not len(ascending):
        return np.zeros(len(values), dtype=np.bool_)
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return ascending[places] == values


def covered(hashes: Hashes, length: int, common: Hashes) -> npt.NDArray[np.bool_]:
    """Which tokens lie in a run that stands in the ascending set `common`."""
    mask = np.zeros(len(hashes), dtype=np.bool_)
    hits = within(runs(hashes, length), common)
    for offset in range(min(length, len(hashes))):
        mask[offset : offset + len(hits)] |= hits
    return mask


def frequent(sets: Iterable[Hashes], more_than: float) -> Hashes:
    """What stands in more than so many of the sets, in ascending order."""
    values, counts = np.unique(np.concatenate([np.empty(0, np.uint64), *sets]), return_counts=True)
    return values[counts > more_than]


@lru_cache(maxsize=1 << 18)
def _hash(word: str) -> int:
    return _digest(word.encode("utf-8", "surrogatepass"))


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())
