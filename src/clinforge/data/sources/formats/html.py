"""HTML by trafilatura: the main text with its headings, lists and tables, without menus and advertisements.

What is main text is a guess, made in favour of keeping too much. Nothing is fetched and no script runs.
"""

import logging
import re
from collections.abc import Iterator
from typing import Any

from clinforge.data.sources.formats import Block, Contents, UnreadableError
from clinforge.data.sources.formats.plain import decoded


def read_html(data: bytes, encoding: str = "") -> Contents:
    """The main text of a page. Its encoding is judged by its bytes: what pages declare is often wrong."""
    from trafilatura import bare_extraction

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # its messages may quote the page
    text, found, notes = decoded(data, encoding)
    try:
        page: Any = bare_extraction(text, favor_recall=True, include_comments=False, with_metadata=True)
    except Exception as error:  # noqa: BLE001 -- pages are broken in more ways than its parser names
        raise UnreadableError(f"it is broken ({type(error).__name__}).", "Save it anew from a browser.") from None
    blocks = tuple(_blocks(page.body)) if page is not None and page.body is not None else ()
    if page is None or not blocks:
        raise UnreadableError("no main text was found in it.", "Save its text as Markdown or plain text.")
    return Contents(blocks, title=page.title or "", meta={"encoding": found}, notes=notes)


def _blocks(body: Any) -> Iterator[Block]:  # noqa: ANN401 -- lxml has no types
    """Paragraphs, headings, lists and tables of trafilatura's tree."""
    for element in body:
        if not isinstance(element.tag, str):
            continue
        level = _level(element)
        if element.tag == "table":
            text = "\n".join("\t".join(map(_words, row.iter("cell"))) for row in element.iter("row"))
        elif element.tag == "list":
            text = "\n".join(f"- {_words(item)}" for item in element.iter("item"))
        else:
            text = _words(element)
        if text.strip():
            yield Block(text, level=level)


def _level(element: Any) -> int:  # noqa: ANN401 -- an element
    rend = element.get("rend") or ""
    return int(rend[1]) if element.tag == "head" and re.fullmatch("h[1-6]", rend) else 0


def _words(element: Any) -> str:  # noqa: ANN401 -- an element
    return " ".join("".join(element.itertext()).split())
