"""Rows of JSON, JSON Lines, CSV and TSV files, plain or gzipped, in any common encoding.

A broken row is noted in `faults` as "FILE:LINE: what is wrong" and the rest of the file is read. What a row means is
for the caller to say. A row without names (CSV without a header, a JSON array) has positions "0", "1", ... as names.
"""

import contextlib
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from clinforge.encoding import known_encoding, sniff
from clinforge.errors import InputError

Row = dict[str, Any]
Placed = tuple[str, Row]
"""Where the row stands, ":12" (line, from 1) or "[11]" (item, from 0), and the row."""

ROW_KEY = "(key)"
"""Name under which a row's key stands where the file is one JSON object of objects."""
SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab")
"""Of files that are rows by their name, before `.gz`."""
MAX_LINE = 1 << 24
MAX_JSON = 1 << 29
"""Characters of a JSON file that has to be read whole; JSON Lines have no such limit."""
_LONGEST_CELL = 1 << 17
_DELIMITERS = ",\t;|"
_BETWEEN_ITEMS = re.compile(r"\}\s*,\s*(?=\{)")
_GAP = re.compile(r"[\s,]*")


def first_row_names(_cells: Sequence[str]) -> bool:
    """Every table has a header."""
    return True


@dataclass(frozen=True)
class RowFile:
    """A file of rows; can be read any number of times."""

    path: Path
    encoding: str = ""
    """Found from the bytes when empty."""
    is_header: Callable[[Sequence[str]], bool] = first_row_names
    """Decides from a table's first row whether it names the columns."""

    @property
    def suffix(self) -> str:
        """The ending without `.gz`."""
        return Path(self.path.name.removesuffix(".gz")).suffix.lower()

    def read(self, faults: list[str]) -> Iterator[Placed]:
        """Yield the rows; raises InputError when the file cannot be opened, decoded or understood at all."""
        with open_text(self.path, self.encoding) as text:
            if self.suffix not in (".json", ".jsonl", ".ndjson"):
                yield from _table(self, text, faults)
            elif self.suffix != ".json" or _is_json_lines(text):
                yield from _json_lines(self.path, text, faults)
            else:
                yield from _json_whole(self.path, text, faults)


