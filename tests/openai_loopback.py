"""An OpenAI-compatible server on loopback that does what a test tells it to, misbehaviour included."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Act:
    """What the server does with one request."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    """Close the connection without a word."""
    missing: int = 0
    """Bytes announced and never sent."""
    chunk: int = 0
    """Send so many bytes at a time."""
    hold: threading.Event | None = None
    """Answer only when this is set."""


def says(text: str | None, *, finish: str | None = "stop", usage: bool = True, **act: Any) -> Act:
    """A well-formed answer."""
    reply: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}]}
    if usage:
        reply["usage"] = {"prompt_tokens": 11, "completion_tokens": 7}
    return Act(json.dumps(reply, ensure_ascii=False).encode(), **act)


def refuses(status: int, code: str = "", message: str = "", **headers: str) -> Act:
    """An error as OpenAI words it."""
    body = {"error": {"message": message, "code": code or None}}
    return Act(json.dumps(body).encode(), status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def streams(*pieces: str, end: bool = True, chunk: int = 0) -> Act:
    """Server-sent events."""
    events = [{"choices": [{"delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    if end:
        events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        events.append({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": len(pieces)}})
    lines = [": a comment", *(f"data: {json.dumps(event, ensure_ascii=False)}\n" for event in events)]
    return Act(("\n".join(lines) + ("\ndata: [DONE]\n\n" if end else "\n")).encode(), chunk=chunk)


class Loopback:
    """The server. `respond(request, number)` decides on each request, counted from 1."""

    def __init__(self, respond: Callable[[dict[str, Any], int], Act]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.answered: list[dict[str, Any]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                loopback._handle(self, respond)

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.handle_error = lambda *_arguments: None
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def prompts(self) -> list[str]:
        """The user's turn of every request."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def _handle(self, handler: BaseHTTPRequestHandler, respond: Callable[[dict[str, Any], int], Act]) -> None:
        request = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.requests.append(request)
            self.headers.append(dict(handler.headers))
            self.times.append(time.monotonic())
            number = len(self.requests)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self._act(handler, respond(request, number), request)
        except OSError:
            handler.close_connection = True
        finally:
            with self._lock:
                self._at_once -= 1

    def _act(self, handler: BaseHTTPRequestHandler, act: Act, request: dict[str, Any]) -> None:
        if act.hold:
            act.hold.wait(30)
        time.sleep(act.delay)
        if act.drop:
            handler.close_connection = True
            handler.connection.close()
            return
        handler.send_response(act.status)
        for name, value in act.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(act.body) + act.missing))
        handler.end_headers()
        size = act.chunk or max(1, len(act.body))
        for at in range(0, len(act.body), size):
            handler.wfile.write(act.body[at : at + size])
            handler.wfile.flush()
        if act.missing:
            handler.close_connection = True
        else:
            self.answered.append(request)
