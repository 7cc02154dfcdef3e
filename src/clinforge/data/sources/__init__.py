"""Where documents come from. One file per kind of source; each is a frozen settings object that yields documents.

    settings (kind, path, ...)  ──documents(faults)──▶  Document, Document, ...

A row that cannot be read never stops the rest: it is noted in `faults` as "FILE:LINE field 'NAME': what is wrong".
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Protocol

from clinforge.errors import MissingError
from clinforge.records import Document, content_hash

SHOWN_LENGTH = 32
"""Hex digits kept of a keyed hash: 128 bits."""


class Source(Protocol):
    """What every kind of source offers."""

    @property
    def kind(self) -> str:
        """Name of the kind in a recipe."""
        ...

    def documents(self, faults: list[str]) -> Iterator[Document]:
        """Yield documents in the source's order; bad rows go to `faults`."""
        ...


def document_id(source: str, source_id: str, text: str) -> str:
    """Id of a document: changes when its text does, so that a revised document is a new one."""
    return content_hash([source, source_id, text])[:16]


def hashed_id(kind: str, value: str, key: bytes) -> str:
    """A patient's or visit's number as HMAC-SHA-256 (RFC 2104), 128 bits kept.

    The same number gives the same id, and there is no way back without the key. `kind` ("patient", "visit") keeps equal
    numbers of different kinds apart.
    """
    return hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()[:SHOWN_LENGTH]


def records_key() -> bytes:
    """The key of patients' and visits' hashes, from the master key that is set outside.

    Raises MissingError if there is none: without it a hash of a number could be found by trying all numbers.
    """
    from clinforge.security.keys import load_key, purpose_key

    try:
        return purpose_key(load_key(), "records-ids")
    except MissingError as error:
        raise MissingError(
            f"Patient and visit numbers are kept as keyed hashes. {error.args[0]}", hint=error.hint
        ) from None
