"""What was fetched from PubMed, on disk.

    FOLDER/records/78/12345678.2024-05-06.xml.gz   a record at a revision, shared by all searches
    FOLDER/searches/KEY/found.json                 a search that is being fetched: its PMIDs in order
    FOLDER/searches/KEY/fetched.json               a search that was fetched whole: the revision of each record

Each file appears whole or not at all, so whatever is there after a kill counts as fetched.
"""

import gzip
import os
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from clinforge.errors import InputError
from clinforge.records import Record

SUFFIX = ".xml.gz"


class Part(Record):
    """One search that PubMed lists whole: all of the query, or one slice of dates of it."""

    entered: str = ""
    """Term that limits it to a slice of dates of entry into PubMed; empty for the whole."""
    ids: tuple[str, ...]
    web_env: str = ""
    query_key: str = ""


class Search(Record):
    """What a query found, before its records are fetched."""

    searched_at: str
    fresh_since: float
    """Records on disk that were fetched before this moment (Unix seconds) are fetched again."""
    count: int
    """Records that PubMed says there are."""
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    """What PubMed did not understand of the query, and what a limit left out."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All PMIDs, each once, in order."""
        return tuple(dict.fromkeys(pmid for part in self.parts for pmid in part.ids))


class FetchedRecord(Record):
    """One record of a finished search."""

    pmid: str
    revised: str
    retrieved_at: str


class Fetched(Record):
    """A search whose records are on disk."""

    searched_at: str
    finished_at: str
    count: int
    records: tuple[FetchedRecord, ...]
    not_given: tuple[str, ...]
    """PMIDs that PubMed listed and then did not give."""
    notes: tuple[str, ...]


class RecordStore:
    """Raw records by PMID and date of revision."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "records"
        self._listed: dict[str, dict[str, str]] = {}

    def put(self, pmid: str, revised: str, xml: bytes) -> None:
        """Keep a record; the same revision again only becomes fresh."""
        path = self._path(pmid, revised)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        partial.write_bytes(gzip.compress(xml, 6, mtime=0))
        partial.replace(path)
        shard = self._shard(pmid)
        shard[pmid] = max(revised, shard.get(pmid, ""))

    def newest(self, pmid: str, since: float) -> FetchedRecord | None:
        """The newest revision on disk, if it was fetched since a moment (Unix seconds)."""
        revised = self._shard(pmid).get(pmid)
        if revised is None:
            return None
        fetched = self._path(pmid, revised).stat().st_mtime
        if fetched < since:
            return None
        moment = datetime.fromtimestamp(fetched, UTC).isoformat(timespec="seconds")
        return FetchedRecord(pmid=pmid, revised=revised, retrieved_at=moment)

    def read(self, record: FetchedRecord) -> bytes:
        """The record's XML. Raises InputError, naming the file, for a lost or damaged one."""
        path = self._path(record.pmid, record.revised)
        try:
            return gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: cannot be read ({type(error).__name__}).") from None

    def _path(self, pmid: str, revised: str) -> Path:
        return self._folder / pmid[-2:] / f"{pmid}.{revised}{SUFFIX}"

    def _shard(self, pmid: str) -> dict[str, str]:
        """PMID -> newest revision of the records beside this one; each folder is listed once."""
        name = pmid[-2:]
        if name not in self._listed:
            revisions: dict[str, str] = {}
            for path in sorted((self._folder / name).glob(f"*{SUFFIX}")):
                other, revised = path.name.removesuffix(SUFFIX).split(".", 1)
                revisions[other] = max(revised, revisions.get(other, ""))
            self._listed[name] = revisions
        return self._listed[name]


RecordT = TypeVar("RecordT", bound=Record)


def read_state(path: Path, kind: type[RecordT]) -> RecordT | None:
    """A search's state; None where there is none, or one that an other version wrote."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_state(path: Path, state: Record) -> None:
    """Write a search's state in one piece."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(state.model_dump_json(), encoding="utf-8")
    partial.replace(path)


def days_since(moment: str) -> float:
    """Days from an ISO 8601 moment until now."""
    return (time.time() - datetime.fromisoformat(moment).timestamp()) / 86_400