@contextlib.contextmanager
def open_text(path: Path, encoding: str = "") -> Generator[TextIO]:
    """Open a text file, plain or gzipped; its encoding is found from the bytes when not given.

    Every InputError raised within, and what goes wrong while reading, names the file.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        with cast("BinaryIO", gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb") as raw:
            found = known_encoding(encoding) or sniff(raw)
            yield io.TextIOWrapper(raw, encoding=found, errors="replace", newline="")
    except InputError as error:
        raise InputError(f"{path}: {error.args[0]}", hint=error.hint) from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read to its end ({type(error).__name__}).") from None


def lines(text: TextIO) -> Iterator[str]:
    """Lines with their ends; InputError for one that is longer than any row is."""
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise InputError(f"a line is longer than {MAX_LINE} characters.", hint="Is it the right kind of file?")
        yield line


def _table(file: RowFile, text: TextIO, faults: list[str]) -> Iterator[Placed]:
    first = next(lines(text), "")
    text.seek(0)
    delimiter = "\t" if file.suffix in (".tsv", ".tab") else max(_DELIMITERS, key=first.count)
    names: list[str] = []
    for line, cells in _cells(file.path, csv.reader(lines(text), delimiter=delimiter), faults):
        if not any(cell.strip() for cell in cells):
            continue
        if not names:
            header = [cell.strip("\ufeff ") for cell in cells]
            named = file.is_header(header)
            names = header if named else [str(position) for position in range(len(cells))]
            if len(set(names)) < len(names):
                raise InputError("two of its columns have the same name.", hint="Rename one of them.")
            if named:
                continue
        while len(cells) > len(names) and not cells[-1].strip():
            cells.pop()
        if len(cells) == len(names):
            yield f":{line}", dict(zip(names, cells, strict=True))
        else:
            wrong = f"{len(cells)} columns instead of {len(names)}; is a quote or a delimiter missing?"
            faults.append(f"{file.path}:{line}: {wrong}")


def _cells(path: Path, reader: Any, faults: list[str]) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401 -- csv's reader has no public type
    """Rows of a table with the line on which each begins."""
    while True:
        line = reader.line_num + 1
        others = csv.field_size_limit(_LONGEST_CELL)  # one limit for the whole process: put back what others set
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            faults.append(f"{path}:{line}: a cell has no end; is a quote missing?")
            continue
        finally:
            csv.field_size_limit(others)
        yield line, cells


def _is_json_lines(text: TextIO) -> bool:
    """Whether a `.json` file holds an object a line: its first two lines both begin one."""
    starts = [line.lstrip("\ufeff \t")[:1] for _, line in zip(range(2), _filled(text), strict=False)]
    text.seek(0)
    if not starts:
        raise InputError("it is empty.")
    return starts == ["{", "{"]


def _filled(text: TextIO) -> Iterator[str]:
    """Lines that are not blank; a file of one long line is cut, which is enough to see how it begins."""
    while line := text.readline(MAX_LINE):
        if line.strip():
            yield line


def _json_lines(path: Path, text: TextIO, faults: list[str]) -> Iterator[Placed]:
    for number, line in enumerate(lines(text), start=1):
        if not line.strip("\ufeff \t\r\n"):
            continue
        try:
            value = json.loads(line.lstrip("\ufeff"))
        except json.JSONDecodeError as error:
            faults.append(f"{path}:{number} column {error.colno}: not JSON ({error.msg}).")
        except (ValueError, RecursionError):
            faults.append(f"{path}:{number}: a number too long or brackets nested too deep.")
        else:
            yield from _row(path, f":{number}", value, faults)


def _json_whole(path: Path, text: TextIO, faults: list[str]) -> Iterator[Placed]:
    content = text.read(MAX_JSON).lstrip("\ufeff")
    if len(content) >= MAX_JSON - 1:
        raise InputError("it is too long to be read whole.", hint="Write it as JSON Lines, one object a line.")
    if content.lstrip().startswith("["):
        yield from _items(path, content, faults)
        return
    try:
        value = json.loads(content)
    except json.JSONDecodeError as error:
        raise InputError(f"line {error.lineno} column {error.colno}: not JSON ({error.msg}).") from None
    except (ValueError, RecursionError):
        raise InputError("a number too long or brackets nested too deep.") from None
    for index, item in enumerate(_rows_within(value)):
        yield from _row(path, f"[{index}]", item, faults)


def _rows_within(value: object) -> list[object]:
    """An object of objects, an object around one list of objects, or a single row."""
    if not isinstance(value, dict):
        return [value]
    table = cast("dict[str, object]", value)
    if table and all(isinstance(item, dict) for item in table.values()):
        return [{ROW_KEY: key, **cast("Row", item)} for key, item in table.items()]
    lists = [cast("list[object]", item) for item in table.values() if isinstance(item, list)]
    rows = [items for items in lists if items and all(isinstance(item, dict) for item in items)]
    return rows[0] if len(rows) == 1 else [table]


def _items(path: Path, content: str, faults: list[str]) -> Iterator[Placed]:
    """Items of a JSON array one by one; after a broken one, reading goes on where the next object seems to begin."""
    decoder, position, index = json.JSONDecoder(), content.index("[") + 1, 0
    while True:
        position = _end_of(_GAP, content, position)
        if content.startswith("]", position):
            return
        try:
            value, position = decoder.raw_decode(content, position)
        except (ValueError, RecursionError) as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else position
            line, column = content.count("\n", 0, at) + 1, at - content.rfind("\n", 0, at)
            faults.append(f"{path}[{index}] line {line} column {column}: not JSON.")
            found = _BETWEEN_ITEMS.search(content, max(at - 1, position))
            if found is None:
                return
            position = found.end()
        else:
            yield from _row(path, f"[{index}]", value, faults)
        index += 1


def _end_of(pattern: re.Pattern[str], content: str, position: int) -> int:
    found = pattern.match(content, position)
    return found.end() if found else position


def _row(path: Path, where: str, value: object, faults: list[str]) -> Iterator[Placed]:
    if isinstance(value, dict):
        yield where, cast("Row", value)
    elif isinstance(value, list):
        yield where, {str(position): cell for position, cell in enumerate(cast("list[object]", value))}
    else:
        faults.append(f"{path}{where}: a row must be an object, not {type(value).__name__}.")
