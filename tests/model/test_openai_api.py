import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import openai
import pytest

from clinforge import config
from clinforge.errors import ConfigError, InputError, StageError, UserError
from clinforge.model.base import Sampling, TextModel
from clinforge.model.openai_api import OpenAIModel, OpenAISettings
from clinforge.records import Message
from tests.openai_loopback import Act, Loopback, refuses, says, streams

SECRET = "sk-verysecret0123456789"
PRIVATE = "the patient is Zhang Wei, 13912345678"


def asks(text="hello"):
    return (Message(role="system", content="be brief"), Message(role="user", content=text))


@pytest.fixture
def model_of():
    """Makes models that wait little, and closes them."""
    made: list[OpenAIModel] = []

    def make(server, **changed) -> OpenAIModel:
        quick = {"timeout_s": 5, "first_wait_s": 0.01, "max_wait_s": 2}
        made.append(OpenAISettings(base_url=server.url, model="m", **(quick | changed)).build())
        return made[-1]

    yield make
    for model in made:
        model.close()


def in_turn(*acts):
    return lambda _request, number: acts[min(number, len(acts)) - 1]


def test_it_is_a_text_model_and_asks_as_the_protocol_says(monkeypatch, model_of):
    monkeypatch.setenv("MY_KEY", SECRET)
    with Loopback(in_turn(says("hi"))) as server:
        model: TextModel = model_of(server, key_variable="MY_KEY", extra={"chat_template_kwargs": {"think": False}})
        sampling = Sampling(temperature=0.5, top_p=0.9, max_new_tokens=33, stop=("END",), seed=7)
        [completion] = model.generate([asks()], sampling)
        [request], [headers] = server.requests, server.headers
    assert (completion.text, completion.finish_reason) == ("hi", "stop")
    assert (completion.prompt_tokens, completion.completion_tokens) == (11, 7)
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert request == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 33, "stop": ["END"], "seed": 7,
        "chat_template_kwargs": {"think": False},
    }  # fmt: skip


def test_the_reference_client_reads_the_same_from_the_same_server(model_of):
    act = says("同样的答案 — the same")
    with Loopback(
        lambda request, _: streams("甲\u2028", "乙", "c", chunk=3) if request.get("stream") else act
    ) as server:
        ours = model_of(server)
        reference = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)
        messages = [message.model_dump() for message in asks()]
        whole = reference.chat.completions.create(model="m", messages=messages)
        pieces = reference.chat.completions.create(model="m", messages=messages, stream=True)
        said = [chunk.choices[0].delta.content for chunk in pieces if chunk.choices]
        [completion] = ours.generate([asks()], Sampling())
        assert completion.text == whole.choices[0].message.content
        assert completion.prompt_tokens == whole.usage.prompt_tokens
        assert list(ours.stream(asks(), Sampling())) == [piece for piece in said if piece] == ["甲\u2028", "乙", "c"]
        reference.close()


@pytest.mark.parametrize(
    "act",
    [
        refuses(429), refuses(500), refuses(503, "overloaded"), refuses(529), Act(b"<html>busy</html>"),
        Act(b'{"a": 1'), says(None), says("half", finish=None), Act(b'{"choices": []}'), Act(b"null"), Act(drop=True),
        says("cut off", missing=50), says("slow", delay=0.6), Act(status=200, body=b'{"error": {"message": "x"}}'),
    ],
    ids=lambda act: f"{act.status}-{act.body[:12]!r}-{act.drop or act.missing or act.delay}",
)  # fmt: skip
def test_a_passing_fault_is_tried_again_and_loses_nothing(act, model_of):
    with Loopback(in_turn(act, act, says("at last"))) as server:
        model = model_of(server, timeout_s=0.3)
        assert [c.text for c in model.generate([asks()], Sampling())] == ["at last"]
        assert model.usage.model_dump() == {
            "requests": 1, "retries": 2, "prompt_tokens": 11, "completion_tokens": 7, "estimated": 0,
        }  # fmt: skip
        assert len(server.requests) == 3


