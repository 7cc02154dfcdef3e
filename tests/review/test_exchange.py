"""Files to review in elsewhere: nothing is lost on the way there and back, and a bad row is named."""

import json
import xml.etree.ElementTree as ET

import pytest

from clinforge.cli.main import main
from clinforge.errors import InputError, UserError
from clinforge.records import Verdict
from clinforge.review.decisions import all_reasons
from clinforge.review.desk import open_round
from clinforge.review.exchange import export, take_in
from clinforge.review.settings import ExchangeSettings
from clinforge.verdicts import read_journal, standing
from tests.review.conftest import FACTS, SAMPLES, SCRIPT, verdict, write_dataset

FORMATS = ("jsonl", "label_studio", "argilla")
GIVEN = [
    verdict("f-dose", "reject", reason="wrong_dose", note='a "quote",\n备注 ' + SCRIPT),
    verdict("f-sign"),
    verdict("f-treat", "edit", edited="bed rest\nand water", simulated=False),
    verdict("s-choice", "edit", edited="Eye", blind=False),
    verdict("s-5", "escalate", reason="specialist", at="2026-02-03T04:05:06.789+08:00"),
]


def exchange(tmp_path, format_="jsonl", **changes):
    fields = {"reviewer": "li", "file": tmp_path / f"out.{format_}", "format": format_, "random_share": 1, **changes}
    return ExchangeSettings.model_validate(fields)


def journal(folder, reviewer="li"):
    return folder / f"{reviewer}.jsonl"


