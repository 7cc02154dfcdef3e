"""Every layout reads as what its rows say, and a row that says nothing definite is named.

All rows here were written for these tests, after the published descriptions of the layouts.
"""

import csv
import io
import json
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.config import parse
from clinforge.data.sources.dialogues import Dialogues
from clinforge.data.sources.layouts import LAYOUTS, names
from clinforge.errors import ConfigError, InputError, MissingError

U, A, S = "user", "assistant", "system"


def write(folder, name, rows, encoding="utf-8"):
    path = folder / name
    if isinstance(rows, str):
        text = rows
    elif name.endswith(".jsonl"):
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    elif name.endswith(".json"):
        text = json.dumps(rows, ensure_ascii=False)
    else:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
        text = buffer.getvalue()
    path.write_bytes(text.encode(encoding))
    return path


def read(path, **settings):
    faults: list[str] = []
    source = Dialogues(path=str(path), **settings)
    return list(source.documents(faults)), faults


def turns(document):
    return [(turn.role, turn.content) for turn in document.conversation]


QUESTION = {"question": "Which organ does example fever touch?", "exp": "It is invented."}
LETTERS = {"A": "skin", "B": "lung", "C": "eye", "D": "ear"}
CHOICE = ([(U, QUESTION["question"]), (A, "lung")], ("skin", "lung", "eye", "ear"))
SAID = [(U, "a"), (A, "b"), (U, "c"), (A, "d")]
LAID_OUT = {
    "alpaca": (
        "alpaca",
        {"instruction": "Explain.", "input": "Fever", "output": "Heat."},
        [(U, "Explain.\nFever"), (A, "Heat.")],
    ),
    "alpaca history": (
        "alpaca",
        {"instruction": "c", "output": "d", "history": [["a", "b"]], "system": "s"},
        [(S, "s"), *SAID],
    ),
    "alpaca marks": ("alpaca", {"instruction": " <user>: a <bot>: b <user>: c", "output": "d"}, SAID),
    "lists of one": ("alpaca", {"instruction": ["a"], "input": "", "output": ["b"]}, SAID[:2]),
    "sharegpt": (
        "sharegpt",
        {"conversations": [{"from": f, "value": v} for f, v in zip(("human", "gpt") * 2, "abcd", strict=True)]},
        SAID,
    ),
    "messages": (
        "messages",
        {"messages": [{"role": "developer", "content": "s"}, *({"role": r, "content": v} for r, v in SAID)]},
        [(S, "s"), *SAID],
    ),
    "parts": (
        "messages",
        {"messages": [{"role": U, "content": [{"type": "text", "text": "a"}]}, {"role": A, "content": "b"}]},
        SAID[:2],
    ),
    "prompt": ("prompt_completion", {"prompt": "a", "completion": "b"}, SAID[:2]),
    "prompt messages": (
        "prompt_completion",
        {"prompt": [{"role": U, "content": "a"}], "completion": [{"role": A, "content": "b"}]},
        SAID[:2],
    ),
    "question": ("question_answer", {"question": "a", "answer": "b", "focus": "f"}, SAID[:2]),
    "title": ("question_answer", {"title": "t", "ask": "a", "answer": "b"}, [(U, "t\na"), (A, "b")]),
    "reasoning": (
        "reasoning",
        {"Question": "a", "Complex_CoT": "so", "Response": "b"},
        [(U, "a"), (A, "<think>\nso\n</think>\n\nb")],
    ),
    "note": (
        "dialogue_note",
        {"ID": "1", "section_header": "CC", "section_text": "b", "dialogue": "Doctor: a"},
        [(U, "Doctor: a"), (A, "b")],
    ),
}


@pytest.mark.parametrize("name", LAID_OUT)
def test_a_layout_is_found_and_read(tmp_path, name):
    layout, row, expected = LAID_OUT[name]
    path = write(tmp_path, "set.json", [row])
    (found,) = Dialogues(path=str(path)).detect()
    (document,), faults = read(path)
    assert (found.layout, found.confidence, faults) == (layout, 1.0, [])
    assert turns(document) == expected
    assert document.text == "\n".join(content for _, content in expected)


