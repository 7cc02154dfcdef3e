"""Find the words and numbers that rules speak of. Literal search only: work linear in the text."""

import functools
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

Span = tuple[int, int]

_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,2})?")
_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九十")} | {"两": 2, "半": 0.5}


@dataclass(frozen=True)
class Phrase:
    """A literal; Latin ones are found as whole words, or as beginnings of words when `open_end`."""

    text: str
    open_end: bool
    unless_followed: tuple[str, ...] = ()

    def spans(self, text: str) -> Iterator[Span]:
        """Every place of the phrase in a text, in order."""
        latin = self.text[0].isascii() and self.text[0].isalnum()
        start = text.find(self.text)
        while start >= 0:
            end = start + len(self.text)
            if (not latin or self._whole(text, start, end)) and not text.startswith(self.unless_followed, end):
                yield start, end
            start = text.find(self.text, end)

    def _whole(self, text: str, start: int, end: int) -> bool:
        if start and _is_latin(text[start - 1]):
            return False
        return self.open_end or end >= len(text) or not (_is_latin(text[end]) and _is_latin(self.text[-1]))


def phrase(text: str) -> Phrase:
    """Read a phrase as the tables write it: `word*` with any ending, `word!next` unless `next` follows."""
    literal, *unless_followed = text.split("!")
    return Phrase(literal.rstrip("*"), literal.endswith("*"), tuple(unless_followed))


def find_any(phrases: Sequence[Phrase], text: str) -> list[Span]:
    """Places of any of the phrases, in order."""
    return sorted(span for item in phrases for span in item.spans(text))


@dataclass(frozen=True)
class Measure:
    """A number in a range, beside a word that says what it measures."""

    after: tuple[Phrase, ...]
    before: tuple[Phrase, ...]
    ranges: tuple[tuple[float, float], ...]

    def spans(self, text: str) -> list[Span]:
        """Places of word and number together."""
        following = (self._following(text, span) for span in find_any(self.after, text))
        preceding = (self._preceding(text, span) for span in find_any(self.before, text))
        return sorted(span for span in (*following, *preceding) if span)

    def _following(self, text: str, word: Span) -> Span | None:
        number = _NUMBER.search(text, word[1], word[1] + 14)
        if number is None or any(stop in text[word[1] : number.start()] for stop in ",;"):
            return None
        return (word[0], number.end()) if self._holds(float(number.group())) else None

    def _preceding(self, text: str, word: Span) -> Span | None:
        before = text[max(0, word[0] - 4) : word[0]].rstrip(" -")
        digits = re.search(r"\d{1,3}$", before)
        value = float(digits.group()) if digits else _DIGITS.get(before[-1:])
        if value is None or (len(before) > 1 and before[-2] in "十" and not digits):
            return None
        return (max(0, word[0] - 4), word[1]) if self._holds(value) else None

    def _holds(self, value: float) -> bool:
        return any(low <= value <= high for low, high in self.ranges)


class Terms:
    """All word lists and measures by name; finds the places of each in one text, once."""

    def __init__(self, words: dict[str, tuple[Phrase, ...]], measures: dict[str, Measure]) -> None:
        self.words = words
        self.measures = measures

    def spans(self, name: str, text: str) -> list[Span]:
        """Places of one named list or measure."""
        measure = self.measures.get(name)
        return measure.spans(text) if measure else find_any(self.words[name], text)


@functools.cache
def load_terms() -> Terms:
    """The tables `terms.toml` and `measures.toml`."""
    words = {name: tuple(map(phrase, row)) for name, row in read_table("terms.toml").items()}
    return Terms(words, {name: _measure(row) for name, row in read_table("measures.toml").items()})


def read_table(name: str) -> dict[str, Any]:
    """One of this package's TOML tables."""
    return tomllib.loads((files("clinforge.safety") / name).read_text(encoding="utf-8"))


def _measure(row: dict[str, Any]) -> Measure:
    ranges = [(row["min"], row["max"])]
    if "fahrenheit" in row:
        ranges.append((row["fahrenheit"], 115.0))
    if "also_min" in row:
        ranges.append((row["also_min"], row["also_max"]))
    after, before = (tuple(map(phrase, row.get(side, ()))) for side in ("after", "before"))
    return Measure(after, before, tuple(ranges))


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
