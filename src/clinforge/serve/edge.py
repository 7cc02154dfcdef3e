"""The outermost layer of the service: how much may come in, who may ask, and what is written in the log.

The log holds request id, route, status, milliseconds and triage level. It never holds what people wrote.
"""

import hmac
import logging
import time
import uuid
from collections.abc import Callable

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("clinforge.serve")


def require_key(key: str | None) -> Callable[[Request], None]:
    """A dependency that lets a request pass when it carries the key, compared in constant time."""

    def check(request: Request) -> None:
        if key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), key.encode()):
            raise HTTPException(
                401, "A valid key is needed: Authorization: Bearer KEY.", {"WWW-Authenticate": "Bearer"}
            )

    return check


def error_body(message: str, kind: str, *, param: str | None = None, code: str | None = None) -> dict[str, object]:
    """The body of a failed request, in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class Edge:
    """Counts the bytes that come in, names each request and writes its line in the log."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, started, status = uuid.uuid4().hex, time.monotonic(), 500
        scope.setdefault("state", {})["triage_level"] = "-"

        async def named_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            body = await self._read(scope, receive)
            if body is None:
                refusal = JSONResponse(
                    error_body(f"The body is over {self._limit} bytes.", "invalid_request_error"), 413
                )
                await refusal(scope, receive, named_send)
            else:
                await self._app(scope, _Replay(body, receive), named_send)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            elapsed = 1000 * (time.monotonic() - started)
            level = scope["state"]["triage_level"]
            log.info("id=%s route=%s status=%d ms=%.0f triage=%s", request_id, route, status, elapsed, level)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when it is too long."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            return None
        chunks, size, more = list[bytes](), 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
            if size > self._limit:
                return None
        return b"".join(chunks)


class _Replay:
    """Gives the body that was read, then whatever comes next, which is the client's leaving."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
