"""Resources in files of FHIR R4: bundles (.json) and one resource a line (.ndjson, .jsonl), read again by their place.

A file or entry that cannot be read is noted and the rest goes on. Nothing is ever fetched from elsewhere.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, cast

from clinforge.errors import InputError

Resource = dict[str, Any]
_LINES = (".ndjson", ".jsonl")
_SUFFIXES = (".json", *_LINES)
_KEPT = 4
"""Parsed values kept at hand: the pages of a result are read in turns."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resource stands."""

    file: int
    offset: int
    """Byte at which its line begins; 0 in a file that is one bundle."""
    line: int
    """Counted from 1; 0 in a file that is one bundle."""
    entry: int = -1
    """Position in its bundle, counted from 0; -1 if it stands alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A resource with its place and, in a bundle, the URL it is referred to by."""

    place: Place
    resource: Resource
    url: str = ""


class ResourceFiles:
    """The files at a path, in the order of their names."""

    def __init__(self, path: Path) -> None:
        """Raise InputError if the path is neither a file nor a folder with files of FHIR."""
        self.paths = sorted(_below(path)) if path.is_dir() else [path]
        if not self.paths or not self.paths[0].is_file():
            raise InputError(f"{path} holds no file of FHIR resources ({', '.join(_SUFFIXES)}).")
        self._at_hand: OrderedDict[tuple[int, int], Resource] = OrderedDict()

    def scan(self, faults: list[str]) -> Iterator[Found]:
        """Yield every resource once; what cannot be read goes to `faults`."""
        for number, path in enumerate(self.paths):
            values = self._lines(number) if path.suffix.lower() in _LINES else iter([(Place(number, 0, 0), None)])
            for place, line in values:
                try:
                    yield from _unpack(
                        self._parse(place, line), place, lambda at, why: faults.append(self._say(at, why))
                    )
                except InputError as error:
                    faults.append(str(error))

    def read(self, place: Place) -> Resource:
        """The resource at a place."""
        key = (place.file, place.offset)
        if key not in self._at_hand:
            self._at_hand[key] = self._parse(place, None)
            if len(self._at_hand) > _KEPT:
                self._at_hand.popitem(last=False)
        self._at_hand.move_to_end(key)
        value = self._at_hand[key]
        return value if place.entry < 0 else value["entry"][place.entry]["resource"]

    def name(self, place: Place) -> str:
        """A place as people find it: FILE:LINE, or FILE entry[N]."""
        line = f":{place.line}" if place.line else ""
        entry = f" entry[{place.entry}]" if place.entry >= 0 else ""
        return f"{self.paths[place.file]}{line}{entry}"

    def _say(self, place: Place, reason: str) -> str:
        return f"{self.name(place)}: {reason}."

    def _lines(self, number: int) -> Iterator[tuple[Place, bytes]]:
        offset = 0
        with self.paths[number].open("rb") as file:
            for line, text in enumerate(file, start=1):
                if text.strip():
                    yield Place(number, offset, line), text
                offset += len(text)

    def _parse(self, place: Place, text: bytes | None) -> Resource:
        if text is None:
            with self.paths[place.file].open("rb") as file:
                file.seek(place.offset)
                text = file.readline() if place.line else file.read()
        try:
            # Decimals keep their digits: 7.10 is not 7.1 to a laboratory.
            value = json.loads(
                text.decode("utf-8-sig"), object_hook=_without_nulls, parse_float=Decimal, parse_constant=_refuse
            )
        except UnicodeDecodeError as error:
            raise InputError(f"{self.name(place)}: not UTF-8 at byte {error.start}, as FHIR demands.") from None
        except json.JSONDecodeError as error:
            where = f" column {error.colno}" if place.line else f":{error.lineno} column {error.colno}"
            raise InputError(f"{self.name(place)}{where}: not JSON ({error.msg}).") from None
        except (ValueError, RecursionError):
            raise InputError(
                f"{self.name(place)}: a number that JSON does not have or too long, or brackets too deep."
            ) from None
        if not isinstance(value, dict):
            raise InputError(f"{self.name(place)}: must be a JSON object, not {type(value).__name__}.")
        return cast("Resource", value)


def _unpack(value: Resource, place: Place, say: Callable[[Place, str], None]) -> Iterator[Found]:
    """The entries of a bundle, or the resource itself."""
    if value.get("resourceType") != "Bundle":
        yield Found(place, value)
        return
    entries = value.get("entry", [])
    if not isinstance(entries, list):
        say(place, "field 'entry' must be a list")
        return
    for number, entry in enumerate(cast("list[Any]", entries)):
        at = Place(place.file, place.offset, place.line, number)
        if not isinstance(entry, dict):
            say(at, "must be a JSON object")
            continue
        resource, url = cast("Resource", entry).get("resource"), cast("Resource", entry).get("fullUrl")
        if isinstance(resource, dict):
            yield Found(at, cast("Resource", resource), url if isinstance(url, str) else "")
        elif resource is not None:
            say(at, "field 'resource' must be a JSON object")


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in _SUFFIXES)


def _without_nulls(value: Resource) -> Resource:
    """FHIR has no null elements; exporters that write them mean that there is nothing."""
    return {key: item for key, item in value.items() if item is not None}


def _refuse(_: str) -> NoReturn:
    raise ValueError("no number of JSON")
