"""A user's own graph: triples from CSV, TSV, JSON, JSON Lines or N-Triples.

    emphysema,symptom,dyspnoea                              a table; with a header the columns may stand in any order
    {"subject": "emphysema", "predicate": "symptom", "object": "dyspnoea"}
    ["emphysema", "symptom", "dyspnoea"]
    {"emphysema": {"symptom": ["dyspnoea", "cough"]}}       one JSON object of all subjects
    <http://example.org/emphysema> <http://example.org/symptom> "dyspnoea"@en .

A row that is no triple is noted in `faults` with file, line and field; the rest is read.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, cast

from pydantic import Field

from clinforge.config import Settings
from clinforge.encoding import Encoding, is_damaged, language_of
from clinforge.errors import InputError
from clinforge.knowledge.graphs.ntriples import read_ntriples
from clinforge.records import Fact, Lang
from clinforge.rows import ROW_KEY, Row, RowFile

Part = Literal["subject", "predicate", "object"]
Triple = tuple[str, str, str]
PARTS: tuple[Part, ...] = ("subject", "predicate", "object")
_BY_POSITION: dict[Part, str] = {"subject": "0", "predicate": "1", "object": "2"}
_SHOWN_FAULTS = 5


class Triples(Settings):
    """A file of facts, one triple a row."""

    kind: Literal["triples"] = "triples"
    path: Path
    """CSV, TSV, JSON, JSON Lines or N-Triples (.nt); also with .gz."""
    source: str = Field(min_length=1)
    """Name of the graph in the licence table; a source that the table does not know may not be trained on."""
    fields: dict[Part, str] = Field(default_factory=dict[Part, str])
    """Which column holds the subject, predicate and object; found by their names when left out."""
    lang: Lang | None = None
    """Language of the facts; found for each when left out. In N-Triples it also chooses among labels."""
    encoding: Encoding = ""
    """Encoding of the file; found from the bytes when left out. N-Triples are UTF-8."""

    def facts(self, faults: list[str]) -> Iterator[Fact]:
        """Yield each fact once, in the file's order; raises InputError when there is none."""
        seen: set[str] = set()
        repeated, before = 0, len(faults)
        for (subject, predicate, value), lang in self._triples(faults):
            lang = lang or self.lang or language_of(subject + " " + value)
            fact = Fact.of(subject, predicate, value, lang, self.source)
            if fact.id in seen:
                repeated += 1
                continue
            seen.add(fact.id)
            yield fact
        if repeated:
            faults.append(f"{self.path}: {repeated} rows repeat an earlier one.")
        if not seen:
            shown = "".join(f"\n  {fault}" for fault in faults[before:][:_SHOWN_FAULTS])
            raise InputError(f"{self.path} holds no triple.{shown}", hint="Name its columns with `fields:`.")

    def _triples(self, faults: list[str]) -> Iterator[tuple[Triple, Lang | None]]:
        if self.path.name.removesuffix(".gz").endswith(".nt"):
            yield from read_ntriples(self.path, self.lang, faults)
            return
        columns: dict[Part, str] = {}
        for where, row in RowFile(self.path, self.encoding, self._is_header).read(faults):
            columns = columns or self._columns(row)
            for triple in _triples_of(row, columns):
                wrong = _fault(triple, columns)
                if wrong:
                    faults.append(f"{self.path}{where} {wrong}")
                else:
                    yield cast("Triple", tuple(str(part).strip() for part in triple)), None

    def _is_header(self, cells: Sequence[str]) -> bool:
        return set(self.fields.values()) <= set(cells) if self.fields else len(_named(cells)) == len(PARTS)

    def _columns(self, row: Row) -> dict[Part, str]:
        """Which column is which part, decided by the first row."""
        found = _named(row) | self.fields
        if len(found) == len(PARTS) and set(found.values()) <= row.keys():
            return found
        if ROW_KEY in row or (not self.fields and list(row) == list(_BY_POSITION.values())):
            return _BY_POSITION
        raise InputError(
            f"{self.path} has {len(row)} columns, and it is not clear which are subject, predicate and object.",
            hint="Name them: fields: {subject: COLUMN, predicate: COLUMN, object: COLUMN}.",
        )


def _triples_of(row: Row, columns: Mapping[Part, str]) -> Iterator[tuple[object, object, object]]:
    """The triples of a row: one, or in an object of subjects one for each value of each predicate."""
    if ROW_KEY not in row:
        yield row.get(columns["subject"]), row.get(columns["predicate"]), row.get(columns["object"])
        return
    for predicate, values in row.items():
        if predicate != ROW_KEY:
            for value in cast("list[object]", values) if isinstance(values, list) else [values]:
                yield row[ROW_KEY], predicate, value


def _fault(triple: Sequence[object], columns: Mapping[Part, str]) -> str:
    """What is wrong with the values of a triple; '' if nothing is. Numbers are as good as texts."""
    for part, value in zip(PARTS, triple, strict=True):
        field = f"field '{columns[part]}': "
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return field + f"must be a text, not {type(value).__name__}."
        text = str(value)
        if not text.strip():
            return field + "is empty."
        if is_damaged(text):
            return field + "holds characters that could not be decoded."
    return ""


@cache
def _names() -> dict[str, Part]:
    table = tomllib.loads((files("clinforge.knowledge.graphs") / "triples.toml").read_text(encoding="utf-8"))
    return {name: part for part in PARTS for name in table[part]}


def _named(columns: Sequence[str] | Row) -> dict[Part, str]:
    """The columns whose names are known; of two for one part the first."""
    found: dict[Part, str] = {}
    for column in columns:
        part = _names().get(column.strip().casefold().replace(" ", "_").replace("-", "_"))
        if part:
            found.setdefault(part, column)
    return found
