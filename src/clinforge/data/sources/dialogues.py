"""Question-answer sets, dialogues, exam questions and preference pairs, from files or from the Hugging Face hub.

    path ─▶ rows ─▶ detection (which layout, which columns) ─▶ layouts (row ─▶ turns) ─▶ Document

What was detected is said by `detect()`; `layout:` and `fields:` overrule it. The last turn of a document's conversation
is the answer.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from clinforge.config import Settings
from clinforge.data.sources import document_id
from clinforge.data.sources.detection import (
    SAMPLED,
    Detected,
    detect,
    first_option,
    kept_columns,
    names_columns,
)
from clinforge.data.sources.layouts import LAYOUTS, LayoutName, Reading, RowError, Turns
from clinforge.encoding import Encoding, language_of
from clinforge.errors import InputError, MissingError
from clinforge.records import Document, Lang
from clinforge.rows import SUFFIXES, Placed, Row, RowFile

HUB = "hub:"
HubName = Annotated[str, Field(pattern=rf"^{HUB}\S+$")]
_SHOWN_FAULTS = 5
_SHOWN_CHARACTERS = 200

Column = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
Rows = Callable[[list[str]], Iterator[Placed]]
"""Gives the rows from the start, each time it is called; broken ones go to the list."""


@dataclass(frozen=True)
class Table:
    """A set of rows with the name that messages and ids give it."""

    label: str
    """As messages name it."""
    name: str
    """As document ids name it: relative to the source's folder."""
    rows: Rows


class Dialogues(Settings):
    """Conversations and questions with answers, in any of the usual layouts."""

    kind: Literal["dialogues"] = "dialogues"
    path: HubName | Path
    """A file (JSON, JSON Lines, CSV or TSV, also .gz), a folder of such files, or `hub:owner/name`."""
    layout: LayoutName | None = None
    """How the rows are laid out; found from the first rows when left out."""
    fields: dict[str, Column] = Field(default_factory=dict[str, Column])
    """Which column holds which part of a row, e.g. `question: ask`; columns without names are 0, 1, 2."""
    first_option: Literal[0, 1] | None = None
    """Whether answers that are numbers count the options from 0 or from 1; found from the rows when left out."""
    keep: tuple[str, ...] = ()
    """Columns to keep as `meta` besides those that are known to class a row, such as `department`."""
    lang: Lang | None = None
    """Language of the rows; found for each row when left out."""
    encoding: Encoding = ""
    """Encoding of the files; found from the bytes when left out."""
    source: str = ""
    """Name of the set in the licence table and in reports; the file's or folder's name when left out."""
    licence: str = ""
    """Licence under which the set may be used."""
    subset: str = ""
    """Configuration of a set on the hub."""
    split: str = "train"
    """Split of a set on the hub."""
    revision: str = ""
    """Commit or tag of a set on the hub; without one, what is read may change from day to day."""

    def detect(self) -> tuple[Detected, ...]:
        """How each file will be read; raises InputError for the first that fits no layout."""
        return tuple(self._reading(table, [])[0] for table in self._tables([]))

    def documents(self, faults: list[str]) -> Iterator[Document]:
        """Yield a document a row. In a folder, a file that is no such set is noted and left out.

        Raises InputError when nothing could be read, MissingError when the set is not on this machine.
        """
        count, before = 0, len(faults)
        for table in self._tables(faults):
            try:
                for document in self._documents(table, faults):
                    count += 1
                    yield document
            except InputError as error:
                if self._is_alone:
                    raise
                faults.append(str(error).replace("\n", " "))
        if not count:
            shown = "".join(f"\n  {fault}" for fault in faults[before:][:_SHOWN_FAULTS])
            raise InputError(f"{self.path} gave no document.{shown}")

    @property
    def _is_alone(self) -> bool:
        return isinstance(self.path, str) or not self.path.is_dir()

    def _tables(self, faults: list[str]) -> Iterator[Table]:
        path = self.path
        if isinstance(path, str):
            yield Table(path, path, _hub_rows(self, path.removeprefix(HUB)))
        elif path.is_dir():
            for file in sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")):
                if Path(file.name.removesuffix(".gz")).suffix.lower() in SUFFIXES:
                    yield self._table(file, file.relative_to(path).as_posix())
                elif file.suffix:
                    faults.append(f"{file}: left out, because its name does not end in {', '.join(SUFFIXES)}.")
        elif path.is_file():
            yield self._table(path, path.name)
        else:
            raise MissingError(f"There is no file or folder {path}.", hint=f"A set of the hub is {HUB}owner/name.")

    def _table(self, path: Path, name: str) -> Table:
        file = RowFile(path, self.encoding, names_columns(self.fields))
        return Table(str(path), name, file.read)

    def _reading(self, table: Table, faults: list[str]) -> tuple[Detected, Reading]:
        sample = list(islice(table.rows(faults), SAMPLED))
        if not sample:
            raise InputError(f"{table.label} holds no row that can be read.", hint="\n".join(faults[-_SHOWN_FAULTS:]))
        found, reading = detect(table.label, sample, layout=self.layout, fields=self.fields)
        if found.answers != "index":
            return found, reading
        first = self.first_option
        if first is None:
            first = first_option(reading, (row for _, row in table.rows([])))
        if first is None:
            raise InputError(
                f"{table.label}: no answer tells whether the first option is number 0 or 1.",
                hint="Say it with `first_option: 0` or `first_option: 1`.",
            )
        return found.model_copy(update={"first_option": first}), replace(reading, first_option=first)

    def _documents(self, table: Table, faults: list[str]) -> Iterator[Document]:
        found, reading = self._reading(table, [])
        read = LAYOUTS[found.layout]
        for where, row in table.rows(faults):
            try:
                turns = read(row, reading)
            except RowError as error:
                faults.append(f"{table.label}{where} {error}")
            else:
                yield self._document(table.name + where, turns, row)

    def _document(self, source_id: str, turns: Turns, row: Row) -> Document:
        text = "\n".join(turn.content for turn in turns.conversation)
        source = self.source or Path(self.path).name.partition(".")[0]
        return Document(
            id=document_id(source, source_id, text),
            text=text,
            lang=self.lang or language_of(text),
            source=source,
            source_id=source_id,
            conversation=turns.conversation,
            options=turns.options,
            rejected=turns.rejected,
            licence=self.licence,
            version=self.revision,
            meta={column: row[column] for column in kept_columns(row, self.keep) if row[column] not in ("", None)},
        )


