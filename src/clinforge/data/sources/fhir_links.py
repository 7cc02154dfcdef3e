"""What a FHIR resource refers to: the patient it is about and the encounter it belongs to.

Two resources with one type and id but different content stand for different things, as when two hospitals both have a
`Patient/1`. A reference means the one in its own bundle, else the only one there is; where that leaves a choice it is a
fault, for a finding under the wrong patient is worse than a finding lost.
"""

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, cast

from clinforge.data.sources.fhir_files import Found, Place, Resource

_LOCAL = re.compile(r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")
REFERRED_TO = ("Patient", "Encounter", "Condition", "Medication", "Binary")


@dataclass(frozen=True, slots=True)
class Key:
    """A resource that others refer to; what is not in the data has no digest."""

    name: str
    """`Type/id`, or `urn:uuid:...`."""
    digest: bytes = b""

    @property
    def id(self) -> str:
        """The id that the hospital gave it."""
        return self.name.rpartition("/")[2].removeprefix("urn:uuid:")


@dataclass
class Links:
    """Every resource that can be referred to, by the names that references use."""

    places: dict[Key, Place] = field(default_factory=dict[Key, Place])
    _everywhere: defaultdict[str, set[Key]] = field(default_factory=lambda: defaultdict[str, set[Key]](set))
    _in_bundle: dict[tuple[int, int, str], Key] = field(default_factory=dict[tuple[int, int, str], Key])
    _seen: set[bytes] = field(default_factory=set[bytes])

    def add(self, found: Found) -> Key | None:
        """Take in a resource; None if the very same one was there before, as when pages of a result repeat it."""
        resource, place = found.resource, found.place
        name = f"{resource['resourceType']}/{resource['id']}" if "id" in resource else found.url
        if not name:
            return Key("")
        key = Key(name, _digest(resource))
        names = {name, plain_reference(found.url)} - {""}
        for alias in names if resource["resourceType"] in REFERRED_TO else ():
            self._everywhere[alias].add(key)
            if place.entry >= 0:
                self._in_bundle[place.file, place.offset, alias] = key
        mark = key.digest + name.encode()
        if mark in self._seen:
            return None
        self._seen.add(mark)
        if resource["resourceType"] in REFERRED_TO:
            self.places[key] = place
        return key

    def follow(self, reference: str, place: Place) -> Key | None:
        """What a reference at a place means: a key without digest if that is not in the data, None if it is unclear."""
        if own := self._in_bundle.get((place.file, place.offset, reference)):
            return own
        known = self._everywhere.get(reference, set())
        if len(known) > 1:
            return None
        return next(iter(known), Key(reference))


def reference_in(resource: Resource, *path: str) -> str:
    """The reference at a path of elements, without server and version; empty if there is none."""
    value: Any = resource
    for part in path:
        value = cast("Resource", value).get(part) if isinstance(value, dict) else None
        if isinstance(value, list):
            value = cast("list[Any]", value)[0] if value else None
    reference = cast("Resource", value).get("reference") if isinstance(value, dict) else None
    return plain_reference(reference) if isinstance(reference, str) else ""


def plain_reference(reference: str) -> str:
    """`Type/id` of a relative or absolute reference; `urn:uuid:...` and `#contained` stay as they are."""
    found = _LOCAL.search(reference)
    return found[1] if found else reference


def _digest(resource: Resource) -> bytes:
    content = {key: value for key, value in resource.items() if key != "meta"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