CHOICES = {
    "MedQA": QUESTION | {"answer": "lung", "options": LETTERS, "answer_idx": "B", "meta_info": "step1"},
    "MedQA list": QUESTION | {"answer": "lung", "options": [{"key": k, "value": v} for k, v in LETTERS.items()]},
    "CMB": QUESTION | {"option": LETTERS | {"E": ""}, "answer": "B", "exam_type": "invented"},
    "custom": QUESTION | {"choices": list(LETTERS.values()), "answer": "lung"},
    "hub": QUESTION | {"choices": {"label": list(LETTERS), "text": list(LETTERS.values())}, "answer": "(b)"},
    "columns": QUESTION | {f"option_{key.lower()}": text for key, text in LETTERS.items()} | {"answer": "B"},
    "letters": QUESTION | LETTERS | {"answer": "B"},
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_question_ends_with_one_of_its_options(tmp_path, name):
    (document,), faults = read(write(tmp_path, "set.jsonl", [CHOICES[name]]))
    assert (turns(document), document.options) == CHOICE
    assert faults == []


def medmcqa(answers):
    options = dict(zip(("opa", "opb", "opc", "opd"), LETTERS.values(), strict=True))
    return [QUESTION | options | {"cop": answer, "subject_name": "Invented"} for answer in answers]


@pytest.mark.parametrize(("answers", "expected"), [([2, 3, 0], "ceylu"), ([2, 3, 4], "lye")])
def test_numbered_answers_count_from_where_the_file_shows(tmp_path, answers, expected):
    documents, _ = read(write(tmp_path, "set.json", medmcqa(answers)))
    first = 0 if 0 in answers else 1
    assert [turns(d)[-1][1] for d in documents] == [list(LETTERS.values())[answer - first] for answer in answers]


def test_the_whole_file_is_asked_where_its_head_does_not_tell_how_answers_count(tmp_path):
    path = write(tmp_path, "set.json", medmcqa([1, 2] * 100 + [4]))
    (found,) = Dialogues(path=str(path)).detect()
    assert (found.answers, found.first_option) == ("index", 1)
    assert turns(read(path)[0][0])[-1] == (A, "skin")


def test_a_file_that_never_tells_how_its_answers_count_asks(tmp_path):
    path = write(tmp_path, "set.json", medmcqa([1, 2, 3]))
    with pytest.raises(InputError, match="first_option: 0"):
        read(path)
    assert turns(read(path, first_option=1)[0][0])[-1] == (A, "skin")
    assert turns(read(path, first_option=0)[0][0])[-1] == (A, "lung")


def test_blood_groups_are_texts_where_other_rows_answer_in_texts(tmp_path):
    groups = {"question": "Which group?", "choices": ["AB", "B", "A", "O"], "answer": "A"}
    words = {"question": "Which organ?", "choices": ["skin", "lung"], "answer": "lung"}
    documents, _ = read(write(tmp_path, "set.json", [groups, words, words]))
    assert turns(documents[0])[-1] == (A, "A")
    assert documents[0].options == ("AB", "B", "A", "O")


def test_a_table_of_mmlu_needs_no_header(tmp_path):
    rows = '"Which organ, if any?",skin,lung,eye,ear,B\nWhich group?,A,B,AB,O,D\n'
    documents, faults = read(write(tmp_path, "exam_test.csv", rows))
    assert [turns(document)[-1][1] for document in documents] == ["lung", "O"]
    assert [document.source_id for document in documents] == ["exam_test.csv:1", "exam_test.csv:2"]
    assert faults == []


def test_pubmedqa_is_read_from_its_one_object_with_the_decision_or_the_conclusion(tmp_path):
    row = {
        "QUESTION": "Does it?",
        "CONTEXTS": ["One.", "Two."],
        "LABELS": ["AIMS"],
        "LONG_ANSWER": "It does.",
        "final_decision": "yes",
    }
    path = write(tmp_path, "set.json", {"17": row, "18": row})
    document = read(path)[0][0]
    assert turns(document) == [(U, "One.\nTwo.\nDoes it?"), (A, "yes")]
    assert document.options == ("yes", "no", "maybe")
    assert document.meta == {"LABELS": ["AIMS"]}
    document = read(path, fields={"answer": "LONG_ANSWER"}, keep=("(key)",))[0][0]
    assert (turns(document)[-1], document.options) == ((A, "It does."), ())
    assert document.meta["(key)"] == "17"


ASKED = [{"role": U, "content": "a"}]
PAIRS = {
    "texts": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "messages": {"chosen": [*ASKED, {"role": A, "content": "b"}], "rejected": [*ASKED, {"role": A, "content": "c"}]},
    "one message": {
        "conversations": [{"from": "human", "value": "a"}],
        "chosen": {"from": "gpt", "value": "b"},
        "rejected": {"from": "gpt", "value": "c"},
    },
    "marks": {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"},
    "prompt repeated": {
        "prompt": "a",
        "chosen": [*ASKED, {"role": A, "content": "b"}],
        "rejected": [*ASKED, {"role": A, "content": "c"}],
    },
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_preference_pair_keeps_the_better_answer_and_the_worse(tmp_path, name):
    (document,), faults = read(write(tmp_path, "set.json", [PAIRS[name]]))
    assert turns(document) == [(U, "a"), (A, "b")]
    assert document.rejected == "c"
    assert faults == []


def test_chatdoctor_is_told_from_alpaca_by_its_one_instruction(tmp_path):
    rows = [{"instruction": "You are a doctor.", "input": f"I cough {i}.", "output": "Rest."} for i in range(12)]
    path = write(tmp_path, "set.json", rows)
    documents, _ = read(path)
    assert Dialogues(path=str(path)).detect()[0].layout == "chatdoctor"
    assert turns(documents[3]) == [(S, "You are a doctor."), (U, "I cough 3."), (A, "Rest.")]
    varied = [row | {"instruction": f"Task {i}."} for i, row in enumerate(rows)]
    assert Dialogues(path=str(write(tmp_path, "b.json", varied))).detect()[0].layout == "alpaca"


BAD = {
    "empty answer": ("output", {"instruction": "a", "output": " "}),
    "no text": ("output", {"instruction": "a", "output": {"x": 1}}),
    "several": ("output", {"instruction": "a", "output": ["x", "y"]}),
    "history": ("history", {"instruction": "a", "output": "b", "history": ["c"]}),
    "surrogate": ("output", {"instruction": "a", "output": "\ud800"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_by_file_place_and_field_and_the_rest_goes_on(tmp_path, name):
    field, row = BAD[name]
    rows = [{"instruction": "secret", "output": "fine"}, row, {"instruction": "more", "output": "fine"}]
    path = tmp_path / "set.json"
    path.write_text(json.dumps(rows))
    documents, faults = read(path)
    assert [document.source_id for document in documents] == ["set.json[0]", "set.json[2]"]
    assert len(faults) == 1
    assert faults[0].startswith(f"{path}[1] field '{field}': ")
    assert "secret" not in faults[0]


BAD_TURNS = {
    "does not end with an answer": [{"from": "human", "value": "a"}],
    "nobody asks": [{"from": "gpt", "value": "a"}],
    "speaker": [{"from": "function_call", "value": "a"}, {"from": "gpt", "value": "b"}],
    "who speaks": [{"value": "a"}],
    "is empty": [{"from": "human", "value": ""}, {"from": "gpt", "value": "b"}],
    "list of messages": "text",
    "midst": [{"from": "human", "value": "a"}, {"from": "system", "value": "s"}, {"from": "gpt", "value": "b"}],
    "picture": [{"from": "human", "value": [{"type": "image_url"}]}, {"from": "gpt", "value": "b"}],
}


@pytest.mark.parametrize("reason", BAD_TURNS)
def test_a_bad_conversation_says_what_is_wrong(tmp_path, reason):
    good = {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
    documents, faults = read(write(tmp_path, "set.jsonl", [good, {"conversations": BAD_TURNS[reason]}]))
    assert len(documents) == 1
    assert ":2 field 'conversations" in faults[0]
    assert reason in faults[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": "ABD"}, "3 right options"),
        ({"answer": "F"}, "none of the options"),
        ({"option": {"A": "x", "B": "x"}}, "different"),
        ({"option": {"A": "x"}, "answer": "A"}, "two or more"),
    ],
)
def test_a_choice_question_without_one_right_option_is_set_aside(tmp_path, change, reason):
    good = CHOICES["CMB"]
    documents, faults = read(write(tmp_path, "set.json", [good, good, good | change]))
    assert len(documents) == 2
    assert reason in faults[0]


def test_pairs_of_equal_answers_or_other_questions_are_set_aside(tmp_path):
    good = PAIRS["messages"]
    other = good | {"rejected": [{"role": U, "content": "other"}, {"role": A, "content": "c"}]}
    documents, faults = read(write(tmp_path, "set.json", [good, good | {"rejected": good["chosen"]}, other]))
    assert len(documents) == 1
    assert "the same" in faults[0]
    assert "another conversation" in faults[1]


def test_gb18030_is_read_and_a_damaged_row_set_aside(tmp_path):
    rows = [
        {"department": "内科", "title": "咳嗽怎么办", "ask": f"咳嗽{i}天了", "answer": "多休息，多喝水。"}
        for i in range(50)
    ]
    path = write(tmp_path, "样例.csv", rows, "gb18030")
    data = bytearray(path.read_bytes())
    place = data.index("咳嗽30天".encode("gb18030"))
    data[place : place + 1] = b"\xff"
    path.write_bytes(bytes(data))
    documents, faults = read(path)
    assert len(documents) == 49
    assert documents[0].lang == "zh"
    assert documents[0].meta == {"department": "内科"}
    assert faults == [f"{path}:32 field 'ask': holds characters that could not be decoded."]


TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1).filter(
    lambda text: "\ufffd" not in text and not text.startswith(("[", "{", "<"))
)


@given(
    st.lists(st.fixed_dictionaries({"question": TEXT, "answer": TEXT}), min_size=1),
    st.sampled_from(["json", "jsonl", "csv"]),
)
def test_what_was_written_is_read_in_every_form(tmp_path_factory, rows, form):
    documents, faults = read(write(tmp_path_factory.mktemp("set"), f"a.{form}", rows), encoding="utf-8")
    assert [turns(d) for d in documents] == [[(U, row["question"]), (A, row["answer"])] for row in rows]
    assert faults == []


def test_what_was_detected_is_said_with_what_else_was_possible(tmp_path):
    rows = [{"prompt": "a", "completion": "b", "question": "c", "answer": "d", "note_id": 1}]
    (found,) = Dialogues(path=str(write(tmp_path, "set.json", rows))).detect()
    assert found.layout == "prompt_completion"
    assert "prompt from 'prompt'" in str(found)
    assert "layout question_answer fits 100% of the rows as well" in str(found)
    assert "not read: question, answer, note_id" in str(found)


def test_a_layout_that_reads_more_columns_has_no_rival_that_reads_fewer(tmp_path):
    for name in ("MedQA", "letters"):
        assert Dialogues(path=str(write(tmp_path, "set.json", [CHOICES[name]]))).detect()[0].ambiguous == ()


def test_layout_and_fields_overrule_what_was_detected(tmp_path):
    path = write(tmp_path, "set.csv", [{"问诊内容": "a", "医生": "b", "note": "x"}])
    with pytest.raises(InputError, match="no question-answer set"):
        read(path)
    documents, _ = read(path, fields={"question": "问诊内容", "answer": "医生"})
    assert turns(documents[0]) == SAID[:2]
    path = write(tmp_path, "bare.tsv", "c\td\ta\n")
    documents, _ = read(path, layout="question_answer", fields={"question": 2, "answer": 0})
    assert turns(documents[0]) == [(U, "a"), (A, "c")]
    path = write(tmp_path, "both.json", [{"prompt": "x", "completion": "y", "question": "a", "answer": "b"}])
    assert turns(read(path, layout="question_answer")[0][0]) == SAID[:2]


def test_a_layout_that_lacks_a_column_names_what_it_needs(tmp_path):
    path = write(tmp_path, "set.json", [{"question": "a", "answer": "b"}])
    with pytest.raises(ConfigError, match=r"instruction: COLUMN, output: COLUMN"):
        read(path, layout="alpaca")


def test_mistakes_in_settings_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"layout: .*Did you mean 'alpaca'"):
        parse(Dialogues, {"path": "x", "layout": "alpacca"}, origin="test")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("words.txt", "发热\t606946\n咳嗽\t580436\n"),
        ("scores.csv", [{"FactualPrecision": "1", "FactualRecall": "0.1"}]),
        ("spans.json", [{"full_text": "secret words", "masked": "x", "spans": []}]),
    ],
)
def test_what_is_no_such_set_says_so_without_quoting_it(tmp_path, name, rows):
    with pytest.raises(InputError, match="is no question-answer set") as caught:
        read(write(tmp_path, name, rows))
    message = str(caught.value)
    assert name in message
    assert "`layout:`" in message
    assert not any(word in message for word in ("发热", "secret"))


def test_in_a_folder_what_is_no_such_set_is_noted_and_left_out(tmp_path):
    write(tmp_path, "a.json", [{"question": "a", "answer": "b"}])
    write(tmp_path, "b.csv", [{"x": "1", "y": "2"}])
    (tmp_path / "c.pdf").write_bytes(b"%PDF")
    (tmp_path / "LICENSE").write_text("free")
    documents, faults = read(tmp_path, source="ours", licence="CC0-1.0")
    assert [(d.source_id, d.source, d.licence) for d in documents] == [("a.json[0]", "ours", "CC0-1.0")]
    assert sorted(fault.split(str(tmp_path))[1][1:6] for fault in faults) == ["b.csv", "c.pdf"]


@pytest.mark.parametrize("content", ["[]", "{}", "", '[{"question": "a", "answer": ""}]'])
def test_nothing_read_is_an_error(tmp_path, content):
    path = tmp_path / "set.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"set\.json"):
        read(path)
    with pytest.raises(MissingError, match="hub:owner/name"):
        read(tmp_path / "nowhere.json")


def fake_datasets(monkeypatch, load):
    module = types.ModuleType("datasets")
    module.load_dataset = load
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_a_set_of_the_hub_is_read_like_a_file(monkeypatch):
    asked = []

    def load(*args, **kwargs):
        asked.append((args, kwargs))
        return [{"question": "a", "answer": "b"}, {"question": "", "answer": "b"}]

    fake_datasets(monkeypatch, load)
    documents, faults = read("hub:owner/name", subset="en", split="test", revision="abc")
    assert asked == [(("owner/name", "en"), {"split": "test", "revision": "abc"})]
    assert [(d.source_id, d.version) for d in documents] == [("hub:owner/name[0]", "abc")]
    assert faults == ["hub:owner/name[1] field 'question': is empty."]


@pytest.mark.parametrize("error", [ConnectionError, FileNotFoundError, ValueError, OSError, RuntimeError])
def test_a_set_that_cannot_be_loaded_says_what_to_do_without_a_network(monkeypatch, error):
    def load(*_args, **_kwargs):
        raise error("Couldn't reach 'owner/name' on the Hub\nwith a long story")

    fake_datasets(monkeypatch, load)
    with pytest.raises(MissingError, match=r"(?s)hub:owner/name could not be loaded.*to_json\('set.jsonl'\)") as caught:
        read("hub:owner/name")
    assert "long story" not in str(caught.value)


def test_without_the_package_the_hub_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingError, match=r"clinforge\[hub\]"):
        read("hub:owner/name")


def test_the_table_of_names_and_the_readers_have_the_same_layouts():
    assert list(names()["layouts"]) == list(LAYOUTS)
