"""Clean documents: one spelling, typed placeholders, one form of each frequency and unit, preferred terms.

    text ─▶ normal form (clinforge.text) ─▶ MIMIC's marks ─▶ units ─▶ frequencies ─▶ synonyms when asked

Numbers (but those within a frequency or a mark), denials and left/right stay as they are, a second cleaning changes
nothing, and sections keep their places: property tests hold the three. Not done: spelling, abbreviations other than
frequencies, conversion of values, anything the ambiguity notes of `frequencies.toml` and `units.toml` name.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, field_validator

from clinforge.config import Settings
from clinforge.data.frequency import find_frequencies
from clinforge.data.locked import locked_words
from clinforge.data.terms import TermFinder
from clinforge.data.units import find_units
from clinforge.records import Document, Lang, Section
from clinforge.text import CHINESE_PUNCTUATION, Edit, Normalised, normalise

_ROUNDS = 4
"""A form put in can stand beside what makes the next round change it; then nothing changes any more."""
_KEPT: dict[Lang, str] = {"en": "", "zh": CHINESE_PUNCTUATION + "…"}


class Clean(Settings):
    """Cleans a document: its text, title, turns, options and rejected answer, each by itself."""

    kind: Literal["clean"] = "clean"
    version: Literal[1] = 1
    """Raised when the same text comes out differently."""
    mojibake: bool = True
    """Mend text that was read in a wrong encoding (needs ftfy)."""
    simplified: bool = True
    """Traditional Chinese characters to simplified ones (needs opencc where there is Chinese text)."""
    placeholders: bool = True
    """MIMIC's marks to `[NAME]`, `[DATE]`, `[HOSPITAL]`, ...; others to `[REDACTED]`."""
    frequencies: bool = True
    """b.i.d., bid, twice a day, 一天两次 to one form per language."""
    units: bool = True
    """Units behind a number to one spelling per language."""
    synonyms: dict[str, str] = Field(default_factory=dict[str, str])
    """Term -> preferred term. Longest term first; Latin terms as whole words."""

    @field_validator("synonyms")
    @classmethod
    def _change_nothing_else(cls, synonyms: dict[str, str]) -> dict[str, str]:
        for term, preferred in synonyms.items():
            if not term.strip() or not preferred.strip():
                raise ValueError("an empty term is no synonym")
            if synonyms.get(preferred, preferred) != preferred:
                raise ValueError(f"'{preferred}' is preferred to '{term}' and has a preferred term itself")
            if locked_words(term, ("negation", "number", "side")) != locked_words(
                preferred, ("negation", "number", "side")
            ):
                raise ValueError(f"'{term}' and '{preferred}' differ in a denial, a number or a side")
        return synonyms

    def normalise(self, text: str, lang: Lang) -> Normalised:
        """The cleaned text, with the way back to `text`."""
        current = Normalised.of(text)
        for _ in range(_ROUNDS):
            after = self._round(current, lang)
            if after.text == current.text:
                break
            current = after
        return current

    def __call__(self, document: Document) -> Document:
        """The same document in clean words, sections moved along; its id stays."""
        lang, text = document.lang, self.normalise(document.text, document.lang)
        turns = (turn.model_copy(update={"content": self._text(turn.content, lang)}) for turn in document.conversation)
        return document.model_copy(
            update={
                "text": text.text,
                "title": self._text(document.title, lang),
                "sections": tuple(_moved(section, text) for section in document.sections),
                "conversation": tuple(turns),
                "options": tuple(self._text(option, lang) for option in document.options),
                "rejected": self._text(document.rejected, lang),
            }
        )

    def _text(self, text: str, lang: Lang) -> str:
        return self.normalise(text, lang).text

    def _round(self, current: Normalised, lang: Lang) -> Normalised:
        form = normalise(current.text, simplify=self.simplified, repair=self.mojibake, keep=_KEPT[lang])
        current = current.then(form)
        if self.placeholders:
            current = current.edited(find_marks(current.text))
        if self.units:
            current = current.edited(_changes(current.text, find_units(current.text, lang)))
        if self.frequencies:
            current = current.edited(_changes(current.text, find_frequencies(current.text, lang)))
        if self.synonyms:
            current = current.edited(_changes(current.text, self._preferred(current.text)))
        return current

    def _preferred(self, text: str) -> Iterator[Edit]:
        for start, end, term in self._finder.find(text):
            yield start, end, self.synonyms.get(term, text[start:end])

    @cached_property
    def _finder(self) -> TermFinder:
        """Preferred terms are found too, so that a shorter term within one is left alone."""
        return TermFinder((*self.synonyms, *self.synonyms.values()))


def find_marks(text: str) -> Iterator[Edit]:
    """MIMIC's marks of what was taken out, with their placeholders."""
    for match in _MARK.finditer(text):
        yield match.start(), match.end(), f"[{_type_of(match[1])}]"


_MARK = re.compile(r"\[\*\*([^\[\]]{0,200}?)\*\*\]|(?<!_)___(?!_)")
_DATE = re.compile(r"[0-9\s/.-]*[0-9][0-9\s/.-]*")


def _type_of(said: str | None) -> str:
    if said is None:
        return "REDACTED"
    if _DATE.fullmatch(said):
        return "DATE"
    words = said.lower()
    return next((row["type"] for row in _marks() if any(word in words for word in row["words"])), "REDACTED")


@cache
def _marks() -> list[dict[str, Any]]:
    return tomllib.loads((files("clinforge.data") / "placeholders.toml").read_text(encoding="utf-8"))["mark"]


def _changes(text: str, edits: Iterable[Edit]) -> Iterator[Edit]:
    return (edit for edit in edits if text[edit[0] : edit[1]] != edit[2])


def _moved(section: Section, text: Normalised) -> Section:
    return section.model_copy(update={"start": text.position(section.start), "end": text.position(section.end)})
