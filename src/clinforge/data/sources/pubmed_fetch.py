"""Fetch a PubMed search: find its PMIDs, then fetch page by page what is not on disk yet.

    search ──▶ found.json (PMIDs) ──▶ pages by history, the rest by PMID ──▶ records on disk ──▶ fetched.json

A killed run goes on from what is on disk: `found.json` says what was wanted, the records say what is there. The
server's own memory of the search (WebEnv) is only a short cut; where it has expired the search is made again, and where
it then lists something else the records are asked for by PMID.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from clinforge.data.sources.pubmed import PubMed
from clinforge.data.sources.pubmed_cache import (
    Fetched,
    FetchedRecord,
    Part,
    RecordStore,
    Search,
    days_since,
    read_state,
    write_state,
)
from clinforge.data.sources.pubmed_client import CAP, Access, Found, History, HistoryExpiredError, PubMedClient
from clinforge.data.sources.pubmed_xml import RawRecord
from clinforge.errors import InputError, StageError, UserError
from clinforge.model.catalogue import cache_folder

KEY_VARIABLE = "NCBI_API_KEY"
FIRST_ENTRY = date(1780, 1, 1)
"""Before PubMed's oldest record."""

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, records on disk, records in all)."""


def fetch(settings: PubMed, progress: Progress) -> Fetched:
    """Fetch what is not on disk; returns at once where the search was finished less than `max_age_days` ago.

    Raises InputError for a search without hits, MissingError when PubMed cannot be reached (what was fetched stays),
    UserError while another process fetches the same search.
    """
    folder = settings.search_folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"Another process is fetching '{settings.query}'.", hint="Wait until it is done.") from None
        return _fetch(settings, folder, progress)


def _fetch(settings: PubMed, folder: Path, progress: Progress) -> Fetched:
    begun, done = read_state(folder / "found.json", Search), read_state(folder / "fetched.json", Fetched)
    if begun is None and done is not None and days_since(done.finished_at) <= settings.max_age_days:
        return done
    told = _Told(progress)
    with PubMedClient(_access(settings), cache_folder() / "pubmed", told.fault) as client:
        if begun is None:
            told("searching", 0, 0)
            begun = make_search(settings, client)
            write_state(folder / "found.json", begun)
        fetched = _Fetching(settings, client, begun, told).run()
    write_state(folder / "fetched.json", fetched)
    (folder / "found.json").unlink()
    return fetched


def _access(settings: PubMed) -> Access:
    return Access(
        base_url=settings.base_url,
        email=settings.email,
        tool=settings.tool,
        key=os.environ.get(KEY_VARIABLE, "").strip(),
        timeout_s=settings.timeout_s,
        attempts=settings.attempts,
    )


def make_search(settings: PubMed, client: PubMedClient) -> Search:
    """Find the PMIDs wanted: with one search where PubMed lists that many, else slice by slice of entry dates.

    Raises InputError when nothing is found.
    """
    whole = _search(settings, client, "", settings.max_results)
    if not whole.count:
        told = "".join(f"\n  {note}" for note in whole.notes)
        raise InputError(
            f"PubMed has no record for '{settings.query}'{_dates_in_words(settings)}.{told}",
            hint="Try the query at https://pubmed.ncbi.nlm.nih.gov, with fewer words or wider dates.",
        )
    wanted = min(whole.count, settings.max_results)
    notes = list(whole.notes)
    parts = [_part("", whole)] if wanted <= CAP else list(_slices(settings, client, wanted, notes))
    search = Search(
        searched_at=_now(),
        fresh_since=time.time() - 86_400 * settings.max_age_days,
        count=whole.count,
        parts=tuple(parts),
        notes=tuple(notes),
    )
    if len(search.ids) < wanted:
        note = f"PubMed counts {wanted} records but lists {len(search.ids)}"
        search = search.model_copy(update={"notes": (*notes, note)})
    return search


def _slices(settings: PubMed, client: PubMedClient, wanted: int, notes: list[str]) -> Iterator[Part]:
    """Halve the range of entry dates, newest first, until PubMed lists each slice whole.

    Slices go by the date of entry into PubMed: dates of publication crowd on the first of January.
    """
    ranges = [(FIRST_ENTRY, datetime.now(UTC).date() + timedelta(days=2))]
    ids: set[str] = set()
    while ranges and len(ids) < wanted:
        first, last = ranges.pop()
        entered = f"{first:%Y/%m/%d}:{last:%Y/%m/%d}[edat]"
        rest = wanted - len(ids)
        found = _search(settings, client, entered, rest)
        if min(found.count, rest) > CAP and first < last:
            middle = first + (last - first) // 2
            ranges += [(first, middle), (middle + timedelta(days=1), last)]
        elif found.count:
            if min(found.count, rest) > CAP:
                notes.append(f"{found.count - CAP} of the {found.count} records entered on {first} are out of reach")
            ids.update(found.ids)
            yield _part(entered, found)


def _search(settings: PubMed, client: PubMedClient, entered: str, num_ids: int) -> Found:
    term = f"({settings.query}) AND {entered}" if entered else settings.query
    asked = {"sort": settings.order}
    if settings.from_ or settings.to:
        asked |= {
            "datetype": "pdat",
            "mindate": (settings.from_ or f"{FIRST_ENTRY:%Y}").replace("-", "/"),
            "maxdate": (settings.to or "3000").replace("-", "/"),
        }
    return client.search(term, asked, num_ids)


def _part(entered: str, found: Found) -> Part:
    history = found.history or History("", "")
    return Part(entered=entered, ids=found.ids, web_env=history.web_env, query_key=history.query_key)


def _dates_in_words(settings: PubMed) -> str:
    return (f" from {settings.from_}" if settings.from_ else "") + (f" to {settings.to}" if settings.to else "")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Told:
    """Passes progress on, and faults beside what was last reached."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._reached = (0, 0)

    def __call__(self, detail: str, done: int, total: int) -> None:
        self._reached = (done, total)
        self._progress(detail, done, total)

    def fault(self, text: str) -> None:
        self._progress(text, *self._reached)


