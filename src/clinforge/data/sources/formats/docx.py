"""Word documents (.docx), read from their XML: paragraphs, headings by style, tables, pages as Word last counted them.

Covers: archives that unpack to too much, XML with entities or a document type (refused), text deleted under track
changes (left out). Does not cover: footnotes, headers and footers, comments, numbers that Word gives to headings.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clinforge.data.sources.formats import Block, Contents, UnreadableError

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_COMPATIBLE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"
_LEFT_OUT = frozenset({f"{_W}del", f"{_W}moveFrom", f"{_COMPATIBLE}Fallback", f"{_W}pPr", f"{_W}rPr"})
_LETTERS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}


def read_docx(path: Path, max_bytes: int) -> Contents:
    """A Word document; `max_bytes` bounds what each of its parts may unpack to."""
    with path.open("rb") as file:
        if file.read(4) == _COMPOUND_FILE:
            raise UnreadableError("it is encrypted, or an old .doc.", "Save it as .docx without a password.")
    try:
        with zipfile.ZipFile(path) as archive:
            body = _part(archive, "word/document.xml", max_bytes)
            if body is None:
                raise UnreadableError("it is no Word document.", "Save it as .docx.")
            levels = _levels(_part(archive, "word/styles.xml", max_bytes))
            properties = _part(archive, "docProps/core.xml", max_bytes)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error) as error:
        raise UnreadableError(f"it is broken ({type(error).__name__}).", "Open it in Word and save it anew.") from None
    blocks = tuple(_Reader(levels, body).blocks())
    if not blocks:
        raise UnreadableError("it holds no text.", "If its pages are pictures, recognise their text first (OCR).")
    title = "" if properties is None else (properties.findtext(_TITLE) or "").strip()
    return Contents(blocks, title=title)


def _part(archive: zipfile.ZipFile, name: str, max_bytes: int) -> Any:  # noqa: ANN401 -- lxml has no types
    """The root element of a part; None if there is no such part."""
    import lxml.etree as etree

    if name not in archive.namelist():
        return None
    with archive.open(name) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise UnreadableError("it unpacks to too much.", "Raise `max_megabytes:` if you trust the file.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root: Any = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableError(f"its {name} is not XML (line {error.lineno}).", "Save it anew in Word.") from None
    if root.getroottree().docinfo.doctype:
        raise UnreadableError(f"its {name} declares a document type, as attacks do.", "Save it anew in Word.")
    return root


def _levels(styles: Any) -> dict[str, int]:  # noqa: ANN401 -- an element
    """Style id -> heading level. Word names its heading styles in English whatever the language of its menus."""
    if styles is None:
        return {}
    own: dict[str, int] = {}
    based: dict[str, str] = {}
    for style in styles.iter(f"{_W}style"):
        key = style.get(f"{_W}styleId", "")
        based[key] = _value(style.find(f"{_W}basedOn"))
        name = _value(style.find(f"{_W}name")).casefold()
        outline = _value(style.find(f"{_W}pPr/{_W}outlineLvl"))
        if name.startswith("heading ") and name[8:].isdigit():
            own[key] = int(name[8:])
        elif outline.isdigit() and int(outline) < 9:
            own[key] = int(outline) + 1
    return {key: level for key in based if (level := _inherited(key, own, based))}


def _inherited(key: str, own: dict[str, int], based: dict[str, str]) -> int:
    seen: set[str] = set()
    while key and key not in seen:
        if key in own:
            return own[key]
        seen.add(key)
        key = based.get(key, "")
    return 0


def _value(element: Any) -> str:  # noqa: ANN401 -- an element or None
    return "" if element is None else element.get(f"{_W}val", "")


class _Reader:
    """Walks a document's body and counts its pages."""

    def __init__(self, levels: dict[str, int], root: Any) -> None:  # noqa: ANN401 -- an element
        self._levels = levels
        self._root = root
        has_pages = root.find(f".//{_W}lastRenderedPageBreak") is not None
        self._page = 1 if has_pages else None
        self._first: int | None = None
        """Page of the first letter of the block that is being read."""

    def blocks(self) -> Iterator[Block]:
        """Paragraphs and tables, in order."""
        body = self._root.find(f"{_W}body")
        for element in () if body is None else _content(body):
            self._first = None
            text = self._table(element) if element.tag == f"{_W}tbl" else self._paragraph(element)
            if text.strip():
                heading = " ".join(text.split())
                yield Block(text.strip("\n"), level=self._level(element), page=self._first, heading=heading)

    def _level(self, paragraph: Any) -> int:  # noqa: ANN401 -- an element
        outline = _value(paragraph.find(f"{_W}pPr/{_W}outlineLvl"))
        if outline.isdigit():
            return int(outline) + 1 if int(outline) < 9 else 0
        return self._levels.get(_value(paragraph.find(f"{_W}pPr/{_W}pStyle")), 0)

    def _table(self, table: Any) -> str:  # noqa: ANN401 -- an element
        """A line a row, cells parted by tabs; a table within a cell stands in it."""
        rows: list[str] = []
        for row in _content(table):
            if row.tag == f"{_W}tr":
                cells = [" ".join(self._paragraph(cell).split()) for cell in _content(row) if cell.tag == f"{_W}tc"]
                rows.append("\t".join(cells))
        return "\n".join(row for row in rows if row.strip())

    def _paragraph(self, element: Any) -> str:  # noqa: ANN401 -- an element
        return "".join(self._letters(element))

    def _letters(self, element: Any) -> Iterator[str]:  # noqa: ANN401 -- an element
        """Text below an element; recursion is bounded by lxml, which refuses trees deeper than 256."""
        for child in element:
            tag = child.tag
            if tag == f"{_W}t":
                self._first = self._first or self._page
                yield child.text or ""
            elif tag == f"{_W}lastRenderedPageBreak":
                self._page = (self._page or 1) + 1
            elif tag in _LETTERS:
                yield _LETTERS[tag]
            elif tag not in _LEFT_OUT and isinstance(tag, str):
                yield from self._letters(child)
                if tag == f"{_W}p":
                    yield "\n"


def _content(element: Any) -> Iterator[Any]:  # noqa: ANN401 -- an element
    """Children, seen through content controls and custom XML."""
    for child in element:
        if child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins", f"{_W}smartTag"):
            yield from _content(child)
        elif child.tag in (f"{_W}p", f"{_W}tbl", f"{_W}tr", f"{_W}tc"):
            yield child
