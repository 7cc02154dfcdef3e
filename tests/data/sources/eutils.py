"""E-utilities on loopback that misbehave as NCBI's do, serving synthetic records."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.data.sources.pubmed_records import NEW_DOCTYPE, answer, fetch_error, plain, search_answer

CAP = 9_999
RATE_ERROR = b'{"error":"API rate limit exceeded","api-key":"127.0.0.1","count":"4","limit":"3"}'


@dataclass(frozen=True)
class Request:
    at: float
    program: str
    method: str
    path: str
    params: dict[str, str]

    @property
    def ids(self) -> list[str]:
        return self.params["id"].split(",") if "id" in self.params else []


@dataclass
class Eutils:
    """What the server holds, does wrong next, and was asked."""

    entered: dict[str, str]
    """PMID -> date of entry (YYYY/MM/DD), in the order in which searches list them."""
    wrong: deque[str] = field(default_factory=deque)
    """How the next efetches go wrong, one each; "" for well."""
    told: str = ""
    """What each search says besides, as XML."""
    withheld: set[str] = field(default_factory=set)
    revised: str = "2024-05-06"
    before_fetch: Callable[[int], None] = lambda _: None
    after_fetch: Callable[[int], None] = lambda _: None
    requests: list[Request] = field(default_factory=list)
    histories: dict[str, list[str]] = field(default_factory=dict)
    last_page: bytes = b""
    url: str = ""

    def expire(self) -> None:
        self.histories.clear()

    def asked(self, program: str) -> list[Request]:
        return [request for request in self.requests if request.program == program]

    def most_in_a_second(self) -> int:
        times = sorted(request.at for request in self.requests)
        return max(sum(start <= at < start + 1 for at in times) for start in times)

    def search(self, params: dict[str, str]) -> bytes:
        ids = list(self.entered)
        if limit := re.search(r"(\d{4}/\d\d/\d\d):(\d{4}/\d\d/\d\d)\[edat\]", params["term"]):
            ids = [pmid for pmid in ids if limit[1] <= self.entered[pmid] <= limit[2]]
        web_env = f"MCID_{len(self.requests)}"
        self.histories[web_env] = ids
        return search_answer(len(ids), ids[: min(int(params.get("retmax", 20)), CAP)], web_env, self.told)

    def fetch(self, params: dict[str, str]) -> tuple[int, bytes]:
        if "WebEnv" not in params:
            ids = params["id"].split(",")
        elif params["WebEnv"] in self.histories:
            start = int(params["retstart"])
            ids = self.histories[params["WebEnv"]][start : start + int(params["retmax"])]
        else:
            return 400, fetch_error("Cannot retrieve history data. query_key: 1, WebEnv: gone")
        known = [pmid for pmid in ids if pmid in self.entered and pmid not in self.withheld]
        return 200, answer(*(plain(int(pmid), self.revised) for pmid in known))


class EutilsServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, state: Eutils) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = state

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no news."""


def serve(state: Eutils) -> EutilsServer:
    """Start serving in a thread; `shutdown()` ends it."""
    server = EutilsServer(state)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/entrez/eutils/"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EutilsServer

    def do_GET(self) -> None:
        self.reply(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.reply(dict(parse_qsl(self.rfile.read(length).decode())))

    def reply(self, params: dict[str, str]) -> None:
        state = self.server.state
        program = urlsplit(self.path).path.rsplit("/", 1)[-1].removesuffix(".fcgi")
        state.requests.append(Request(time.monotonic(), program, self.command, self.path, params))
        with suppress(BrokenPipeError, ConnectionResetError):
            if program == "esearch":
                self.send(200, state.search(params))
                return
            number = len(state.asked("efetch"))
            state.before_fetch(number)
            wrong = state.wrong.popleft() if state.wrong else ""
            if self.command == "GET" and len(params.get("id", "").split(",")) > 200:
                self.send(414, b"")
            else:
                self.reply_fetch(*state.fetch(params), wrong)
            state.after_fetch(number)

    def reply_fetch(self, status: int, body: bytes, wrong: str) -> None:
        if wrong == "slow":
            self.send_slowly(body)
        elif wrong == "dropped":
            self.send(200, body, promise=len(body) + 1000)
            self.close_connection = True
        elif wrong:
            self.send(*wrong_answer(wrong, body, self.server.state.last_page))
        else:
            self.send(status, body)
            self.server.state.last_page = body

    def send(self, status: int, body: bytes, retry_after: str = "", promise: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(promise or len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def send_slowly(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body[:200]:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def wrong_answer(wrong: str, body: bytes, last_page: bytes) -> tuple[int, bytes, str]:
    """(status, body, Retry-After) of a named fault; `body` is what a right answer would be."""
    in_two_seconds = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    records = re.findall(r"(?s)<PubmedArticle>.*?</PubmedArticle>", body.decode())
    return {
        "429": (429, RATE_ERROR, ""),
        "429 seconds": (429, RATE_ERROR, "1"),
        "429 date": (429, RATE_ERROR, in_two_seconds),
        "429 long": (429, RATE_ERROR, "86400"),
        "429 in 200": (200, RATE_ERROR, ""),
        "500": (500, b"<html>Internal Server Error</html>", ""),
        "html": (200, b"<!DOCTYPE html><html><body><p>Maintenance<br></p></body></html>", ""),
        "xhtml": (200, b"<html><body/></html>", ""),
        "truncated": (200, body[: len(body) * 2 // 3], ""),
        "duplicate": (200, last_page, ""),
        "empty": (200, answer(), ""),
        "nothing": (200, b"", ""),
        "bad key": (400, b'{"error":"API key invalid: secret-key","api-key":"secret-key","type":"api key"}', ""),
        "new dtd": (200, answer(*records, doctype=NEW_DOCTYPE), ""),
    }[wrong]
