"""Hospital tables: CSV, TSV and XLSX, one document a row.

    file ──encoding, delimiter found──▶ rows ──columns given or guessed──▶ Document
                                          └─ a row that cannot be used ──▶ faults, as FILE:LINE field 'NAME': why

Covers: numbers of patients and visits leave here only as keyed hashes. Does not cover: names and numbers inside the
texts, which later steps take out, and the columns that a recipe keeps in `meta`.
"""

import codecs
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from clinforge.config import Settings
from clinforge.data.sources import document_id, hashed_id, records_key
from clinforge.data.sources.dates import iso_date
from clinforge.data.sources.table_guess import (
    Columns,
    columns_of,
    header_names,
    knows_any,
    language_named,
    plain_name,
)
from clinforge.data.sources.table_rows import Broken, Cell, Layout, Row, rows, settle
from clinforge.errors import ConfigError, InputError
from clinforge.records import Document, Lang, Section
from clinforge.safety.normalise import is_chinese

_TELLING = 500
"""Characters of a text that tell its language."""
_WHOLE_NUMBER = re.compile(r"(\d+)\.0+")


class Table(Settings):
    """A CSV, TSV or XLSX file (.gz too), one document a row."""

    kind: Literal["table"] = "table"
    path: Path
    """The file."""
    source: str = Field(min_length=1)
    """Key of the licence table's row, or the name you give to these files."""
    licence: str = ""
    """What the files may be used for, in a word or two."""
    version: str = ""
    """Release or date of the export."""
    columns: Columns | None = None
    """Which column holds what; guessed from the header if not given."""
    lang: Literal["auto", "en", "zh"] = "auto"
    """Language of the texts; `auto` looks at each, or at its column of `columns.lang`."""
    header: bool = True
    """Whether the first row names the columns. Without it they are called "1", "2", ..."""
    skip_rows: int = Field(default=0, ge=0)
    """Rows with something in them that stand before the header, such as a title."""
    encoding: str = ""
    """Python's name of the encoding, e.g. gb18030; found out if not given."""
    delimiter: str = Field(default="", max_length=1)
    """What stands between two fields; found out if not given."""
    quote: str = Field(default='"', max_length=1)
    """What stands around a field that holds a delimiter or a line break; empty if nothing does."""
    sheet: str = ""
    """Sheet of a workbook; the first if not given."""
    date_format: str = ""
    """Form of the dates as in Python's strptime, e.g. %d/%m/%Y, where they do not begin with the year."""
    leave_out: dict[str, tuple[str, ...]] = Field(default={})
    """Rows to set aside: column -> values, e.g. {ISERROR: ["1"]}."""

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return codecs.lookup(value).name if value else ""
        except LookupError:
            raise ValueError("Python knows no encoding of this name") from None

    def documents(self, faults: list[str]) -> Iterator[Document]:
        """Yield a document for each row that can be used; the others go to `faults`.

        Raises InputError if the file cannot be read or no row can be used, ConfigError if a column is not there, and
        MissingError if ids are to be hashed and there is no key.
        """
        layout = settle(self.path, Layout(self.encoding, self.delimiter, self.quote, self.sheet, self.skip_rows))
        found = rows(self.path, layout, faults)
        names, found = self._names(found)
        reader = _RowReader(self, self._columns(names), names, ragged_is_fault=bool(layout.delimiter))
        num_read = 0
        for line, cells in found:
            try:
                document = reader.document(line, cells)
            except InputError as error:
                faults.append(str(error))
                continue
            num_read += 1
            yield document
        if not num_read:
            raise InputError(f"{self.path} gave no document; {len(faults)} faults.", hint="\n".join(faults[:3]))

    def _names(self, found: Iterator[Row]) -> tuple[list[str], Iterator[Row]]:
        first = next(found, None)
        if first is None:
            raise InputError(f"{self.path} has no row that can be read.")
        if self.header:
            return header_names(first[1]), found
        return [str(position) for position in range(1, len(first[1]) + 1)], itertools.chain([first], found)

    def _columns(self, names: Sequence[str]) -> Columns:
        columns = self.columns or columns_of(names)
        if columns is None:
            raise ConfigError(f"{self.path}: no column is known to hold text.", hint=f"Set columns.text. {_has(names)}")
        return columns


