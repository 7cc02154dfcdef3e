"""Rows of CSV, TSV and XLSX files, one at a time, each with the line on which it begins.

A row that cannot be told from the next is noted and the reading goes on at the line after its first: a quote that is
never closed costs one row (two if the next quoted field begins with a delimiter or a line break), not the rest of the
file. CSV is read in memory that does not grow with the file; of XLSX,
openpyxl keeps the table of shared texts in memory.
"""

import contextlib
import csv
import io
import itertools
import warnings
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from clinforge.data.sources.encoding import BROKEN_GZIP, blocks, detect_encoding, open_bytes
from clinforge.errors import InputError, MissingError

if TYPE_CHECKING:
    from openpyxl import Workbook

MAX_FIELD = 1 << 20
"""Characters in one field: no clinical note is longer, and a lost quote must not take in the whole file."""
_DELIMITERS = (",", "\t", ";", "|")
_HEAD = 1 << 16
_HEAD_ROWS = 20
_LOST = "\ufffd"
_EXACT = 10**15
"""Excel keeps 15 digits of a number."""
_WORKBOOKS = (".xlsx", ".xlsm")
_BROKEN_WORKBOOK = (
    BadZipFile, zlib.error, OSError, EOFError, SyntaxError, LookupError, ValueError, TypeError, AttributeError,
    NotImplementedError,
)  # fmt: skip
"""What openpyxl lets through of a damaged file; it has no error of its own for that."""
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Broken:
    """A cell that cannot be read."""

    reason: str


Cell = str | Broken
Row = tuple[int, list[Cell]]
"""Number of its first line, and its cells."""


@dataclass(frozen=True)
class Layout:
    """How a file is to be read; what is empty is found out by `settle`."""

    encoding: str = ""
    delimiter: str = ""
    quote: str = '"'
    sheet: str = ""
    """Of a workbook; empty is the first."""
    skip_rows: int = 0
    """Rows with something in them that stand before the table."""


def settle(path: Path, layout: Layout) -> Layout:
    """Find out what the layout leaves open. InputError if the file is missing or of a kind that is not read."""
    if not path.is_file():
        raise InputError(f"{path} is not a file.")
    if _is_workbook(path):
        return replace(layout, encoding="", delimiter="", quote="")
    _refuse_old_workbook(path)
    encoding = layout.encoding or detect_encoding(path)
    delimiter = layout.delimiter or _find_delimiter(path, encoding, layout.quote)
    return replace(layout, encoding=encoding, delimiter=delimiter, sheet="")


def rows(path: Path, layout: Layout, faults: list[str]) -> Iterator[Row]:
    """Rows of a file whose layout is settled, without those that are empty. Bad rows go to `faults`."""
    reader = _workbook_rows if _is_workbook(path) else _text_rows
    return itertools.islice(reader(path, layout, faults), layout.skip_rows, None)


def _is_workbook(path: Path) -> bool:
    return path.suffix.lower() in _WORKBOOKS


def _text_rows(path: Path, layout: Layout, faults: list[str]) -> Iterator[Row]:
    lost = Broken(f"holds bytes that are not {layout.encoding}, or a character that was lost before")
    # newline="" leaves line ends inside quotes as they are.
    with io.TextIOWrapper(open_bytes(path), layout.encoding, errors="replace", newline="") as lines:
        try:
            for number, cells in _csv_rows(lines, layout, path, faults):
                if any(cells):
                    yield number, [lost if _LOST in cell else cell for cell in cells]
        except BROKEN_GZIP:
            faults.append(f"{path}: the compressed data breaks off; the rows after that are lost.")


def _csv_rows(lines: Iterator[str], layout: Layout, path: Path, faults: list[str]) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_FIELD)  # of the whole process; the default, 131,072, is less than some notes have
    given_back: deque[str] = deque()
    taken: list[str] = []

    def feed() -> Iterator[str]:
        while (line := given_back.popleft() if given_back else next(lines, None)) is not None:
            taken.append(line)
            yield line

    number, reader = 1, _reader(feed(), layout, strict=True)
    while True:
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            faults.append(_quote_fault(f"{path}:{number}", taken, layout))
            given_back.extendleft(reversed(taken[1:]))
            number, reader = number + 1, _reader(feed(), layout, strict=True)
            continue
        yield number, cells
        number += len(taken)


