"""Plain text and Markdown: every line stays as it is, headings are recognised by how they are written."""

import re
from collections.abc import Iterable, Iterator

from clinforge.data.sources.formats import Block, Contents, UnreadableError
from clinforge.encoding import DAMAGED, decode
from clinforge.errors import InputError

_NUMBER = "[一二三四五六七八九十百零〇\\d]+"
_PLAIN_HEADINGS = (
    (
        1,
        re.compile(
            rf"第\s*{_NUMBER}\s*[篇编].{{0,40}}|第\s*{_NUMBER}\s*部分?(\s.{{0,40}})?|P(ART|art) [IVX\d]+\b.{{0,60}}"
        ),
    ),
    (2, re.compile(rf"第\s*{_NUMBER}\s*章.{{0,40}}|C(HAPTER|hapter) [IVX\d]+\b.{{0,60}}")),
    (3, re.compile(rf"第\s*{_NUMBER}\s*节(\s.{{0,40}})?")),
    (4, re.compile(r"[一二三四五六七八九十]{1,3}、.{1,30}")),
)
"""How chapters of Chinese and English books begin. Bare numbers are left alone: tables are full of them."""
_SENTENCE_END = re.compile(r"[。；;，,：:.!?！？]$|[.…·\s]{2,}\d+$")
"""A heading ends in none of these; dots or spaces before a number are a line of a table of contents."""
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NOT_A_PARAGRAPH = re.compile(r"\s*$| {4}|\t|\s*([-*+>|]|\d+[.)])(\s|$)")


def read_text(data: bytes, encoding: str = "") -> Contents:
    """A text file in any common encoding."""
    text, found, notes = decoded(data, encoding)
    return Contents(tuple(plain_blocks(text.split("\n"))), meta={"encoding": found}, notes=notes)


def read_markdown(data: bytes, encoding: str = "") -> Contents:
    """A Markdown file; its marks stay in the text, its headings become sections."""
    text, found, notes = decoded(data, encoding)
    blocks = tuple(_markdown_blocks(text.split("\n")))
    title = next((block.heading for block in blocks if block.level == 1), "")
    return Contents(blocks, title=title, meta={"encoding": found}, notes=notes)


def decoded(data: bytes, encoding: str = "") -> tuple[str, str, tuple[str, ...]]:
    """Text with line feeds as line ends, the encoding, and notes on damaged bytes."""
    try:
        text, found = decode(data, encoding)
    except InputError as error:
        raise UnreadableError(error.args[0], error.hint) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if not text.strip():
        raise UnreadableError("it is empty.", "Leave it out.")
    damaged = text.count(DAMAGED)
    where = text.count("\n", 0, text.find(DAMAGED)) + 1
    notes = (f"{damaged} bytes or more are not {found}, the first on line {where}; look at them.",) if damaged else ()
    return text, found, notes


def plain_blocks(lines: Iterable[str], page: int | None = None) -> Iterator[Block]:
    """Lines of a text without marks: chapter headings, and what stands between them."""
    body: list[str] = []
    for line in lines:
        level = plain_level(line)
        if level:
            yield from _body(body, page)
            yield Block(line, level=level, page=page, heading=line.strip())
            body = []
        else:
            body.append(line)
    yield from _body(body, page)


def _body(lines: list[str], page: int | None = None) -> Iterator[Block]:
    if lines:
        yield Block("\n".join(lines), page=page)


def plain_level(line: str) -> int:
    """Level of a line that is a heading by its wording, 0 for any other."""
    line = line.strip()
    if not line or _SENTENCE_END.search(line):
        return 0
    return next((level for level, pattern in _PLAIN_HEADINGS if pattern.fullmatch(line)), 0)


def _markdown_blocks(lines: list[str]) -> Iterator[Block]:
    """ATX (`# A`) and setext (underlined) headings outside fenced code and front matter."""
    body: list[str] = []
    fence, position = "", _front_matter(lines)
    yield from _body(lines[:position])
    while position < len(lines):
        line = lines[position]
        following = lines[position + 1] if position + 1 < len(lines) else ""
        fence = _fence_after(line, fence)
        level, heading, taken = (0, "", 1) if fence else _markdown_heading(line, following, body)
        if level:
            yield from _body(body)
            yield Block("\n".join(lines[position : position + taken]), level=level, heading=heading)
            body = []
        else:
            body.append(line)
        position += taken
    yield from _body(body)


def _markdown_heading(line: str, following: str, body: list[str]) -> tuple[int, str, int]:
    """(level, heading, lines it takes); level 0 for a line that is none."""
    found = _ATX.fullmatch(line)
    if found and found[2]:
        return len(found[1]), found[2].strip(), 1
    underline = _SETEXT.fullmatch(following)
    alone = not body or not body[-1].strip()
    if underline and alone and not _NOT_A_PARAGRAPH.match(line):
        return (1 if "=" in underline[1] else 2), line.strip(), 2
    return 0, "", 1


def _fence_after(line: str, fence: str) -> str:
    """The code fence that is open after this line, or ''."""
    found = _FENCE.match(line)
    if not fence:
        return found[1] if found else ""
    closes = found and found[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _front_matter(lines: list[str]) -> int:
    """Lines of the settings that some files begin with, between two `---`."""
    if lines[0].rstrip() == "---":
        for position, line in enumerate(lines[1:200], start=1):
            if line.rstrip() in ("---", "..."):
                return position + 1
    return 0
