"""The service on a real port, asked by the official client."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import openai
import pytest
import uvicorn

from clinforge.model.base import Sampling
from clinforge.model.scripted import ScriptedModel
from clinforge.records import Conversation
from clinforge.safety.disclaimer import DISCLAIMERS
from clinforge.serve.api import create_app
from clinforge.serve.engine import Engine
from tests.serve.conftest import LABELS, SETTINGS


class SlowModel(ScriptedModel):
    """Says one character every 20 ms for ever, and tells when it was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()

    def stream(self, conversation: Conversation, sampling: Sampling) -> Iterator[str]:
        self.calls += 1
        try:
            while True:
                time.sleep(0.02)
                yield "x"
        finally:
            self.stopped.set()


@pytest.fixture
def slow() -> SlowModel:
    return SlowModel()


@pytest.fixture
def address(model: ScriptedModel, slow: SlowModel) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(Engine({"clinforge": model, "slow": slow}, LABELS), SETTINGS, key="secret")
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="secret", max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, text: str, **more: object) -> object:
    return client.chat.completions.create(model="clinforge", messages=[{"role": "user", "content": text}], **more)


def test_a_plain_answer(client: openai.OpenAI) -> None:
    answer = ask(client, "最近有点失眠")
    assert answer.choices[0].message.content.startswith("echo: 最近有点失眠")
    assert answer.choices[0].message.content.endswith(DISCLAIMERS["zh"])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_answer_is_the_plain_one(client: openai.OpenAI) -> None:
    plain = ask(client, "I sleep badly").choices[0].message.content
    chunks = list(ask(client, "I sleep badly", stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == plain
    assert chunks[-1].usage.completion_tokens > 0


@pytest.mark.parametrize("text", ["爸爸突然昏迷，叫不醒", "my wife's face is drooping and her speech is slurred"])
def test_emergencies_are_answered_without_the_model(client: openai.OpenAI, model: ScriptedModel, text: str) -> None:
    plain = ask(client, text).choices[0].message.content
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in ask(client, text, stream=True))
    assert "120" in plain
    assert "911" in plain
    assert plain == streamed
    assert model.calls == 0


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["clinforge", "slow"]


def test_errors_are_the_clients_own(client: openai.OpenAI, address: str) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="none", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="clinforge", messages=[])
    with (
        openai.OpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        ask(stranger, "hi")


@pytest.mark.parametrize("stream", [True, False])
def test_the_model_stops_when_the_client_leaves(address: str, slow: SlowModel, stream: bool) -> None:
    body = {"model": "slow", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    headers = {"authorization": "Bearer secret"}
    with (
        contextlib.suppress(httpx.ReadTimeout),
        httpx.Client(timeout=0.5) as client,
        client.stream("POST", f"{address}/v1/chat/completions", json=body, headers=headers) as answer,
    ):
        next(answer.iter_text())
    assert slow.calls == 1
    assert slow.stopped.wait(5)
