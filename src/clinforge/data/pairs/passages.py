"""Cut documents into passages that fit a question to a model."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from clinforge.records import Document, Lang

_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?](?=\s)|[。！？；]"), re.compile(r"\s"))
"""Where to cut, best first."""


@dataclass(frozen=True)
class Passage:
    """A stretch of a document's text; offsets count from the start of the document."""

    document: Document
    start: int
    end: int

    @property
    def key(self) -> str:
        """What the journal knows it by."""
        return f"{self.document.id}:{self.start}-{self.end}"

    @property
    def text(self) -> str:
        """Its own text."""
        return self.document.text[self.start : self.end]

    @property
    def lang(self) -> Lang:
        """The document's language."""
        return self.document.lang

    @property
    def title(self) -> str:
        """The document's title and the headings the passage starts under, on one line."""
        headings = next((part.path for part in self.document.sections if part.start <= self.start < part.end), ())
        return " ".join(" / ".join([self.document.title, *headings]).strip(" /").split())[:300]


def passages_of(document: Document, most: int, fewest: int) -> Iterator[Passage]:
    """Cut a document into passages of at most `most` characters; those with fewer than `fewest` are left out.

    Where there is a choice, a cut falls at a section, else at a paragraph, a line, a sentence, a space.
    """
    text, start = document.text, 0
    section_starts = sorted(part.start for part in document.sections)
    while start < len(text):
        end = len(text) if len(text) - start <= most else _cut(text, start, start + most, section_starts)
        if len(text[start:end].strip()) >= fewest:
            yield Passage(document, start, end)
        start = end


def _cut(text: str, start: int, latest: int, section_starts: list[int]) -> int:
    earliest = start + (latest - start) // 2
    sections = [at for at in section_starts if earliest <= at <= latest]
    if sections:
        return sections[-1]
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(text, earliest, latest)]
        if ends:
            return ends[-1]
    return latest
