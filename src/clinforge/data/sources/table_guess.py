"""Which column of a table holds what, by its header."""

import functools
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from clinforge.config import Settings
from clinforge.data.sources.table_rows import Broken, Layout, rows, settle
from clinforge.errors import InputError
from clinforge.records import Lang, Record

_BRACKETS = re.compile(r"[(\[{<（【].*?[)\]}>）】]")
_JOINS = re.compile(r"[\s_\-./·:：*#]+")
_ONE_COLUMN = ("patient", "visit", "id", "title", "lang")


class Columns(Settings):
    """Which column holds what, by the name in the header (in a table without one, by position: "1", "2", ...)."""

    text: tuple[str, ...] = Field(min_length=1)
    """The text. Several columns (chief complaint, history, ...) become sections of one text under their names."""
    patient: str = ""
    """The patient's number; kept only as a keyed hash. A row without one is set aside."""
    visit: str = ""
    """The visit's or admission's number; kept only as a keyed hash."""
    id: str = ""
    """The row's own number; kept as a keyed hash unless `clear_id`. Without it a row is named FILE:LINE."""
    clear_id: bool = False
    """Keep the row's own number as it is: only where it says nothing about a person."""
    date: tuple[str, ...] = ()
    """Date or time; of several columns the first that is filled counts."""
    title: str = ""
    """A title."""
    lang: str = ""
    """The language of each row."""
    meta: dict[str, str] = Field(default={})
    """What else to keep, name: column. Nothing that names a person belongs here."""

    @field_validator("text", "date", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("meta", mode="before")
    @classmethod
    def _named_like_its_column(cls, value: object) -> object:
        return {str(name): name for name in value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _numbers_hidden(self) -> "Columns":
        hidden = {plain_name(name) for name in (self.patient, self.visit, "" if self.clear_id else self.id) if name}
        for key, name in self.meta.items():
            if plain_name(name) in hidden:
                raise ValueError(f"meta.{key} would keep in clear a number that is to be hashed")
        return self

    def used(self) -> dict[str, str]:
        """Every column that is read, by the key of the recipe that names it."""
        single = {key: getattr(self, key) for key in _ONE_COLUMN}
        several = {f"{key}.{i}": name for key in ("text", "date") for i, name in enumerate(getattr(self, key))}
        return {key: name for key, name in (single | several | self._meta()).items() if name}

    def _meta(self) -> dict[str, str]:
        return {f"meta.{key}": name for key, name in self.meta.items()}


class Guess(Record):
    """What the file itself says about how to read it: to be looked at, and written into the recipe."""

    encoding: str
    delimiter: str
    sheet: str
    columns: Columns | None
    """None if no column is known to hold text."""
    left_out: tuple[str, ...]
    """Columns that would not be read."""


def guess_columns(path: Path, layout: Layout | None = None) -> Guess:
    """Guess encoding, delimiter and columns of a CSV, TSV or XLSX file from its content and its header.

    InputError if the file cannot be read or has no row at all.
    """
    settled = settle(path, layout or Layout())
    names = read_header(path, settled)
    columns = columns_of(names)
    used = set(columns.used().values()) if columns else set[str]()
    return Guess(
        encoding=settled.encoding,
        delimiter=settled.delimiter,
        sheet=settled.sheet,
        columns=columns,
        left_out=tuple(name for name in names if name not in used),
    )


def read_header(path: Path, layout: Layout) -> list[str]:
    """The first row of a file, as names of columns."""
    for _, cells in rows(path, layout, []):
        return header_names(cells)
    raise InputError(f"{path} has no row that can be read.")


def header_names(cells: Sequence[str | Broken]) -> list[str]:
    """A header's cells as names; one that cannot be read has none."""
    return ["" if isinstance(cell, Broken) else cell.strip().strip("\ufeff").strip() for cell in cells]


def columns_of(names: Sequence[str]) -> Columns | None:
    """The columns that a header names, or None if none of them is known to hold text."""
    table, plain = _table(), {plain_name(name): name for name in reversed(names) if name}
    text = _found(table["text"], plain)[:1]
    if not text:
        parts = {plain_name(name) for name in table["parts"]}
        text = [name for name in dict.fromkeys(names) if plain_name(name) in parts]
    if not text:
        return None
    single = {key: found[0] for key in _ONE_COLUMN if (found := _found(table[key], plain))}
    meta = {key: found[0] for key, known in table["meta"].items() if (found := _found(known, plain))}
    return Columns.model_validate({"text": text, "date": _found(table["date"], plain), "meta": meta, **single})


def knows_any(names: Sequence[str]) -> bool:
    """Whether a row looks like a header: one of its cells is a name known here."""
    table = _table()
    keys = ("text", "parts", "patient", "visit", "id", "date", "title", "lang")
    known = {plain_name(name) for names in (*(table[key] for key in keys), *table["meta"].values()) for name in names}
    return any(plain_name(name) in known for name in names)


def plain_name(name: str) -> str:
    """A column's name without what differs from one table to the next."""
    return _JOINS.sub("", _BRACKETS.sub("", unicodedata.normalize("NFKC", name))).casefold()


def language_named(text: str) -> Lang | None:
    """The language that a cell names ("zh-CN", "English"), or None."""
    name = plain_name(re.split(r"[-_]", text.strip(), maxsplit=1)[0])
    known: dict[Lang, list[str]] = _table()["languages"]
    return next((lang for lang, names in known.items() if name in names), None)


def _found(known: Sequence[str], plain: dict[str, str]) -> list[str]:
    return [plain[key] for name in known if (key := plain_name(name)) in plain]


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data.sources") / "table_headers.toml").read_text(encoding="utf-8"))
