"""What an OpenAI-compatible server sends, read without trust: answers, streams, refusals, waiting times."""

import email.utils
import json
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from clinforge.errors import InputError

if TYPE_CHECKING:
    import httpx

LARGEST_REPLY = 32 * 2**20
"""Bytes."""
_LARGEST_REFUSAL = 2**16


class Passing(Exception):  # noqa: N818 -- not an error yet
    """A fault that may be gone at the next attempt. `what` is said of the server and quotes nothing it sent."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.retry_after = retry_after


class Counts(BaseModel):
    """Tokens as the server counted them."""

    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)] = 0


class Said(BaseModel):
    """An assistant's turn, or a piece of it."""

    content: str | None = None


class Choice(BaseModel):
    """One answer, or one piece of it in a stream."""

    message: Said = Said()
    delta: Said = Said()
    finish_reason: str | None = None


class Weight(BaseModel):
    """Log-probability (nats) of one token of a prompt."""

    logprob: float
    decoded_token: str | None = None


class Reply(BaseModel):
    """A whole answer, or one event of a stream; fields we do not use are ignored."""

    choices: list[Choice]
    usage: Counts | None = None
    prompt_logprobs: list[dict[str, Weight] | None] | None = None
    """By position, token id -> weight; the prompt's own token stands first. vLLM's extension."""


def body_of(request: dict[str, Any]) -> bytes:
    """A request as UTF-8 JSON; InputError when its text is not valid Unicode."""
    try:
        return json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError("The text holds half a character (a lone surrogate).", hint="Send valid Unicode.") from None


def read_reply(data: bytes) -> Reply:
    """Read an answer; what is not one counts as a fault that may pass."""
    try:
        return Reply.model_validate_json(data)
    except ValidationError:
        raise Passing("sent something that is not an answer") from None


def read_events(chunks: Iterator[bytes]) -> Iterator[Reply]:
    """The JSON events of a stream. Cut at line feeds only: other line separators may stand inside a JSON text."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LARGEST_REPLY:
            raise Passing("sent too much")
        for line in lines:
            field, _, value = line.strip().partition(b":")
            if field == b"data" and value.strip() not in (b"", b"[DONE]"):
                yield read_reply(value)


def refusal_code(response: "httpx.Response") -> str:
    """The server's code word for an error, '' if it gives none. Its message may quote the prompt and is not read."""
    data = b""
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > _LARGEST_REFUSAL:
            return ""
    try:
        error = json.loads(data)["error"]
        code = error.get("code") or error.get("type") or ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else ""


def retry_after(headers: "httpx.Headers") -> float | None:
    """Seconds a server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or as a date (RFC 9110)."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        text = headers.get("retry-after", "").strip()
        if not text:
            return None
        if text.isdigit():
            return float(text)
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
