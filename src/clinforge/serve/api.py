"""The application: routes, health, and one shape for every error."""

from typing import Any, cast

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from clinforge import __version__
from clinforge.errors import StageError, UserError
from clinforge.safety.disclaimer import DISCLAIMERS
from clinforge.serve.chat import chat_routes
from clinforge.serve.clinical import clinical_routes
from clinforge.serve.edge import Edge, error_body, require_key
from clinforge.serve.engine import Engine
from clinforge.serve.schemas import ErrorBody, Json
from clinforge.serve.settings import ServeSettings

RETRY_AFTER_S = 5
_KINDS = {401: "authentication_error", 404: "invalid_request_error", 405: "invalid_request_error"}
_CODES = {401: "invalid_api_key", 404: "not_found"}


def create_app(engine: Engine, settings: ServeSettings, key: str | None = None) -> FastAPI:
    """Put the service together. Without a key only requests addressed to this machine itself are heard."""
    app = FastAPI(
        title="ClinForge",
        version=__version__,
        description=f"{DISCLAIMERS['en']}\n\n{DISCLAIMERS['zh']}",
        responses={status: {"model": ErrorBody} for status in (400, 401, 413, 422, 503)},
    )
    guards = [Depends(require_key(key)), Depends(HTTPBearer(auto_error=False))]
    app.include_router(clinical_routes(engine, settings), dependencies=guards)
    app.include_router(chat_routes(engine, settings), dependencies=guards)
    _health_routes(app, engine)
    _error_handlers(app)
    if key is None:
        # A web page may point its own name at 127.0.0.1 and so reach a service without a key; its Host gives it away.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_middleware(Edge, max_body_bytes=settings.max_body_bytes)
    return app


def _health_routes(app: FastAPI, engine: Engine) -> None:
    @app.get("/livez", tags=["health"])
    async def livez() -> Json:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> JSONResponse:
        """Whether questions are answered: 503 when only emergencies are."""
        return JSONResponse(_state(engine), 200 if engine.ready else 503)

    @app.get("/health", tags=["health"])
    async def health() -> Json:
        """A summary, always 200."""
        return {**_state(engine), "version": __version__, "models": list(engine.models)}


def _state(engine: Engine) -> Json:
    return {
        "status": "ok" if engine.ready else "degraded",
        "engine": "ready" if engine.ready else "not answering",
        "triage": "ready",
    }


def _error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        """Name the fields and what is wrong, never what was written in them."""
        faults = [f"{_field(fault)}: {fault['msg']}" for fault in error.errors()]
        param = _field(error.errors()[0]) if error.errors() else None
        status = 400 if request.url.path.startswith("/v1/") else 422
        body = error_body("; ".join(faults), "invalid_request_error", param=param, code="invalid_value")
        return JSONResponse(body, status)

    @app.exception_handler(UserError)
    async def refused(_request: Request, error: UserError) -> JSONResponse:
        return JSONResponse(error_body(str(error), "invalid_request_error"), 400)

    @app.exception_handler(StageError)
    async def unavailable(_request: Request, error: StageError) -> JSONResponse:
        body = error_body(str(error), "server_error", code="engine_unavailable")
        return JSONResponse(body, 503, headers={"Retry-After": str(RETRY_AFTER_S)})

    @app.exception_handler(StarletteHTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        kind = _KINDS.get(error.status_code, "invalid_request_error")
        code = "model_not_found" if "model '" in error.detail else _CODES.get(error.status_code)
        param = "model" if code == "model_not_found" else None
        return JSONResponse(error_body(error.detail, kind, param=param, code=code), error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def bug(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse(error_body(f"Our fault: {type(error).__name__}.", "server_error"), 500)


def _field(fault: Any) -> str:  # noqa: ANN401 -- pydantic's error details
    """Path of the field; a name that the client made up is not repeated."""
    parts = cast("tuple[str | int, ...]", fault["loc"])
    shown = parts[:-1] if fault["type"] == "extra_forbidden" else parts
    return ".".join(str(part) for part in shown) or "body"