class _RowReader:
    """Makes documents of the rows of one file."""

    def __init__(self, table: Table, columns: Columns, names: Sequence[str], *, ragged_is_fault: bool) -> None:
        self.table, self.columns, self.width = table, columns, len(names)
        self.ragged_is_fault = ragged_is_fault
        keys = {f"leave_out.{name}": name for name in table.leave_out}
        wanted = {f"columns.{key}": name for key, name in columns.used().items()} | keys
        self.position = {name: _position(key, name, names, table.path) for key, name in wanted.items()}
        self.label = {name: names[position] for name, position in self.position.items()}
        hides = columns.patient or columns.visit or (columns.id and not columns.clear_id)
        self.key = records_key() if hides else b""

    def document(self, line: int, cells: Sequence[Cell]) -> Document:
        """The document of a row. Raises InputError naming file, line and field."""
        table, columns = self.table, self.columns
        row = _CheckedRow(f"{table.path}:{line}", self._padded(line, cells), self.position, self.label)
        self._leave_out(row)
        text, sections = self._text(row)
        source_id = row.number(columns.id) or f"{table.path.name}:{line}"
        if columns.id and not columns.clear_id and row.number(columns.id):
            source_id = hashed_id("note", source_id, self.key)
        if columns.patient and not row.number(columns.patient):
            raise row.fault(columns.patient, "is empty; whose text this is must be known")
        return Document(
            id=document_id(table.source, source_id, text),
            text=text,
            lang=self._lang(row, text),
            source=table.source,
            source_id=source_id,
            title=row.text(columns.title).strip(),
            sections=sections,
            patient_id=self._hashed("patient", row.number(columns.patient)),
            visit_id=self._hashed("visit", row.number(columns.visit)),
            date=self._date(row),
            licence=table.licence,
            version=table.version,
            meta={key: value for key, name in columns.meta.items() if (value := row.text(name).strip())},
        )

    def _padded(self, line: int, cells: Sequence[Cell]) -> list[Cell]:
        place = f"{self.table.path}:{line}"
        if len(cells) < self.width and self.ragged_is_fault:
            raise InputError(f"{place} field {len(cells) + 1}: missing; the header has {self.width} fields.")
        if any(cells[self.width :]):
            raise InputError(f"{place} field {self.width + 1}: one more than the header has; a text with a delimiter?")
        return [*cells, *[""] * (self.width - len(cells))]

    def _leave_out(self, row: "_CheckedRow") -> None:
        for name, values in self.table.leave_out.items():
            if row.text(name).strip() in values:
                raise row.fault(name, "marks a row to leave out")

    def _text(self, row: "_CheckedRow") -> tuple[str, tuple[Section, ...]]:
        """The text of one column as it stands, or the filled ones of several under their names."""
        names = self.columns.text
        filled = [(name, row.text(name)) for name in names if row.text(name).strip()]
        if not filled:
            raise row.fault(names[0], "is empty" if len(names) == 1 else "and all other columns of the text are empty")
        if len(names) == 1:
            return filled[0][1], ()
        text, sections = "", list[Section]()
        for name, part in filled:
            text += "\n\n" if text else ""
            text += f"{self.label[name]}\n"
            sections.append(Section(path=(self.label[name],), start=len(text), end=len(text) + len(part.strip())))
            text += part.strip()
        return text, tuple(sections)

    def _lang(self, row: "_CheckedRow", text: str) -> Lang:
        if self.columns.lang and (named := row.text(self.columns.lang).strip()):
            lang = language_named(named)
            if lang is None:
                raise row.fault(self.columns.lang, "names neither Chinese nor English")
            return lang
        if self.table.lang != "auto":
            return self.table.lang
        return "zh" if is_chinese(text[:_TELLING]) else "en"

    def _date(self, row: "_CheckedRow") -> str:
        for name in self.columns.date:
            if written := row.text(name).strip():
                try:
                    return iso_date(written, self.table.date_format)
                except ValueError as error:
                    raise row.fault(name, f"is {error}; set date_format to another form") from None
        return ""

    def _hashed(self, kind: str, value: str) -> str:
        return hashed_id(kind, value, self.key) if value else ""


@dataclass(frozen=True)
class _CheckedRow:
    """A row as wide as its header; a cell that cannot be read is a fault when it is asked for."""

    place: str
    cells: Sequence[Cell]
    position: dict[str, int]
    label: dict[str, str]

    def text(self, name: str) -> str:
        """The cell of a column as it stands; empty if no column is named."""
        cell = self.cells[self.position[name]] if name else ""
        if isinstance(cell, Broken):
            raise self.fault(name, cell.reason)
        return cell

    def number(self, name: str) -> str:
        """The cell of a column of numbers; 17 and 17.0, as some programs write whole numbers, are the same."""
        return _WHOLE_NUMBER.sub(r"\1", self.text(name).strip())

    def fault(self, name: str, reason: str) -> InputError:
        """An error that names this row and one of its fields."""
        return InputError(f"{self.place} field '{self.label[name]}': {reason}.")


def _position(key: str, name: str, names: Sequence[str], path: Path) -> int:
    exact = [position for position, found in enumerate(names) if found == name]
    near = exact or [position for position, found in enumerate(names) if plain_name(found) == plain_name(name)]
    if len(near) == 1:
        return near[0]
    if near:
        raise ConfigError(
            f"{path} has {len(near)} columns named '{name}' ({key}).", hint="Give each a name of its own."
        )
    guess = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean '{guess[0]}'?" if guess else _has(names)
    raise ConfigError(f"{path} has no column '{name}' ({key}).", hint=hint)


def _has(names: Sequence[str]) -> str:
    """The columns of a file, unless its first row may be a patient's and not a header."""
    if knows_any(names):
        return f"The file has: {', '.join(name for name in names if name)}."
    return f"None of the {len(names)} fields of its first row is a name known here; is it a header? (header: false)"