@pytest.mark.parametrize(("header", "value"), [("Retry_After", "1"), ("retry_after_ms", "600"), ("Retry_After", None)])
def test_the_wait_a_server_asks_for_is_kept_by_every_thread(header, value, model_of):
    # A date has whole seconds, so it is set far enough ahead.
    value = value or format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with Loopback(in_turn(refuses(429, **{header: value}), says("ok"))) as server:
        model = model_of(server, max_wait_s=5)
        first = threading.Thread(target=model.generate, args=([asks()], Sampling()))
        first.start()
        while model.usage.retries == 0:
            time.sleep(0.01)
        model.generate([asks("another")], Sampling())
        first.join()
        refused, *later = server.times
        assert len(later) == 2 and min(later) - refused >= 0.59
        at = time.monotonic()
        model.generate([asks()], Sampling())
        assert time.monotonic() - at < 0.5


def test_a_wait_longer_than_allowed_ends_the_asking_at_once(model_of):
    with Loopback(in_turn(refuses(429, Retry_After="3600"))) as server:
        with pytest.raises(StageError, match="429"):
            model_of(server).generate([asks()], Sampling())
        assert len(server.requests) == 1


def test_a_fault_that_stays_is_given_up_on_after_the_attempts_allowed(model_of):
    with Loopback(in_turn(refuses(502))) as server:
        with pytest.raises(StageError, match="502"):
            model_of(server, max_attempts=3).generate([asks()], Sampling())
        assert len(server.requests) == 3


def test_nobody_listening_is_said_so():
    settings = OpenAISettings(base_url="http://127.0.0.1:9", model="m", max_attempts=2, first_wait_s=0.01)
    with pytest.raises(StageError, match="ConnectError"):
        settings.build().generate([asks()], Sampling())


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (refuses(401), ConfigError), (refuses(403), ConfigError), (refuses(404), ConfigError),
        (Act(status=302), ConfigError),
        (refuses(400), InputError), (refuses(413), InputError), (refuses(422), InputError),
        (refuses(400, "context_length_exceeded"), InputError), (refuses(429, "insufficient_quota"), UserError),
        (says("", finish="content_filter"), InputError),
    ],
)  # fmt: skip
def test_what_waiting_cannot_mend_is_said_at_once(act, error, model_of):
    with Loopback(in_turn(act)) as server:
        with pytest.raises(error):
            model_of(server).generate([asks()], Sampling())
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_no_error_quotes_prompt_key_or_server(status, monkeypatch, caplog, model_of):
    monkeypatch.setenv("MY_KEY", SECRET)
    act = refuses(status, code=f"bad: {PRIVATE}", message=f"cannot parse {PRIVATE} {SECRET}")
    with Loopback(in_turn(act)) as server, caplog.at_level("DEBUG"), pytest.raises((UserError, StageError)) as caught:
        model_of(server, key_variable="MY_KEY", max_attempts=2).generate([asks(PRIVATE)], Sampling())
    told = str(caught.value) + caplog.text
    assert "Zhang" not in told and SECRET not in told and str(status) in told


def test_the_key_has_no_place_in_settings(monkeypatch):
    with pytest.raises(ConfigError) as caught:
        config.parse(OpenAISettings, {"base_url": "http://h/v1", "model": "m", "key_variable": SECRET}, origin="x")
    assert "name of an environment variable" in str(caught.value) and SECRET not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        config.parse(OpenAISettings, {"base_url": f"http://u:{SECRET}@h/v1", "model": "m"}, origin="x")
    assert SECRET not in str(caught.value)
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        OpenAISettings(base_url="http://h/v1", model="m", key_variable="MY_KEY").build()
    monkeypatch.setenv("MY_KEY", "two words")
    with pytest.raises(ConfigError) as caught:
        OpenAISettings(base_url="http://h/v1", model="m", key_variable="MY_KEY").build()
    assert "two words" not in str(caught.value)


