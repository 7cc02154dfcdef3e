import json
import logging

import pytest
from fastapi.testclient import TestClient

from clinforge.model.scripted import ScriptedModel
from clinforge.safety.disclaimer import DISCLAIMERS
from clinforge.serve.api import create_app
from clinforge.serve.engine import Engine
from tests.serve.conftest import SETTINGS

EMERGENCIES = [("zh", "突然胸痛，大汗淋漓"), ("en", "crushing chest pain and sweating")]
POSTS = [
    ("/diagnose", lambda text: {"symptoms": text}),
    ("/analyze", lambda text: {"text": text}),
    ("/v1/chat/completions", lambda text: {"model": "clinforge", "messages": [{"role": "user", "content": text}]}),
]


def chat(*texts: str, **more: object) -> dict[str, object]:
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]
    return {"model": "clinforge", "messages": messages, **more}


@pytest.mark.parametrize(("lang", "text"), EMERGENCIES)
@pytest.mark.parametrize(("path", "body"), POSTS)
def test_an_emergency_is_answered_without_the_model(client, model, path, body, lang, text) -> None:
    answer = client.post(path, json=body(text))
    assert answer.status_code == 200
    assert model.calls == 0
    assert "120" in answer.text
    assert "911" in answer.text
    assert DISCLAIMERS[lang] in answer.text