def filled(folder, lines=GIVEN):
    folder.mkdir(exist_ok=True)
    journal(folder).write_text("".join(line.model_dump_json() + "\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_round_trip_loses_nothing(run_folder, tmp_path, format_):
    filled(run_folder / "reviews")
    there = exchange(tmp_path, format_)
    assert export(run_folder, there) == len(open_round(run_folder, there).entries)
    back = exchange(tmp_path, format_, reviews=tmp_path / "elsewhere")
    found = take_in(run_folder, back)
    assert (found.new, found.known, found.faults) == (len(GIVEN), 0, ())
    assert standing(read_journal(journal(tmp_path / "elsewhere"))) == standing(GIVEN)
    assert take_in(run_folder, back)[:2] == (0, len(GIVEN))
    assert len(read_journal(journal(tmp_path / "elsewhere"))) == len(GIVEN)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_item_goes_out_with_its_text_and_its_reason_and_nothing_of_the_others(run_folder, tmp_path, format_):
    filled(run_folder / "reviews")
    journal(run_folder / "reviews").rename(journal(run_folder / "reviews", "wang"))
    text = journal(run_folder / "reviews", "wang").read_text(encoding="utf-8").replace('"li"', '"wang"')
    journal(run_folder / "reviews", "wang").write_text(text, encoding="utf-8")
    there = exchange(tmp_path, format_, reviewers=["li", "wang"], double_share=1.0)
    export(run_folder, there)
    written = there.file.read_text(encoding="utf-8")
    assert "每日一片" in written
    assert "trouble breathing" in written
    assert "dose" in written
    assert "bed rest" not in written
    assert "备注" not in written


def test_only_ones_own_share_goes_out(run_folder, tmp_path):
    counts = [
        export(run_folder, exchange(tmp_path, reviewer=name, reviewers=["li", "wang"], double_share=0))
        for name in ("li", "wang")
    ]
    assert sum(counts) == len(open_round(run_folder, exchange(tmp_path)).entries)
    assert min(counts) > 20


def test_the_labelling_interface_offers_every_decision_and_reason(run_folder, tmp_path):
    export(run_folder, exchange(tmp_path, "label_studio"))
    root = ET.fromstring((tmp_path / "out.xml").read_text(encoding="utf-8"))
    choices = {one.get("name"): [row.get("value") for row in one] for one in root.iter("Choices")}
    assert choices == {"decision": ["accept", "edit", "reject", "escalate"], "reason": list(all_reasons())}
    assert {one.get("name") for one in root.iter("TextArea")} == {"edited", "note"}
    used = {one.get("value").lstrip("$") for one in root.iter() if (one.get("value") or "").startswith("$")}
    assert used <= json.loads((tmp_path / "out.label_studio").read_text(encoding="utf-8"))[0]["data"].keys()


def test_what_label_studio_hands_back_is_understood(run_folder, tmp_path):
    def choice(name, value):
        return {"id": "x", "from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [value]}}

    def annotation(user, *result, **more):
        at = {"created_at": "2026-03-09T22:16:08.728353Z", "updated_at": "2026-03-09T22:17:00.000000Z"}
        return {"id": 1, "completed_by": user, "result": list(result), "was_cancelled": False, **at, **more}

    def task(item_id, *annotations):
        item = "fact" if item_id.startswith("f-") else "sample"
        return {"id": 7, "data": {"item": item, "item_id": item_id, "text": "..."}, "annotations": list(annotations)}

    rejects = [choice("decision", "reject"), choice("reason", "not_true")]
    tasks = [
        task("f-dose", annotation(1, *rejects), annotation(2, choice("decision", "accept"))),
        task("f-sign", annotation({"id": 1, "email": "li@example.org"}, choice("decision", "accept"))),
        task("s-5", annotation(1, choice("decision", "accept"), was_cancelled=True)),
        task("s-6", annotation(2, choice("decision", "accept"))),
        task("s-7"),
    ]
    path = tmp_path / "out.label_studio"
    path.write_text(json.dumps(tasks, indent=2), encoding="utf-8")
    found = take_in(run_folder, exchange(tmp_path, "label_studio"))
    assert found.new == 2
    assert [fault.partition(": ")[0].rpartition("/")[2] for fault in found.faults] == [
        "out.label_studio:2 field 'annotations'"
    ]
    found = take_in(run_folder, exchange(tmp_path, "label_studio", annotator="1"))
    assert (found.new, found.known, found.faults) == (1, 1, ())
    line = standing(read_journal(journal(run_folder / "reviews")))["fact", "f-dose"]["li"]
    assert (line.decision, line.reason, line.at) == ("reject", "not_true", "2026-03-09T22:17:00.000000Z")


def test_responses_of_several_argilla_users_are_told_apart(run_folder, tmp_path):
    def record(item_id, *responses):
        by = {"decision": [{"value": value, "user_id": user} for user, value in responses]}
        return {"id": f"fact:{item_id}", "fields": {"text": "..."}, "metadata": {}, "responses": by, "vectors": {}}

    records = [record("f-dose", ("u1", "accept"), ("u2", "accept")), record("f-sign", ("u1", "accept")), record("f-0")]
    (tmp_path / "out.argilla").write_text(json.dumps(records), encoding="utf-8")
    found = take_in(run_folder, exchange(tmp_path, "argilla"))
    assert (found.new, len(found.faults)) == (1, 1)
    assert "field 'responses': of 2 users" in found.faults[0]
    assert take_in(run_folder, exchange(tmp_path, "argilla", annotator="u2")).new == 1


def row(item_id, **changes):
    given = {"decision": "reject", "reason": "not_true", **changes.pop("verdict", {})}
    return {"item": "fact" if item_id.startswith("f-") else "sample", "item_id": item_id, "verdict": given, **changes}


def test_a_bad_row_is_named_by_file_line_and_field_and_the_rest_goes_on(run_folder, tmp_path):
    rows = [
        row("f-dose"),
        row("f-none"),
        row("f-sign", verdict={"decision": "maybe"}),
        row("f-sign", verdict={"reason": "because"}),
        row("f-sign", verdict={"decision": "edit"}),
        row("f-sign", verdict={"reviewer": "wang"}),
        row("f-sign", verdict={"at": "yesterday"}),
        row("f-sign", verdict={"decision": "undo", "reason": ""}),
        row("f-sign", verdict={"colour": "red"}),
        row("f-sign", item="thing"),
        row("f-sign", verdict={}) | {"verdict": "reject"},
        row("f-sign", verdict={"decision": ""}),
        row("f-treat"),
    ]
    text = "".join(json.dumps(one) + "\n" for one in rows) + "{broken\n"
    (tmp_path / "out.jsonl").write_text(text, encoding="utf-8")
    found = take_in(run_folder, exchange(tmp_path))
    assert found.new == 2
    places = [fault.partition(": ")[0].rpartition("/")[2] for fault in found.faults]
    fields = ["item_id", "decision", "reason", "edited", "reviewer", "at", "decision", "colour", "item", "verdict"]
    assert places == [f"out.jsonl:{n} field '{field}'" for n, field in enumerate(fields, start=2)] + [
        "out.jsonl:14 column 2"
    ]
    assert [line.item_id for line in read_journal(journal(run_folder / "reviews"))] == ["f-dose", "f-treat"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "holds no verdict"),
        ('{"a": 1}', "must be a JSON list"),
        ('[\n{"data": {}},\n{"data": ]', r"out\.label_studio:3: not JSON"),
        ('[{"data": {}}', "was cut off"),
        ('[3, {"data": 4}]', r"First fault: .*out\.label_studio:1: an item must be a JSON object"),
        ("", "must be a JSON list"),
    ],
)
def test_a_file_without_verdicts_is_an_error_that_says_why(run_folder, tmp_path, text, message):
    (tmp_path / "out.label_studio").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        take_in(run_folder, exchange(tmp_path, "label_studio"))


def test_a_file_that_is_not_there_is_named(run_folder, tmp_path):
    for format_ in FORMATS:
        with pytest.raises(InputError, match=f"out.{format_}"):
            take_in(run_folder, exchange(tmp_path, format_))


def test_an_empty_queue_is_said_to_be_empty(tmp_path):
    harmless = [fact for fact in FACTS if fact.predicate == "symptom"]
    dataset = write_dataset(tmp_path / "run" / "dataset", SAMPLES[10:11], harmless)
    with pytest.raises(UserError, match="Nothing is assigned to li"):
        export(dataset, exchange(tmp_path, random_share=0))


def test_the_verbs_say_what_they_did(run_folder, tmp_path, capsys):
    path = tmp_path / "mine.jsonl"
    words = [str(run_folder), "reviewer=li", f"file={path}"]
    assert main(["review", "export", *words]) == 0
    assert f"items for li in {path}" in capsys.readouterr().out
    first = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    first["verdict"] |= {"decision": "reject", "reason": "wrong_dose"}
    path.write_text(json.dumps(first) + "\n{}\n[]\n", encoding="utf-8")
    assert main(["review", "import", *words]) == 0
    told = capsys.readouterr()
    assert "1 verdicts taken in, 0 known already, 1 rows set aside" in told.out
    assert "mine.jsonl:3" in told.err
    assert main(["review", "import", *words, "format=csv"]) == 2
    assert "format" in capsys.readouterr().err
    (line,) = read_journal(journal(run_folder / "reviews"))
    assert isinstance(line, Verdict)
    assert line.item_id == "f-dose"