def test_several_conversations_run_at_once_within_the_limit_and_keep_their_order(model_of):
    def echo(request, _number):
        return says(request["messages"][-1]["content"], delay=0.05)

    with Loopback(echo) as server:
        model = model_of(server, concurrency=3)
        texts = [f"question {number}" for number in range(12)]
        assert [c.text for c in model.generate([asks(text) for text in texts], Sampling())] == texts
        callers = [threading.Thread(target=model.generate, args=([asks()] * 4, Sampling())) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert server.most_at_once == 3
        assert model.usage.requests == 28


def test_tokens_a_server_does_not_count_are_estimated_and_said_to_be(model_of):
    with Loopback(in_turn(says("x" * 30, usage=False))) as server:
        model = model_of(server)
        [completion] = model.generate([asks("y" * 52)], Sampling())
        assert (completion.prompt_tokens, completion.completion_tokens) == (20, 10)
        assert model.usage.estimated == 1


@pytest.mark.parametrize("chunk", [1, 2, 5, 0])
def test_streamed_pieces_are_whole_characters_however_the_bytes_arrive(chunk, model_of):
    with Loopback(in_turn(streams("头痛", "\u2028三天", " ok", chunk=chunk))) as server:
        model = model_of(server)
        assert list(model.stream(asks(), Sampling())) == ["头痛", "\u2028三天", " ok"]
        assert server.requests[0]["stream"] is True
        assert (model.usage.prompt_tokens, model.usage.completion_tokens) == (5, 3)


def test_a_stream_is_tried_again_only_before_its_first_piece(model_of):
    with Loopback(in_turn(refuses(500), streams("a", "b"))) as server:
        assert list(model_of(server).stream(asks(), Sampling())) == ["a", "b"]
    with Loopback(in_turn(streams("a", "b", end=False), streams("again"))) as server:
        pieces = model_of(server).stream(asks(), Sampling())
        assert next(pieces) == "a"
        with pytest.raises(StageError, match="middle of an answer"):
            list(pieces)
        assert len(server.requests) == 1


def test_a_stream_that_is_closed_frees_its_place(model_of):
    with Loopback(in_turn(streams(*"abcdef"))) as server:
        model = model_of(server, concurrency=1)
        for _ in range(3):
            pieces = model.stream(asks(), Sampling())
            assert next(pieces) == "a"
            pieces.close()


def weighing(request, _number):
    """A server as vLLM is: one token a character, each worth minus its code point modulo 7."""
    text = "".join(f"<{message['role'][0]}>{message['content']}|\n" for message in request["messages"])
    text += "<a>" if request["add_generation_prompt"] else ""
    rows = [
        None if not at else {str(ord(c)): {"logprob": -(ord(c) % 7), "decoded_token": c}} for at, c in enumerate(text)
    ]
    reply = {"choices": [{"message": {"content": "x"}, "finish_reason": "length"}], "prompt_logprobs": rows}
    return Act(json.dumps(reply).encode())


def test_given_answers_are_weighed_from_where_the_prompt_ends_to_the_end_of_the_turn(model_of):
    with Loopback(weighing) as server:
        [scores] = model_of(server).score([asks("dose?")], [["Yes", "No"]])
    expected = tuple(float(-sum(ord(c) % 7 for c in option + "|")) for option in ("Yes", "No"))
    assert scores.logprobs == expected
    assert scores.num_tokens == (4, 3)


def test_a_server_that_cannot_weigh_texts_is_named_with_the_way_out(model_of):
    with Loopback(in_turn(says("x"))) as server, pytest.raises(ConfigError, match="log-probabilities") as caught:
        model_of(server).score([asks()], [["Yes", "No"]])
    assert "vLLM" in str(caught.value)


def test_a_template_that_rewrites_the_prompt_is_not_weighed(model_of):
    def rewriting(request, number):
        changed = {**request, "messages": [*request["messages"]]}
        if not request["add_generation_prompt"]:
            changed["messages"][0] = {"role": "system", "content": "something else"}
        return weighing(changed, number)

    with Loopback(rewriting) as server, pytest.raises(StageError, match="template"):
        model_of(server).score([asks()], [["Yes"]])


def test_half_a_character_is_refused_before_anything_is_sent(model_of):
    with Loopback(in_turn(says("x"))) as server:
        with pytest.raises(InputError, match="surrogate"):
            model_of(server).generate([asks("\ud800")], Sampling())
        assert server.requests == []
