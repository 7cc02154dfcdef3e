"""NCBI's E-utilities over HTTP: search PubMed, fetch records, and keep to the rate that NCBI allows.

Covers: 3 requests a second, 10 with a key, shared by all processes that use this cache folder; faults that pass
(429, 5xx, dropped and slow connections, HTML in place of XML, XML broken off) are tried again after what Retry-After
says, or after a growing pause with jitter. Every wait is written where the other processes see it, so they wait too.
Does not cover: several machines behind one address, which NCBI counts as one; a server that sends its *headers* byte by
byte, for which only the time between two bytes is limited.

Rules and limits: https://www.ncbi.nlm.nih.gov/books/NBK25497/
"""

import fcntl
import json
import random
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO, Self, TypeVar, cast

import httpx

from clinforge.data.sources.pubmed_xml import (
    MAX_BYTES,
    Element,
    RawRecord,
    flat_text,
    is_pmid,
    parse_xml,
    records_of,
)
from clinforge.errors import ConfigError, InputError, MissingError
from clinforge.records import content_hash

CAP = 9_999
"""PubMed lists no more records than this of one search."""
OK = 200
POST_BEYOND_IDS = 200
POST_BEYOND_BYTES = 1_500
LONGEST_WAIT_S = 600.0
"""A server that asks for a longer pause than this is left alone: the person decides when to go on."""
LONGEST_BACKOFF_S = 60.0
MOMENT_WIDTH = 20


AnswerT = TypeVar("AnswerT")


class PassingError(Exception):
    """A fault that may be gone when asked again."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class HistoryExpiredError(Exception):
    """The server no longer knows a search's result; search again."""


@dataclass(frozen=True)
class Access:
    """How to reach the E-utilities, and as whom."""

    base_url: str
    email: str = ""
    tool: str = "clinforge"
    key: str = ""
    timeout_s: float = 60.0
    """For one whole answer."""
    attempts: int = 6
    backoff_s: float = 1.0
    """Pause after a first fault; doubles with each further one."""

    @property
    def per_second(self) -> int:
        """Requests a second that NCBI allows."""
        return 10 if self.key else 3


@dataclass(frozen=True)
class History:
    """Where the server keeps a search's result, for an hour or so."""

    web_env: str
    query_key: str


@dataclass(frozen=True)
class Found:
    """What a search found: how many in all, and the first of them."""

    count: int
    ids: tuple[str, ...]
    history: History | None
    notes: tuple[str, ...]
    """What PubMed says it did not understand of the query."""


