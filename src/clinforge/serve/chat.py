"""/v1/chat/completions and /v1/models in OpenAI's shapes."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from clinforge.errors import ClinForgeError
from clinforge.model.base import Sampling
from clinforge.model.prompts import all_prompts
from clinforge.records import Completion, Conversation, Lang, Message
from clinforge.safety.triage import Triage
from clinforge.serve import guardrails
from clinforge.serve.clinical import complete
from clinforge.serve.edge import error_body
from clinforge.serve.engine import Engine
from clinforge.serve.schemas import ChatRequest, Json
from clinforge.serve.settings import ServeSettings

STARTED = int(time.time())
_NOTHING = Completion(text="", finish_reason="stop", prompt_tokens=0, completion_tokens=0)


def chat_routes(engine: Engine, settings: ServeSettings) -> APIRouter:
    """The routes over an engine."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.get("/models")
    def models() -> Json:
        """The adapter and the base."""
        rows = [{"id": name, "object": "model", "created": STARTED, "owned_by": "clinforge"} for name in engine.models]
        return {"object": "list", "data": rows}

    @router.post("/chat/completions", response_model=None)
    async def chat(question: ChatRequest, request: Request) -> Response:
        """Answer a conversation, whole or streamed; an emergency anywhere in it is answered with advice alone."""
        guardrails.check_texts([message.text for message in question.messages], settings)
        verdict = guardrails.triage_history(question.user_texts)
        request.state.triage_level = verdict.level
        answer = _Answer(question, verdict)
        if verdict.emergency:
            text = guardrails.emergency_answer(verdict)
            if question.stream:
                return _sse(answer.chunks(_only(text, _NOTHING)))
            return JSONResponse(answer.whole(_NOTHING.model_copy(update={"text": text})))
        if engine.models and question.model not in engine.models:
            raise HTTPException(404, f"The model '{question.model[:100]}' does not exist; see /v1/models.")
        conversation, sampling = to_conversation(question, verdict.lang), to_sampling(question, settings)
        if not question.stream:
            done = await complete(engine, question.model, conversation, sampling, request)
            return JSONResponse(answer.whole(done.model_copy(update={"text": done.text + guardrails.ending(verdict)})))
        stream = engine.stream(question.model, conversation, sampling)
        first = await run_in_threadpool(next, stream)
        return _sse(answer.chunks(_continued(first, stream, guardrails.ending(verdict))))

    return router


def to_conversation(question: ChatRequest, lang: Lang) -> Conversation:
    """The conversation in our words; the role prompt of training stands first when the client gives none."""
    names = {"developer": "system"}
    messages = [
        Message.model_validate({"role": names.get(message.role, message.role), "content": message.text})
        for message in question.messages
    ]
    if messages[0].role != "system":
        messages.insert(0, Message(role="system", content=role_prompt(lang)))
    return tuple(messages)


def role_prompt(lang: Lang) -> str:
    """Who the assistant is, in the words of training."""
    return all_prompts()[f"advice.{lang}.1"].system


def to_sampling(question: ChatRequest, settings: ServeSettings) -> Sampling:
    """How to answer, cut down to the service's limits."""
    wanted = question.max_completion_tokens or question.max_tokens or settings.max_new_tokens
    stop = (question.stop,) if isinstance(question.stop, str) else tuple(question.stop or ())
    return Sampling(
        temperature=question.temperature or 0.0,
        top_p=question.top_p or 1.0,
        max_new_tokens=min(wanted, settings.max_new_tokens),
        stop=stop,
        seed=question.seed,
    )


class _Answer:
    """One answer in OpenAI's shapes."""

    def __init__(self, question: ChatRequest, verdict: Triage) -> None:
        self._id = guardrails.new_id("chatcmpl")
        self._model = question.model
        self._with_usage = bool(question.stream_options and question.stream_options.include_usage)
        self._metadata = guardrails.metadata(verdict, self._id, question.model)

    def whole(self, done: Completion) -> Json:
        message = {"role": "assistant", "content": done.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(done)}
        return {**self._head("chat.completion"), "choices": [choice], "usage": _usage(done), "metadata": self._metadata}

    async def chunks(self, pieces: AsyncIterator[str | Completion]) -> AsyncIterator[str]:
        """Server-sent events; a failure after the first byte is an error event."""
        yield self._event({"role": "assistant", "content": ""})
        try:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield self._event({"content": piece})
                    continue
                yield self._event({}, finish=_finish(piece), metadata=self._metadata)
                if self._with_usage:
                    yield _line({**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(piece)})
        except ClinForgeError:
            yield _line(error_body("The engine failed during the answer.", "server_error", code="engine_failed"))
        yield "data: [DONE]\n\n"

    def _event(self, delta: Json, finish: str | None = None, **more: Any) -> str:  # noqa: ANN401 -- any JSON value
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _line({**self._head("chat.completion.chunk"), "choices": [choice], **more})

    def _head(self, kind: str) -> Json:
        return {"id": self._id, "object": kind, "created": int(time.time()), "model": self._model}


def _sse(chunks: AsyncIterator[str]) -> StreamingResponse:
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(chunks, media_type="text/event-stream", headers=headers)


async def _only(text: str, done: Completion) -> AsyncIterator[str | Completion]:
    yield text
    yield done


async def _continued(
    first: str | Completion, stream: Iterator[str | Completion], ending: str
) -> AsyncIterator[str | Completion]:
    """The rest of a stream, with the ending as the last piece; when the client leaves, the engine stops."""
    try:
        piece = first
        while isinstance(piece, str):
            yield piece
            piece = await run_in_threadpool(next, stream)
        yield ending
        yield piece
    finally:
        cast("Any", stream).close()


def _usage(done: Completion) -> Json:
    total = done.prompt_tokens + done.completion_tokens
    return {"prompt_tokens": done.prompt_tokens, "completion_tokens": done.completion_tokens, "total_tokens": total}


def _finish(done: Completion) -> str:
    return "length" if done.finish_reason == "length" else "stop"


def _line(value: Json | dict[str, object]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