def _hub_rows(settings: Dialogues, name: str) -> Rows:
    """Rows of a set on the hub; it is loaded when the first is asked for, and once."""

    @cache
    def loaded() -> Iterable[Row]:
        return _load_from_hub(settings, name)

    def rows(_faults: list[str]) -> Iterator[Placed]:
        for index, row in enumerate(loaded()):
            yield f"[{index}]", dict(row)

    return rows


def _load_from_hub(settings: Dialogues, name: str) -> Iterable[Row]:
    try:
        datasets = import_module("datasets")
    except ModuleNotFoundError:
        hint = 'pip install "clinforge[hub]", or download the set and give its folder as `path:`.'
        raise MissingError(f"Reading {settings.path} needs the package datasets.", hint=hint) from None
    try:
        return datasets.load_dataset(
            name, settings.subset or None, split=settings.split, revision=settings.revision or None
        )
    except Exception as error:  # noqa: BLE001 -- what datasets lets through comes from a dozen libraries
        said = str(error).partition("\n")[0][:_SHOWN_CHARACTERS]
        asked = f"{name!r}, {settings.subset or None!r}, split={settings.split!r}"
        raise MissingError(
            f"{settings.path} could not be loaded ({type(error).__name__}: {said}).",
            hint="Check the name, `subset:` and `split:`. Without a network, make a file of it where there is one, "
            f"python -c \"import datasets; datasets.load_dataset({asked}).to_json('set.jsonl')\", and give "
            "`path: set.jsonl` here.",
        ) from None
