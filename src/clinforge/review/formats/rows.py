"""What all formats share: a row of the queue, an answer, and JSON files whose rows keep their line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from clinforge.errors import InputError
from clinforge.records import Verdict
from clinforge.review.queue import Entry
from clinforge.verdicts import Decision

DECISIONS: tuple[Decision, ...] = ("accept", "edit", "reject", "escalate")
Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One item as it goes out."""

    entry: Entry
    text: str
    """The item as one readable text."""
    view: Json
    """The item in parts."""
    verdict: Verdict | None


@dataclass(frozen=True)
class Answer:
    """What came back for one item, not yet checked."""

    place: str
    """FILE:LINE."""
    values: Json
    """Fields of a verdict, as far as the file has them."""


def read_array(path: Path, faults: list[str]) -> Iterator[tuple[str, Json]]:
    """(FILE:LINE, object) for each element of a JSON array; what follows a broken element cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}.", hint="Save the file as UTF-8.") from None
    decoder, at, line, counted = json.JSONDecoder(), _past_blanks(text, 0), 1, 0
    if not text.startswith("[", at):
        raise InputError(f"{path}: must be a JSON list of items.")
    at = _past_blanks(text, at + 1)
    while not text.startswith("]", at):
        line, counted = line + text.count("\n", counted, at), at
        place = f"{path}:{line}"
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep or a number too long"
            raise InputError(f"{place}: not JSON ({what}).") from None
        if isinstance(value, dict):
            yield place, cast("Json", value)
        else:
            faults.append(f"{place}: an item must be a JSON object, not {type(value).__name__}.")
        at = _past_blanks(text, at)
        at = _past_blanks(text, at + 1) if text.startswith(",", at) else at
        if at >= len(text):
            raise InputError(f"{path}: the list is not closed; the file was cut off.")


def _past_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def part(row: Json, name: str, kind: type, place: str, faults: list[str]) -> Any:  # noqa: ANN401 -- of type `kind`
    """A part of a row; when it is missing or of another type an empty one, noted in `faults` in the second case."""
    value = row.get(name)
    if value is None or isinstance(value, kind):
        return kind() if value is None else value
    faults.append(f"{place} field '{name}': must be {'an object' if kind is dict else 'a list'}.")
    return kind()
