import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.pairs.reply import NOT_JSON, WRONG_SHAPE, Draft, is_readable, read_drafts

ROW = {"question": "Q?", "answer": "A.", "evidence": "E."}
ONE = [Draft("Q?", "A.", "E.")]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ROW]),
        json.dumps(ROW),
        json.dumps({"pairs": [ROW]}),
        f"```json\n{json.dumps([ROW])}\n```",
        f"Here you are:\n{json.dumps([ROW])}\nHope it helps {{}}!"[:-4],
        f"<think>{{...}} hm</think>[{json.dumps(ROW)}]",
        '[{"Question": "Q?", "Answer": "A.", "Evidence": "E.",},]',
        '[{"问题": "Q?", "答案": "A.", "依据": "E."}]',
        json.dumps([ROW])[:-1] + ', {"question": "cut',
        json.dumps(ROW) + "\n" + '{"question": ',
        f"[{json.dumps(ROW)}",
        '{"data": {"nothing": 1}, "pairs": [' + json.dumps(ROW) + "]}",
        '[{"question": "Q?", "answer": "A.", "evidence": "E.", "x": null}]',
    ],
)
def test_pairs_are_found_in_whatever_the_model_wraps_them(text):
    drafts, _ = read_drafts(text)
    assert drafts == ONE
    assert is_readable(text)


@pytest.mark.parametrize("text", ["[]", " [ ] ", "```json\n[]\n```", "<think>nothing to ask</think>\n[]"])
def test_an_empty_list_is_an_answer(text):
    assert read_drafts(text) == ([], {})
    assert is_readable(text)


@pytest.mark.parametrize(
    "text",
    ["", "I cannot do that.", '[{"question": "Q?', "{" * 5000, "Question: Q? Answer: A.", "null", '{"a":' * 3000],
)
def test_a_reply_without_json_is_counted_as_such(text):
    assert read_drafts(text) == ([], {NOT_JSON: 1})
    assert not is_readable(text)


@pytest.mark.parametrize(
    "row",
    [{"question": "Q?", "answer": "A."}, ROW | {"answer": 5}, ROW | {"evidence": ["E."]}, ROW | {"question": " "}],
)
def test_a_pair_of_the_wrong_shape_is_counted_and_the_next_one_read(row):
    assert read_drafts(json.dumps([row, ROW])) == (ONE, {WRONG_SHAPE: 1})


@given(st.text(max_size=300))
def test_no_reply_is_an_accident(text):
    drafts, faults = read_drafts(text)
    assert drafts or faults or "[" in text
