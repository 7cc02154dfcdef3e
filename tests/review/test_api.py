"""The service hears this page only, answers as text, and its words and reasons are whole."""

import re
from importlib.resources import files

import pytest
from fastapi.testclient import TestClient

from clinforge.review.api import MAX_BODY_BYTES, create_app
from clinforge.review.decisions import all_reasons
from clinforge.review.desk import Desk, open_round
from clinforge.review.words import page_words
from clinforge.verdicts import read_journal
from tests.review.conftest import SCRIPT, settings

HOST = "127.0.0.1:8330"
ORIGIN = {"origin": f"http://{HOST}"}
PAGE = files("clinforge.review") / "page"


@pytest.fixture
def client(run_folder):
    chosen = settings(random_share=1)
    with Desk(open_round(run_folder, chosen), chosen, simulated=True) as desk:
        app = create_app(desk, (HOST, "localhost:8330"))
        with TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False) as client:
            yield client


def body(item_id="f-dose", decision="reject", **more):
    return {"item": "fact", "item_id": item_id, "decision": decision, "reason": "wrong_dose", **more}


def journal(run_folder):
    path = run_folder / "reviews" / "li.jsonl"
    return read_journal(path) if path.exists() else []


def test_a_verdict_and_its_undo_arrive_in_the_journal(client, run_folder):
    assert client.post("/api/verdict", json=body(), headers=ORIGIN).json()["simulated"] is True
    assert client.get("/api/item", params={"item": "fact", "item_id": "f-dose"}).json()["own"]["decision"] == "reject"
    assert client.post("/api/undo", json={}, headers=ORIGIN).json()["item_id"] == "f-dose"
    assert client.post("/api/undo", json={}, headers=ORIGIN).json() is None
    assert [line.decision for line in journal(run_folder)] == ["reject", "undo"]


def test_the_queue_says_why_and_the_view_says_from_where(client):
    found = client.get("/api/desk").json()
    assert (found["items"][0]["item_id"], found["items"][0]["detail"]) == ("f-dose", "dose")
    view = client.get("/api/item", params={"item": "sample", "item_id": "s-sign"}).json()
    assert [fact["object"] for fact in view["facts"]] == ["trouble breathing", "finding 0"]
    assert [source["licence"] for source in view["sources"]] == ["Apache-2.0", "HPO licence"]
    assert view["more"] == {"task": "advice", "lang": "en", "split": "train", "family_id": "family-s-sign"}
    fact = client.get("/api/item", params={"item": "fact", "item_id": "f-treat"}).json()
    assert fact["num_samples"] == 2
    assert fact["sources"][0] == {
        "key": "ward notes",
        "name": "ward notes",
        "licence": "unknown",
        "terms": "",
        "version": "",
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"origin": "https://example.org"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({**ORIGIN, "host": "attacker.example"}, 400),
        ({**ORIGIN, "host": "127.0.0.1:9999"}, 400),
        ({**ORIGIN, "content-type": "text/plain"}, 403),
        ({**ORIGIN, "content-type": "application/x-www-form-urlencoded"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/verdict", "/api/undo"])
def test_other_pages_cannot_give_or_take_back_verdicts(client, run_folder, headers, status, path):
    client.post("/api/verdict", json=body(), headers=ORIGIN)
    given = {"content-type": "application/json", **headers}
    import json

    assert client.post(path, content=json.dumps(body("f-sign")), headers=given).status_code == status
    assert [line.item_id for line in journal(run_folder)] == ["f-dose"]


def test_other_names_of_this_address_cannot_read(client):
    assert client.get("/api/desk", headers={"host": "attacker.example:8330"}).status_code == 400
    assert client.get("/api/desk", headers={"origin": "https://example.org"}).status_code == 403
    assert client.get("/api/desk", headers={"host": "localhost:8330"}).status_code == 200


def test_a_body_without_end_is_refused(client, run_folder):
    def endless():
        yield b'{"item":'

    json_type = {**ORIGIN, "content-type": "application/json"}
    assert client.post("/api/verdict", content=endless(), headers=json_type).status_code == 413
    large = body(note="x" * MAX_BODY_BYTES)
    assert client.post("/api/verdict", json=large, headers=ORIGIN).status_code == 413
    assert journal(run_folder) == []


def test_what_is_wrong_is_named_and_what_was_written_is_not_repeated(client, run_folder):
    secret = "Zhang San 110101199003077475"
    answers = [
        client.post("/api/verdict", json=body(reason=secret), headers=ORIGIN),
        client.post("/api/verdict", json=body(decision=secret), headers=ORIGIN),
        client.post("/api/verdict", json=body(reason="unclear", decision="edit", edited="每日一片"), headers=ORIGIN),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert [re.search(r"field '(\w+)'", answer.json()["error"])[1] for answer in answers] == [
        "reason",
        "decision",
        "edited",
    ]
    assert not any("Zhang" in answer.text for answer in answers)
    assert journal(run_folder) == []


def test_an_item_that_is_not_there_is_not_found(client):
    assert client.get("/api/item", params={"item": "fact", "item_id": "nobody"}).status_code == 404


def test_pages_carry_a_policy_that_runs_no_script_of_the_data(client):
    for path in ("/", "/review.css", "/review.js"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/docs").status_code == 404


def test_content_that_looks_like_markup_travels_as_json(client):
    answer = client.get("/api/item", params={"item": "sample", "item_id": "s-script"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["answer"] == SCRIPT


def test_the_page_asks_nothing_of_other_machines_and_writes_no_markup():
    for path in ("review.html", "review.css", "review.js"):
        text = (PAGE / path).read_text(encoding="utf-8")
        assert not re.search(r"https?://|//cdn|@import", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|style=|onclick=", text), path


def test_every_word_of_the_page_is_there_in_both_languages():
    words = page_words()
    for section, rows in words.items():
        assert all(set(row) == {"en", "zh"} and all(row.values()) for row in rows.values()), section
    text = (PAGE / "review.html").read_text(encoding="utf-8") + (PAGE / "review.js").read_text(encoding="utf-8")
    named = set(re.findall(r"data-word=\"(\w+\.\w+)\"|(?:word|heading)\(\"(\w+\.\w+)\"", text))
    named = {one or other for one, other in named}
    assert len(named) > 40
    assert {name for name in named if name.split(".")[1] not in words[name.split(".")[0]]} == set()
    for stratum in ("safety", "high_loss", "disagreement", "random"):
        assert stratum in words["stratum"]


def test_every_reason_has_a_digit_on_the_keyboard():
    for decision in ("edit", "reject", "escalate"):
        reasons = [one for one in all_reasons().values() if decision in one.decisions]
        assert 3 <= len(reasons) <= 9
        assert reasons[-1].key == "other"


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_stand_out_as_much_as_wcag_asks():
    text = (PAGE / "review.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", text))
    on_white = [colours[name] for name in ("ink", "soft", "accept", "edit", "reject", "escalate")]
    for one in on_white:  # as text on the page, and white on it in buttons
        for ground in (colours["paper"], colours["wash"]):
            lighter, darker = sorted([luminance(one), luminance(ground)], reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (one, ground)