class Pace:
    """Lets requests go at a rate, across processes: a locked file holds when the next one may go.

    Requests are spaced evenly, a tenth further apart than the rate asks, so that delays on the way do not bring too
    many of them into one second at the server.
    """

    def __init__(self, file: Path, per_second: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        self._file = file
        self._interval_s = 1.1 / per_second

    def take(self) -> None:
        """Wait for a turn."""
        while True:
            with self._locked() as file:
                now = time.time()
                wait = _moment(file) - now
                if not 0 < wait <= LONGEST_WAIT_S:  # longer: someone set the clock back
                    _set_moment(file, now + self._interval_s)
                    return
            time.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Let no request go for so long, in any process."""
        with self._locked() as file:
            _set_moment(file, max(_moment(file), time.time() + min(seconds, LONGEST_WAIT_S)))

    @contextmanager
    def _locked(self) -> Generator[BinaryIO]:
        with self._file.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _moment(file: BinaryIO) -> float:
    file.seek(0)
    try:
        return float(file.read(MOMENT_WIDTH))
    except ValueError:  # none yet
        return 0.0


def _set_moment(file: BinaryIO, when: float) -> None:
    """Written over in place, so that a process killed here leaves no empty file."""
    file.seek(0)
    file.write(f"{when:0{MOMENT_WIDTH}.6f}".encode())


class PubMedClient:
    """Three questions to PubMed. MissingError when it cannot be reached, ConfigError when it refuses the request.

    `tell` hears of each fault that passes, so that a person sees why it takes long.
    """

    def __init__(self, access: Access, pace_folder: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        self._access = access
        self._tell = tell
        who = content_hash([access.base_url.rstrip("/"), access.key])[:16]
        self._pace = Pace(pace_folder / f"pace-{who}", access.per_second)
        self._http = httpx.Client(
            timeout=httpx.Timeout(access.timeout_s, connect=min(15.0, access.timeout_s)),
            headers={"User-Agent": f"{access.tool} ({access.email or 'no e-mail given'})"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def search(self, term: str, limits: Mapping[str, str], num_ids: int) -> Found:
        """Search, keep the result on the server, and list its first `num_ids` (at most CAP)."""
        wanted = min(num_ids, CAP)
        params = {"term": term, "usehistory": "y", "retmax": str(wanted), **limits}
        return self._ask("esearch.fcgi", params, lambda root: _found(root, wanted))

    def by_history(self, history: History, start: int, count: int) -> list[RawRecord]:
        """Records of a search by their place in it, as far as the server gives them. May raise HistoryExpiredError."""
        place = {"WebEnv": history.web_env, "query_key": history.query_key}
        params = {**place, "retstart": str(start), "retmax": str(count)}
        return self._ask("efetch.fcgi", params, lambda root: _fetched(root, expirable=True))

    def by_ids(self, ids: Sequence[str]) -> list[RawRecord]:
        """Records by PMID, as far as the server gives them."""
        return self._ask("efetch.fcgi", {"id": ",".join(ids)}, lambda root: _fetched(root, expirable=False))

    def _ask(self, program: str, params: Mapping[str, str], read: Callable[[Element], AnswerT]) -> AnswerT:
        """Ask until there is an answer that `read` accepts. The waits between are the pace's."""
        fault = PassingError("")
        for attempt in range(self._access.attempts):
            self._pace.take()
            try:
                return read(self._answer(program, params))
            except PassingError as error:
                fault = error
            wait_s = self._wait_s(fault, attempt)
            if attempt + 1 < self._access.attempts:
                self._tell(f"{fault}; again in {wait_s:.0f} s")
                self._pace.pause(wait_s)
        raise MissingError(
            f"PubMed gave no usable answer in {self._access.attempts} attempts; the last: {fault}.",
            hint="Nothing is lost: the same command goes on from here once PubMed can be reached.",
        )

    def _wait_s(self, fault: PassingError, attempt: int) -> float:
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- spreads requests, protects nothing
        if fault.retry_after_s is None:
            return jitter * min(LONGEST_BACKOFF_S, self._access.backoff_s * 2**attempt)
        if fault.retry_after_s > LONGEST_WAIT_S:
            raise MissingError(
                f"PubMed asks to be left alone for {fault.retry_after_s:.0f} s.",
                hint="Nothing is lost: the same command goes on from here after that time.",
            )
        return fault.retry_after_s + jitter * self._access.backoff_s

    def _answer(self, program: str, params: Mapping[str, str]) -> Element:
        url = self._access.base_url.rstrip("/") + "/" + program
        known = {"db": "pubmed", "retmode": "xml", "tool": self._access.tool, "email": self._access.email}
        fields = {name: value for name, value in {**known, "api_key": self._access.key, **params}.items() if value}
        num_ids = fields.get("id", "").count(",") + 1
        long = num_ids > POST_BEYOND_IDS or sum(map(len, fields.values())) > POST_BEYOND_BYTES
        # A key stays out of URLs, which end up in the logs of this machine and of proxies.
        if long or self._access.key:
            sent = self._http.stream("POST", url, data=fields)
        else:
            sent = self._http.stream("GET", url, params=fields)
        deadline = time.monotonic() + self._access.timeout_s
        with _transport_faults(), sent as response:
            body = _read(response, deadline)
        return _checked(response, body, self._access.key)


def _checked(response: httpx.Response, body: bytes, key: str) -> Element:
    """The answer's root. PassingError for what may be gone when asked again, ConfigError for a refusal."""
    status = response.status_code
    if status in (408, 429) or status >= 500 or 300 <= status < 400:
        raise PassingError(f"HTTP {status}", _retry_after_s(response.headers.get("Retry-After", "")))
    try:
        root = parse_xml(body)
    except InputError as error:
        if status == OK:
            raise PassingError(f"something else than XML: {error}") from None
        root = None
    if root is None or (status != OK and root.tag != "eFetchResult"):
        reason = _reason(body).replace(key or "\0", "(key)")
        raise ConfigError(f"PubMed refused the request: HTTP {status} {reason}".strip() + ".")
    return root


@contextmanager
def _transport_faults() -> Generator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise PassingError(type(error).__name__) from None  # its message may name the URL


def _read(response: httpx.Response, deadline: float) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            raise PassingError(f"an answer of more than {MAX_BYTES} bytes; a smaller page_size helps")
        if time.monotonic() > deadline:
            raise PassingError("an answer too slow; a smaller page_size or a larger timeout_s helps")
    return bytes(body)


def _retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header (RFC 9110: a number of seconds, or a date); None if it has no such form."""
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reason(body: bytes) -> str:
    """What the server says is wrong: the `error` of its JSON or the ERROR of its XML, shortened."""
    try:
        answer = json.loads(body, strict=False)
        found = str(cast("dict[str, object]", answer).get("error", "")) if isinstance(answer, dict) else ""
    except ValueError:
        try:
            found = flat_text(parse_xml(body).find(".//ERROR"))
        except InputError:
            found = ""
    return found[:200]


def _found(root: Element, wanted: int) -> Found:
    if error := flat_text(root.find("ERROR")):
        raise PassingError(f"esearch: {error[:200]}")
    count = flat_text(root.find("Count"))
    if root.tag != "eSearchResult" or not count.isdecimal():
        raise PassingError(f"esearch answered with <{root.tag}>")
    listed = (flat_text(element) for element in root.iterfind("IdList/Id"))
    ids = tuple(dict.fromkeys(pmid for pmid in listed if is_pmid(pmid)))
    if not ids and wanted and int(count):
        raise PassingError("esearch counted records but listed none")
    web_env, query_key = flat_text(root.find("WebEnv")), flat_text(root.find("QueryKey"))
    told = (*root.iterfind("ErrorList/*"), *root.iterfind("WarningList/*"))
    notes = tuple(f"{element.tag}: {flat_text(element)}" for element in told)
    return Found(int(count), ids[:wanted], History(web_env, query_key) if web_env and query_key else None, notes)


def _fetched(root: Element, *, expirable: bool) -> list[RawRecord]:
    if root.tag == "PubmedArticleSet":
        return list(records_of(root))
    error = flat_text(root.find(".//ERROR"))[:200]
    if error and expirable:
        raise HistoryExpiredError(error)
    if "ID list is empty" in error:  # PubMed no longer has any of them
        return []
    raise PassingError(f"efetch answered with <{root.tag}> {error}".strip())