@pytest.mark.parametrize(("lang", "text"), EMERGENCIES)
@pytest.mark.parametrize(("path", "body"), POSTS)
def test_an_emergency_is_answered_with_the_engine_dead(dead_client, path, body, lang, text) -> None:
    answer = dead_client.post(path, json=body(text))
    assert answer.status_code == 200
    assert "120" in answer.text


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_other_questions_get_503_with_the_engine_dead(dead_client, path, body) -> None:
    answer = dead_client.post(path, json=body("最近有点失眠"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["error"]["code"] == "engine_unavailable"


def test_a_dead_engine_is_alive_but_not_ready(dead_client: TestClient) -> None:
    assert dead_client.get("/livez").status_code == 200
    assert dead_client.get("/readyz").status_code == 503
    assert dead_client.get("/health").json()["status"] == "degraded"


def test_an_emergency_stays_one_when_the_user_insists(client: TestClient, model: ScriptedModel) -> None:
    body = chat("我胸痛得厉害，出冷汗", "请拨打120", "没事了，不用去医院，就告诉我吃什么药")
    answer = client.post("/v1/chat/completions", json=body).json()
    assert answer["metadata"]["emergency"] is True
    assert model.calls == 0


def test_signs_told_in_two_turns_are_put_together(client: TestClient, model: ScriptedModel) -> None:
    body = chat("我怀孕34周了", "好的", "今天有点流血")
    assert client.post("/v1/chat/completions", json=body).json()["metadata"]["emergency"] is True
    assert model.calls == 0


@pytest.mark.parametrize("emergency", ["最近有点失眠", "突然胸痛，大汗淋漓"])
def test_a_streamed_answer_ends_with_disclaimer_label_and_metadata(client: TestClient, emergency: str) -> None:
    body = chat(emergency, stream=True, stream_options={"include_usage": True})
    answer = client.post("/v1/chat/completions", json=body)
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    *chunks, last, usage = [json.loads(line) for line in lines[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text.endswith(DISCLAIMERS["zh"])
    assert "AI 生成内容" in text
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["metadata"]["ai_generated"] is True
    assert usage["choices"] == []
    assert set(usage["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}


def test_diagnose_answers_with_labels_only(client: TestClient) -> None:
    answer = client.post("/diagnose", json={"patient_info": "女 34", "symptoms": "咳嗽三天", "test_results": ""}).json()
    assert [row["diagnosis"] for row in answer["suggestions"]] == ["肺炎", "急性阑尾炎"]
    assert answer["suggestions"][0]["department"] == "呼吸内科"
    assert answer["suggestions"][0]["probability"] > answer["suggestions"][1]["probability"]
    assert (answer["department"], answer["department_basis"]) == ("普外科", "model")
    assert answer["ai_generated"] is True


def test_diagnose_takes_the_department_from_knowledge_where_none_was_taught(client: TestClient) -> None:
    answer = client.post("/diagnose", json={"symptoms": "cough for three days"}).json()
    assert answer["department_basis"] == "knowledge"
    assert answer["department"] == answer["suggestions"][0]["department"] == "Respiratory Medicine"


def test_analyze_is_cut_and_labelled(client: TestClient) -> None:
    answer = client.post("/analyze", json={"text": "睡不好", "max_length": 3, "temperature": 0.5}).json()
    assert answer["analysis"].startswith("ech\n")
    assert answer["analysis"].endswith(DISCLAIMERS["zh"])


def test_max_tokens_is_cut_to_the_limit(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json=chat("x" * 100, max_tokens=10**9)).json()
    assert answer["usage"]["completion_tokens"] == SETTINGS.max_new_tokens
    assert answer["choices"][0]["finish_reason"] == "length"


def test_an_unknown_model_is_404_in_openais_shape(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json={**chat("hi"), "model": "gpt-9"})
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["param"], error["type"]) == ("model_not_found", "model", "invalid_request_error")


CANARY = "张三丰住在长安街"
BAD_BODIES = [
    ("/diagnose", {"symptoms": CANARY + "\ud83d"}, 422),
    ("/diagnose", {"symptoms": CANARY + "\x00"}, 422),
    ("/diagnose", {"symptoms": ""}, 422),
    ("/diagnose", {"symptoms": "a", CANARY: CANARY}, 422),
    ("/diagnose", {"symptoms": "a" * 5001}, 400),
    ("/diagnose", {"symptoms": "a" * 60_000}, 413),
    ("/analyze", {"text": CANARY, "temperature": 9}, 422),
    ("/analyze", {"text": [CANARY]}, 422),
    ("/v1/chat/completions", chat(CANARY + "\udc00"), 400),
    ("/v1/chat/completions", chat(CANARY, "assistant last"), 400),
    ("/v1/chat/completions", chat(CANARY, n=2), 400),
    ("/v1/chat/completions", chat(CANARY, temperature=-1), 400),
    ("/v1/chat/completions", chat(CANARY, max_tokens=0), 400),
    ("/v1/chat/completions", {"model": "clinforge", "messages": []}, 400),
    ("/v1/chat/completions", {"model": "clinforge", "messages": [{"role": CANARY, "content": CANARY}]}, 400),
]


@pytest.mark.parametrize(("path", "body", "status"), BAD_BODIES)
def test_a_bad_request_is_refused_without_an_echo(client, model, path, body, status) -> None:
    answer = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert "张三丰" not in answer.text
    assert model.calls == 0


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 20_000, b'{"text": NaN}', b'{"text": "a", "temperature": NaN}']
)
def test_a_body_that_is_not_json_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/analyze", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert "error" in answer.json()


def test_a_chunked_body_over_the_limit_is_refused(client: TestClient) -> None:
    answer = client.post("/analyze", content=(b"x" * 1000 for _ in range(100)))
    assert answer.status_code == 413


def test_a_failing_model_is_503_and_shows_in_readiness(client: TestClient, engine: Engine) -> None:
    from clinforge.errors import StageError

    def fail(_conversation: object) -> str:
        raise StageError("The engine died.")

    engine.models["clinforge"] = ScriptedModel(reply=fail)
    for stream in (False, True):
        assert client.post("/v1/chat/completions", json=chat("失眠", stream=stream)).status_code == 503
    assert client.get("/readyz").status_code == 503
    assert client.post("/v1/chat/completions", json={**chat("失眠"), "model": "base"}).status_code == 200
    assert client.get("/readyz").status_code == 200


def test_no_more_requests_than_places(model: ScriptedModel) -> None:
    engine = Engine({"clinforge": model}, {}, places=0)
    with TestClient(create_app(engine, SETTINGS), base_url="http://127.0.0.1") as client:
        assert client.post("/analyze", json={"text": "失眠"}).status_code == 503
    assert model.calls == 0


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic secret", "Bearer", "bearer  secretx"])
def test_without_the_right_key_nothing_is_answered(engine: Engine, model: ScriptedModel, header: str | None) -> None:
    headers = {"authorization": header} if header else {}
    with TestClient(create_app(engine, SETTINGS, key="secret")) as client:
        for path, body in POSTS:
            assert client.post(path, json=body("失眠"), headers=headers).status_code == 401
        assert client.get("/v1/models", headers=headers).json()["error"]["code"] == "invalid_api_key"
        assert client.get("/livez").status_code == 200
    assert model.calls == 0


def test_with_the_key_questions_are_answered(engine: Engine) -> None:
    with TestClient(create_app(engine, SETTINGS, key="secret")) as client:
        answer = client.get("/v1/models", headers={"authorization": "Bearer secret"})
        assert [row["id"] for row in answer.json()["data"]] == ["clinforge", "base"]


def test_without_a_key_a_foreign_host_name_is_refused(engine: Engine) -> None:
    with TestClient(create_app(engine, SETTINGS), base_url="http://evil.example") as client:
        assert client.get("/v1/models").status_code == 400


def test_the_log_holds_no_text(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.post("/analyze", json={"text": f"{CANARY} 胸痛"})
        client.post("/v1/chat/completions", json=chat(CANARY))
    assert "route=/analyze status=200" in caplog.text
    assert "triage=2" in caplog.text
    assert "张三丰" not in caplog.text


def test_openapi_has_examples_and_every_route(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert {"/diagnose", "/analyze", "/v1/chat/completions", "/v1/models", "/livez", "/readyz", "/health"} <= set(
        document["paths"]
    )
    for name in ("DiagnoseRequest", "AnalyzeRequest", "ChatRequest"):
        assert document["components"]["schemas"][name]["examples"]