def _reader(lines: Iterator[str], layout: Layout, *, strict: bool) -> Iterator[list[str]]:
    if not layout.quote:
        return csv.reader(lines, delimiter=layout.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=layout.delimiter, quotechar=layout.quote, strict=strict)


def _quote_fault(place: str, taken: list[str], layout: Layout) -> str:
    where = ""
    if len(taken) > 1 and len(taken[0]) < MAX_FIELD:
        # What is still open at the end of the first line is its last field.
        where = f" field {len(next(_reader(iter(taken[:1]), layout, strict=False)))}"
    return f"{place}{where}: a quote is not closed or not doubled, or a field is longer than {MAX_FIELD:,} characters."


def _find_delimiter(path: Path, encoding: str, quote: str) -> str:
    head = next(blocks(path), b"")[:_HEAD].decode(encoding, errors="replace")
    return max(_DELIMITERS, key=lambda delimiter: _evenness(head, Layout(encoding, delimiter, quote)))


def _evenness(head: str, layout: Layout) -> float:
    """Share of the first rows that are as wide as most, by this delimiter; 0 if most are one field."""
    reader = _reader(io.StringIO(head, newline=""), layout, strict=False)
    widths = [len(cells) for cells, _ in zip(reader, range(_HEAD_ROWS), strict=False) if cells]
    most = max(widths, key=widths.count, default=1)
    return widths.count(most) / len(widths) if most > 1 else 0


def _workbook_rows(path: Path, layout: Layout, faults: list[str]) -> Iterator[Row]:
    with _workbook(path) as workbook:
        sheet: Any = workbook[_sheet(workbook.sheetnames, layout, path, faults)]
        sheet.reset_dimensions()  # some programs write a size that is too small, and openpyxl would believe it
        number = 0
        try:
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                found = [_cell(cell.value, is_error=cell.data_type == "e") for cell in cells]
                if any(found):
                    yield number, found
        except _BROKEN_WORKBOOK:
            faults.append(f"{path}:{number + 1}: the workbook is broken from this row on.")


def _sheet(names: list[str], layout: Layout, path: Path, faults: list[str]) -> str:
    """The sheet that is asked for, or the first; that others are not read is said in `faults`."""
    if not layout.sheet:
        if others := ", ".join(f"'{name}'" for name in names[1:]):
            faults.append(f"{path}: only the sheet '{names[0]}' is read; name another with sheet: {others}.")
        return names[0]
    if layout.sheet not in names:
        raise InputError(f"{path} has no sheet '{layout.sheet}'.", hint=f"It has: {', '.join(names)}.")
    return layout.sheet


def _cell(value: object, *, is_error: bool) -> Cell:
    """A cell as text: whole numbers without a decimal point, dates in ISO 8601."""
    if value is None:
        return ""
    if is_error:
        return Broken("holds an error of Excel's")
    if isinstance(value, int | float) and abs(value) >= _EXACT:
        return Broken("is a number of more than 15 digits, of which Excel keeps 15; format the column as text")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="seconds")
    return str(value)


def _refuse_old_workbook(path: Path) -> None:
    if path.suffix.lower() == ".xls" or next(blocks(path), b"").startswith(_OLD_WORKBOOK):
        raise InputError(
            f"{path} is a workbook of the old format or under a password.",
            hint="Save it as .xlsx without a password, or as CSV.",
        )


def _workbook(path: Path) -> "contextlib.closing[Workbook]":
    try:
        import openpyxl
    except ImportError:
        raise MissingError(f"Reading {path} needs openpyxl.", hint='pip install "clinforge[data]"') from None
    _refuse_old_workbook(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and filters, which are not read
            workbook = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except _BROKEN_WORKBOOK:
        raise InputError(
            f"{path} is not a whole .xlsx workbook.", hint="Save it again from Excel, or as CSV."
        ) from None
    return contextlib.closing(workbook)