class _Fetching:
    """One search on its way to disk."""

    def __init__(self, settings: PubMed, client: PubMedClient, search: Search, progress: Progress) -> None:
        self._settings = settings
        self._client = client
        self._search = search
        self._progress = progress
        self._store = RecordStore(settings.records_folder)
        self._wanted = frozenset(search.ids)
        self._present: dict[str, FetchedRecord] = {}

    def run(self) -> Fetched:
        """Fetch every page; StageError if PubMed gave none of the records."""
        self._note_present(self._search.ids)
        for part in self._search.parts:
            history = History(part.web_env, part.query_key) if part.web_env else None
            for start in range(0, len(part.ids), self._settings.page_size):
                self._tell()
                history = self._page(part, history, start)
        self._tell()
        if not self._present:
            raise StageError(f"PubMed listed {len(self._wanted)} records and gave none of them.")
        return Fetched(
            searched_at=self._search.searched_at,
            finished_at=_now(),
            count=self._search.count,
            records=tuple(self._present[pmid] for pmid in self._search.ids if pmid in self._present),
            not_given=tuple(pmid for pmid in self._search.ids if pmid not in self._present),
            notes=self._search.notes,
        )

    def _page(self, part: Part, history: History | None, start: int) -> History | None:
        """Fetch what is missing of the page at `start`; returns the history to go on with."""
        page = part.ids[start : start + self._settings.page_size]
        untouched = len(self._missing(page)) == len(page)
        for _ in range(2):
            if history is None or not untouched:
                break
            try:
                self._keep(self._client.by_history(history, start, len(page)))
                break
            except HistoryExpiredError:
                history = self._searched_again(part)
        if missing := self._missing(page):
            self._keep(self._client.by_ids(missing))
        if missing and (missing := self._missing(page)):  # a server that repeats an older page: ask once more
            self._keep(self._client.by_ids(missing))
        return history

    def _searched_again(self, part: Part) -> History | None:
        """A new history, if the search still lists the same records in the same places."""
        found = _search(self._settings, self._client, part.entered, len(part.ids))
        return found.history if found.ids == part.ids else None

    def _keep(self, records: Sequence[RawRecord]) -> None:
        wanted = [record for record in records if record.pmid in self._wanted]
        for record in wanted:
            self._store.put(record.pmid, record.revised, record.xml)
        self._note_present([record.pmid for record in wanted])

    def _note_present(self, ids: Sequence[str]) -> None:
        for pmid in ids:
            if record := self._store.newest(pmid, self._search.fresh_since):
                self._present[pmid] = record

    def _missing(self, page: Sequence[str]) -> list[str]:
        return [pmid for pmid in page if pmid not in self._present]

    def _tell(self) -> None:
        self._progress("records", len(self._present), len(self._wanted))
