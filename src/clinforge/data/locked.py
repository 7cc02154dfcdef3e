"""The parts of a medical text that no operator may change: denials, numbers with their units, sides, medicines.

Covers what `locked.toml` lists, numbers in digits and words, and medicines known by the stem of their generic name or
by a list that is passed in. Does not cover: brand names that are not passed in, misspelt denials, irony.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from clinforge.data.terms import TermFinder

LockedKind = Literal["negation", "number", "side", "drug"]


class LockedSpan(NamedTuple):
    """A part that stays, in offsets of the text."""

    start: int
    end: int
    kind: LockedKind


def locked_spans(text: str, drugs: TermFinder | None = None) -> list[LockedSpan]:
    """All of them in order of position; they may overlap."""
    found = [
        LockedSpan(*match.span(), kind) for kind, pattern in _patterns().items() for match in pattern.finditer(text)
    ]
    if drugs is not None:
        found += [LockedSpan(start, end, "drug") for start, end, _ in drugs.find(text)]
    return sorted(found)


def locked_words(text: str, kinds: Iterable[LockedKind] = ("negation", "number", "side", "drug")) -> list[str]:
    """What the locked spans of these kinds say, in order: equal before and after every operator."""
    wanted = frozenset(kinds)
    return [text[start:end] for start, end, kind in locked_spans(text) if kind in wanted]


def overlaps(start: int, end: int, locked: Iterable[LockedSpan]) -> bool:
    """Whether a place touches a locked span."""
    return any(start < span.end and span.start < end for span in locked)


@cache
def _patterns() -> dict[LockedKind, re.Pattern[str]]:
    table = tomllib.loads((files("clinforge.data") / "locked.toml").read_text(encoding="utf-8"))
    digits = r"[0-9]+(?:[.,:/][0-9]+)*(?: ?(?:[%°℃μ]|[a-zA-Z]{1,6}(?:/[a-zA-Z0-9]{1,6})?(?![a-zA-Z])))?"
    return {
        "negation": _any(table["negation_zh"], table["negation_en"]),
        "side": _any(table["laterality_zh"], table["laterality_en"]),
        "number": re.compile(
            rf"{digits}|[{table['number_words_zh']}]+[\u4e00-\u9fff]?|{_words(table['number_words_en'])}", re.IGNORECASE
        ),
        "drug": re.compile(
            rf"[\u4e00-\u9fff]{{0,4}}(?:{'|'.join(table['drug_stems_zh'])})[\u4e00-\u9fff]?"
            rf"|(?<![A-Za-z])[A-Za-z]*(?:{'|'.join(table['drug_stems_en'])})(?![A-Za-z])",
            re.IGNORECASE,
        ),
    }


def _any(chinese: list[str], english: list[str]) -> re.Pattern[str]:
    return re.compile(f"{'|'.join(map(re.escape, chinese))}|{_words(english)}", re.IGNORECASE)


def _words(words: list[str]) -> str:
    return rf"(?<![A-Za-z])(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})(?![A-Za-z])"
