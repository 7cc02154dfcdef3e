"""The review page's service: a reviewer's desk over HTTP, for a browser on this machine.

Covers: pages of other origins (Origin), other names for this address (Host), bodies without end, content that looks
like HTML (answers are JSON, the page shows text only, and its policy runs no script but its own).
Does not cover: who sits before the browser, and other users of this machine: there is no log-in yet.
"""

from collections.abc import Collection
from importlib.resources import files
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinforge.errors import InputError, MissingError
from clinforge.records import ItemKind, Verdict
from clinforge.review.decisions import all_reasons
from clinforge.review.desk import Desk
from clinforge.review.words import page_words

MAX_BODY_BYTES = 100_000
_PAGES = {"/": "review.html", "/review.css": "review.css", "/review.js": "review.js"}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Draft(BaseModel):
    """A verdict as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    item: ItemKind
    item_id: str = Field(max_length=200)
    decision: Literal["accept", "edit", "reject", "escalate"]
    reason: str = Field(default="", max_length=100)
    note: str = Field(default="", max_length=2000)
    edited: str = Field(default="", max_length=20_000)


def create_app(desk: Desk, hosts: Collection[str]) -> FastAPI:
    """Put the service together; `hosts` are the names (with port) under which the page may be asked for."""
    # FastAPI's own pages would fetch scripts from elsewhere.
    app = FastAPI(title="ClinForge review", docs_url=None, redoc_url=None, openapi_url=None)
    _pages(app)
    _desk_routes(app, desk)
    _error_handlers(app)
    app.add_middleware(Door, hosts=frozenset(hosts))
    return app


def _pages(app: FastAPI) -> None:
    def add(path: str, name: str) -> None:
        @app.get(path)
        def page() -> Response:
            content = (files("clinforge.review") / "page" / name).read_bytes()
            return Response(content, media_type=f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8")

    for path, name in _PAGES.items():
        add(path, name)


def _desk_routes(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/desk")
    def overview() -> dict[str, Any]:
        return {
            "reviewer": desk.reviewer,
            "simulated": desk.simulated,
            "items": desk.progress(),
            "reasons": [reason.model_dump() for reason in all_reasons().values()],
            "words": page_words(),
        }

    @app.get("/api/item")
    def item(item: ItemKind, item_id: str) -> dict[str, Any]:
        return desk.view((item, item_id))

    @app.post("/api/verdict")
    def decide(draft: Draft) -> dict[str, Any]:
        return desk.decide(Verdict(reviewer="", at="", **draft.model_dump())).model_dump()

    @app.post("/api/undo")
    def undo() -> dict[str, Any] | None:
        undone = desk.undo()
        return undone.model_dump() if undone else None


def _error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        """Name the fields and what is wrong, never what was written in them."""
        faults = [f"field '{fault['loc'][-1]}': {fault['msg']}" for fault in error.errors()]
        return JSONResponse({"error": " ".join(faults)}, 422)

    @app.exception_handler(InputError)
    async def incomplete(_request: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(MissingError)
    async def missing(_request: Request, error: MissingError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 404)

    @app.exception_handler(OSError)
    async def unsaved(_request: Request, error: OSError) -> JSONResponse:
        return JSONResponse({"error": f"Not saved: {error.strerror}."}, 507)


class Door:
    """Lets in only requests that this page made, and tells browsers how to treat the answers."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts
        self._origins = {f"http://{host}" for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        app = JSONResponse({"error": refusal[1]}, refusal[0]) if refusal else self._app
        await app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        if headers.get("host") not in self._hosts:
            return 400, "This page is served under this machine's own name only."
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return 403, "Another site's page asked."
        if method in ("GET", "HEAD"):
            return None
        # A form of another site can send neither: browsers ask first before sending JSON across origins.
        if origin is None or headers.get("content-type", "").partition(";")[0] != "application/json":
            return 403, "Only the review page itself may send verdicts."
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return 413, f"The body must say its length, at most {MAX_BODY_BYTES} bytes."
        return None
