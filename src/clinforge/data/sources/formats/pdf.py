"""PDF by pypdf: the text of each page, with the outline's headings where the file has an outline.

Covers: encrypted files that open without a password, pages without a text layer (named), files made to exhaust memory
(pypdf bounds what a stream may unpack to), broken files. Does not cover: scanned pages (no OCR), order of columns, text
that a font names by no Unicode character, running heads (they stay in the text), files made to exhaust patience.
"""

import logging
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from clinforge.data.sources.formats import Block, Contents, UnreadableError
from clinforge.data.sources.formats.plain import plain_blocks

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAX_PAGES = 20_000
_MAX_HEADING = 300
_SHOWN_PAGES = 10
_DEEPEST = 16


def read_pdf(path: Path) -> Contents:
    """The pages of a PDF as blocks; every block knows its page, counted from 1."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings may quote what is in the file
    try:
        with path.open("rb") as file:
            return _contents(PdfReader(file))
    except UnreadableError:
        raise
    except Exception as error:  # noqa: BLE001 -- a broken PDF makes pypdf raise anything
        raise UnreadableError(
            f"it is broken, or unpacks to too much ({type(error).__name__}).", "Print it to a new PDF."
        ) from None


def _contents(reader: "PdfReader") -> Contents:
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableError("it is encrypted.", "Save it without a password.")
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise UnreadableError(f"it has more than {MAX_PAGES} pages.", "Split it.")
    outline = _headings(reader)
    blocks: list[Block] = []
    without: list[int] = []
    for number, page in enumerate(reader.pages, start=1):
        text = _clean(page.extract_text())
        if text.strip():
            blocks += _page_blocks(text, number, outline)
        elif _has_picture(page):
            without.append(number)
    if not blocks and without:
        raise UnreadableError("it has no text layer: its pages are pictures.", "Recognise its text first (OCR).")
    if not blocks:
        raise UnreadableError("it holds no text.", "Leave it out.")
    title = reader.metadata.title if reader.metadata else None
    return Contents(tuple(blocks), title=_clean(title or "").strip(), meta={"pages": count}, notes=_notes(without))


def _notes(without: list[int]) -> tuple[str, ...]:
    if not without:
        return ()
    shown = ", ".join(map(str, without[:_SHOWN_PAGES])) + (", ..." if len(without) > _SHOWN_PAGES else "")
    return (f"{len(without)} pages have no text layer ({shown}); recognise their text first (OCR).",)


def _page_blocks(text: str, number: int, outline: dict[int, list[tuple[int, str]]] | None) -> Iterator[Block]:
    """A page cut before each of its headings; a heading that is not found on its page begins with the page."""
    if outline is None:
        yield from plain_blocks(text.split("\n"), number)
        return
    cuts: list[tuple[int, int, int, str]] = []
    position = 0
    for level, title in outline.get(number, ()):
        found = _find(title, text, position)
        begin, position = found or (position, position)
        cuts.append((begin, position, level, title))
    yield from _text_block(text[: cuts[0][0]] if cuts else text, number)
    for place, (begin, end, level, title) in enumerate(cuts):
        following = cuts[place + 1][0] if place + 1 < len(cuts) else len(text)
        yield Block(text[begin:end].strip() or title, level=level, page=number, heading=title)
        yield from _text_block(text[end:following], number)


def _text_block(text: str, number: int) -> Iterator[Block]:
    if text.strip():
        yield Block(text.strip("\n"), page=number)


def _find(title: str, text: str, position: int) -> tuple[int, int] | None:
    """Where a heading stands on its page; white space may differ, and it must fill its lines."""
    words = r"\s*".join(re.escape(char) for char in title if not char.isspace())
    found = re.compile(rf"^\s*{words}\s*$", re.MULTILINE).search(text, position)
    return (found.start(), found.end()) if found else None


def _headings(reader: "PdfReader") -> dict[int, list[tuple[int, str]]] | None:
    """Page -> (level, heading) by the file's outline; None if it has none."""
    found: dict[int, list[tuple[int, str]]] = {}
    for level, item in _walk(cast("list[Any]", reader.outline), 1):
        title = " ".join(_clean(str(item.title)).split())[:_MAX_HEADING]
        page = reader.get_destination_page_number(item)
        if title and page is not None and page >= 0:
            found.setdefault(page + 1, []).append((level, title))
    return found or None


def _walk(items: list[Any], level: int) -> Iterator[tuple[int, Any]]:
    for item in items:
        if not isinstance(item, list):
            yield level, item
        elif level < _DEEPEST:
            yield from _walk(cast("list[Any]", item), level + 1)


def _has_picture(page: "PageObject") -> bool:
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    return bool(objects and objects.get_object())


def _clean(text: str) -> str:
    """With characters for radicals and ligatures; without halves of surrogate pairs and zero bytes."""
    return text.translate(_mended()).encode("utf-8", "ignore").decode()


@cache
def _mended() -> dict[int, str]:
    """What fonts make of common characters: `⽰` for `示`, `⻣` for `骨`, `ﬁ` for `fi`."""
    table = tomllib.loads((files("clinforge.data.sources.formats") / "radicals.toml").read_text(encoding="utf-8"))
    compatible = (*range(0x2F00, 0x2FD6), *range(0xFB00, 0xFB07))
    mended = {code: unicodedata.normalize("NFKC", chr(code)) for code in compatible}
    return mended | {ord(radical): char for radical, char in table["equivalent"].items()} | {0: ""}
