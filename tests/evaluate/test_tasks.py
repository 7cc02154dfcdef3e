import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.errors import InputError, StageError
from clinforge.evaluate.scorers import ExactMatch, TokenF1
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.evaluate.tasks import silent
from clinforge.evaluate.tasks.choice import answer_choices
from clinforge.evaluate.tasks.custom import read_custom
from clinforge.evaluate.tasks.free_text import answer_freely
from clinforge.model.scripted import ScriptedModel
from tests.evaluate.conftest import advice, department


def test_the_likeliest_option_is_chosen_with_its_softmax_as_confidence():
    model = ScriptedModel(weigh=lambda _, option: math.log(0.7) if option == "急诊科" else math.log(0.1))
    (score,) = answer_choices(model, [department(2)], "tuned", EvaluateSettings(), silent)
    assert (score.prediction, score.correct, score.task) == ("急诊科", True, "department.zh")
    assert score.confidence == pytest.approx(0.7)


def test_mean_normalisation_forgives_length():
    model = ScriptedModel(weigh=lambda _, option: -2.0 if len(option) == 2 else -2.4)  # per character: -1.0 and -0.8
    chosen = {
        kind: answer_choices(model, [department(0)], "x", EvaluateSettings(normalisation=kind), silent)[0].prediction
        for kind in ("sum", "mean")
    }
    assert chosen["sum"] == "儿科"
    assert chosen["mean"] != "儿科"


def test_a_model_that_knows_nothing_gains_nothing_from_the_position_of_the_answer():
    samples = []
    for number in range(40):
        sample = department(number)
        rest = tuple(option for option in sample.options if option != sample.answer)
        samples.append(sample.model_copy(update={"options": (sample.answer, *rest)}))
    scores = answer_choices(ScriptedModel(weigh=lambda *_: -1.0), samples, "x", EvaluateSettings(), silent)
    assert sum(score.correct for score in scores) == 10


@pytest.mark.parametrize("weight", [math.nan, -math.inf])
def test_unusable_log_probabilities_stop_the_evaluation(weight):
    with pytest.raises(StageError, match="test-0"):
        answer_choices(ScriptedModel(weigh=lambda *_: weight), [department(0)], "x", EvaluateSettings(), silent)


def test_every_sample_is_answered_once_whatever_the_batch_and_progress_ends_full():
    seen = []
    samples = [department(number) for number in range(11)]
    report = lambda *step: seen.append(step)  # noqa: E731
    scores = answer_choices(ScriptedModel(), samples, "base", EvaluateSettings(batch_size=4), report)
    assert sorted(score.sample_id for score in scores) == sorted(sample.id for sample in samples)
    assert [done for _, done, _ in seen] == [4, 8, 11]
    assert seen[-1] == ("base", 11, 11)


def test_free_text_keeps_the_answer_and_a_graded_score():
    model = ScriptedModel(reply=lambda _: " Rest and sleep. Case 1 ")
    exact, partly = answer_freely(
        ScriptedModel(reply=lambda _: "rest AND drink, case 1"), [advice(1)], "x", EvaluateSettings(), silent
    ) + answer_freely(model, [advice(1)], "x", EvaluateSettings(), silent)
    assert (exact.correct, exact.value) == (True, 1.0)
    assert (partly.correct, partly.value) == (False, pytest.approx(0.8))
    assert partly.prediction == "Rest and sleep. Case 1"


@given(st.text(), st.text())
def test_token_f1_is_symmetric_bounded_and_full_only_on_equal_bags(answer, reference):
    score = TokenF1()(answer, reference)
    assert score == TokenF1()(reference, answer)
    assert 0 <= score <= 1
    assert TokenF1()(answer, answer) == 1
    assert ExactMatch()(answer, reference) <= score


def test_chinese_is_compared_by_characters_and_numbers_stay_whole():
    assert TokenF1()("建议看神经内科", "神经内科") == pytest.approx(2 * 4 / (7 + 4))
    assert ExactMatch()("体温 ３８.５ 度。", "体温38.5度") == 1
    assert ExactMatch()("体温<38", "体温≥38") == 0
    assert ExactMatch()("0.5 mg", "05 mg") == 0


def write(path, *lines):
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


GOOD = {"id": "a", "prompt": "Which?", "choices": ["x", "y"], "answer": 1}


def test_both_custom_forms_are_read(tmp_path):
    chat = {"id": 7, "messages": [{"role": "user", "content": "头痛怎么办？"}], "reference": "休息"}
    samples, faults = read_custom(write(tmp_path / "mine.jsonl", GOOD, chat))
    assert faults == []
    assert [(sample.id, sample.answer, sample.options) for sample in samples] == [
        ("mine/a", "y", ("x", "y")),
        ("mine/7", "休息", ()),
    ]


FAULTS = {
    "not JSON": (b'{"id": "b",', "column"),
    "not UTF-8": (b'{"id": "\xff"}', "UTF-8"),
    "not an object": ([1], "object"),
    "half a surrogate pair": (b'{"id":"b","prompt":"\\ud800","reference":"x"}', "prompt"),
    "deep nesting": (b"[" * 100_000, "nested"),
    "no id": ({"prompt": "q", "reference": "r"}, "id"),
    "repeated id": (GOOD, "id"),
    "unknown field": (GOOD | {"id": "b", "anwser": 1}, "anwser"),
    "answer out of range": (GOOD | {"id": "b", "answer": 2}, "answer"),
    "negative answer": (GOOD | {"id": "b", "answer": -1}, "answer"),
    "answer as text": (GOOD | {"id": "b", "answer": "1"}, "answer"),
    "answer as truth value": (GOOD | {"id": "b", "answer": True}, "answer"),
    "one choice": (GOOD | {"id": "b", "choices": ["x"], "answer": 0}, "choices"),
    "repeated choice": (GOOD | {"id": "b", "choices": ["x", "x "]}, "choices"),
    "choices and reference": (GOOD | {"id": "b", "reference": "y"}, "choices"),
    "no prompt": ({"id": "b", "reference": "r"}, "prompt"),
    "prompt and messages": (GOOD | {"id": "b", "messages": [{"role": "user", "content": "q"}]}, "prompt"),
    "assistant last": ({"id": "b", "messages": [{"role": "assistant", "content": "q"}], "reference": "r"}, "messages"),
}


@pytest.mark.parametrize(("row", "named"), FAULTS.values(), ids=FAULTS.keys())
def test_a_broken_row_is_named_by_line_and_field_and_the_rest_goes_on(tmp_path, row, named):
    path = write(tmp_path / "mine.jsonl", GOOD, row, GOOD | {"id": "c"})
    samples, (fault,) = read_custom(path)
    assert [sample.id for sample in samples] == ["mine/a", "mine/c"]
    assert fault.startswith(f"{path}:2")
    assert named in fault


def test_a_fault_never_repeats_the_text_of_the_row(tmp_path):
    secret = {"id": "b", "prompt": "张三 13800138000", "choices": "张三", "answer": "张三"}
    _, faults = read_custom(write(tmp_path / "mine.jsonl", GOOD, secret))
    assert faults
    assert not any("张三" in fault or "138" in fault for fault in faults)


@pytest.mark.parametrize("lines", [[], [b""], [b"{", b"{"]])
def test_a_file_without_a_usable_row_is_an_error(tmp_path, lines):
    with pytest.raises(InputError, match="no usable row"):
        read_custom(write(tmp_path / "mine.jsonl", *lines))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read_custom(tmp_path / "none.jsonl")
