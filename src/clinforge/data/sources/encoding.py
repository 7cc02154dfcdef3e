"""Which encoding a text file has, and its bytes, compressed or not.

Covers: UTF-8, GB18030 (with GBK and GB2312), Big5, Windows-1252, UTF-16 and UTF-32, the last without a mark only if it
has one. Decides by what stands in the file, also when the first character beyond ASCII comes late or stands alone.
Does not cover: other encodings; a handful of characters can be readable in two of them. A setting overrides it.
"""

import codecs
import contextlib
import functools
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from clinforge.errors import InputError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = ("utf-8", "gb18030", "cp1252", "big5hkscs")
"""Of equally likely encodings the first is taken."""
BROKEN_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading compressed data raises where it is damaged or breaks off."""
_GZIP_MARK = b"\x1f\x8b"
_BLOCK = 1 << 20
_SAMPLE = 1 << 18
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_THREE_BYTES = re.compile("[\u0800-\U0010ffff]")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading; what gzip compressed is decompressed on the way, whatever its name."""
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == _GZIP_MARK
        return cast("IO[bytes]", gzip.open(path, "rb")) if compressed else path.open("rb")
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from None


def blocks(path: Path) -> Iterator[bytes]:
    """A file in pieces of at most 1 MiB; where compressed data breaks off, it ends."""
    with open_bytes(path) as file, contextlib.suppress(*BROKEN_GZIP):
        while block := cast("io.BufferedReader", file).read1(_BLOCK):
            yield block


def detect_encoding(path: Path) -> str:
    """The codec that reads a file; `utf-8` for plain ASCII.

    Reads on to the first line that is not ASCII, then up to 256 KiB of such lines.
    """
    return _wide_encoding(next(blocks(path), b"")) or encoding_of(_telling_lines(path))


def encoding_of(text: bytes) -> str:
    """The codec that reads these bytes; `utf-8` for plain ASCII."""
    if encoding := _wide_encoding(text):
        return encoding
    try:
        # A text in another encoding is hardly ever valid UTF-8 with characters of three bytes.
        if text.isascii() or _THREE_BYTES.search(text.decode()):
            return "utf-8"
    except UnicodeDecodeError:
        pass
    return max(_CANDIDATES, key=lambda encoding: _plausibility(text, encoding))


def _wide_encoding(text: bytes) -> str:
    """What a byte order mark says; or UTF-16 without one, whose ASCII characters have their zero bytes on one side."""
    for mark, encoding in _MARKS:
        if text.startswith(mark):
            return encoding
    zeros = (text[0::2].count(0), text[1::2].count(0))
    if sum(zeros) < 0.01 * len(text) or max(zeros) < 0.9 * sum(zeros) or not sum(zeros):
        return ""
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def _telling_lines(path: Path) -> bytes:
    found, rest = b"", b""
    for block in blocks(path):
        lines, line_end, rest = (rest + block).rpartition(b"\n")
        if not lines.isascii():
            found += b"".join(line for line in lines.splitlines(keepends=True) if not line.isascii()) + line_end
        if len(found) + len(rest) > _SAMPLE:
            break
    return found + (b"" if rest.isascii() else rest)


def _plausibility(text: bytes, encoding: str) -> float:
    """Share of the characters beyond ASCII that one expects in a Chinese or Western text, if the encoding is right."""
    runs = _BEYOND_ASCII.findall(text.decode(encoding, errors="replace"))
    return sum(_num_expected(run) for run in runs) / max(1, sum(map(len, runs)))


def _num_expected(run: str) -> int:
    num_chinese = sum(character in _chinese() for character in run)
    # An accented letter or a degree sign stands alone or in twos; a row of them is Chinese misread.
    return num_chinese if len(run) > 2 else num_chinese + sum(character in _western() for character in run)


@functools.cache
def _chinese() -> frozenset[str]:
    """The 3,755 commonest simplified and 5,401 commonest traditional characters, and the punctuation of both."""
    simplified = _decoded("gb2312", (*range(0xA1, 0xA4), *range(0xB0, 0xD8)), range(0xA1, 0xFF))
    traditional = _decoded("big5", range(0xA1, 0xC7), range(0x40, 0xFF))
    return frozenset(simplified + traditional) - {"\ufffd"} - _western()


@functools.cache
def _western() -> frozenset[str]:
    return frozenset(bytes(range(0x80, 0x100)).decode("cp1252", errors="ignore"))


def _decoded(encoding: str, leads: "range | tuple[int, ...]", trails: range) -> str:
    return "".join(bytes((lead, trail)).decode(encoding, errors="ignore") for lead in leads for trail in trails)
