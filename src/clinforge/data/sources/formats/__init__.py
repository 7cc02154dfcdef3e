"""File formats of texts. Each reads one file into blocks; `assemble` joins them into a text with sections.

    pdf  docx  html  plain (text, Markdown)  ─▶  Contents(blocks, title, ...)  ─▶  text, sections

A format raises UnreadableError, with what to do, for a file that gives no text: encrypted, scanned, empty, broken.
The modules import their libraries only when a file of their kind is read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from clinforge.records import Section


class UnreadableError(Exception):
    """A file that gives no text; `remedy` is what the person can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")


@dataclass(frozen=True)
class Block:
    """A heading or some text under it."""

    text: str
    level: int = 0
    """1 for the outermost heading, 0 for text."""
    page: int | None = None
    """From 1, where the format has pages."""
    heading: str = ""
    """A heading as it is named in paths, where that differs from `text`."""


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    blocks: tuple[Block, ...]
    title: str = ""
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()
    """What could not be read although the rest could, e.g. pages without a text layer."""


def assemble(blocks: Iterable[Block]) -> tuple[str, tuple[Section, ...]]:
    """Join blocks by line feeds. A section begins with each heading and each page; together they cover the text."""
    parts: list[str] = []
    sections: list[Section] = []
    path: tuple[tuple[int, str], ...] = ()
    start = length = 0
    page: int | None = None
    for block in blocks:
        if parts and (block.level or block.page != page):
            sections.append(_section(path, start, length, page))
            start = length
        if block.level:
            outer = tuple(step for step in path if step[0] < block.level)
            path = (*outer, (block.level, block.heading or block.text))
        page = block.page
        parts.append(block.text)
        length += len(block.text) + 1
    if parts:
        sections.append(_section(path, start, length - 1, page))
    return "\n".join(parts), tuple(sections)


def _section(path: tuple[tuple[int, str], ...], start: int, end: int, page: int | None) -> Section:
    return Section(path=tuple(heading for _, heading in path), start=start, end=end, page=page)
