import pytest

from clinforge.evaluate.baselines import answer_with_baselines, content
from clinforge.model.prompts import prompts_for
from clinforge.records import Sample
from tests.evaluate.conftest import DEPARTMENTS, advice, department

TEST = [department(number) for number in range(40)]
TRAINING = [department(number, "train") for number in range(60)]


def accuracy(scores, system):
    rows = [score.correct for score in scores if score.system == system]
    assert len(rows) == len(TEST)
    return sum(rows) / len(rows)


def test_each_baseline_reaches_what_it_can():
    scores = answer_with_baselines(TEST, [*TRAINING, department(1, "train")], {"department.zh": lambda s: s.answer})
    assert accuracy(scores, "majority") == 0.25
    assert {score.prediction for score in scores if score.system == "majority"} == {DEPARTMENTS[1]}
    assert accuracy(scores, "tfidf") == 1.0
    assert accuracy(scores, "lexical") == 1.0
    assert accuracy(scores, "lookup") == 1.0


def test_baselines_pick_among_the_samples_own_options():
    narrowed = [sample.model_copy(update={"options": ("其他", sample.answer)}) for sample in TEST]
    scores = answer_with_baselines(narrowed, TRAINING, {"department.zh": lambda _: "不在选项中"})
    assert {score.system for score in scores} == {"majority", "lexical", "tfidf", "lookup"}
    assert all(score.prediction in ("其他", score.target) for score in scores)
    assert accuracy(scores, "tfidf") == 1.0


def test_a_lookup_without_an_answer_falls_back_on_the_majority():
    scores = answer_with_baselines(TEST, [*TRAINING, department(1, "train")], {"department.zh": lambda _: None})
    assert {score.prediction for score in scores if score.system == "lookup"} == {DEPARTMENTS[1]}


def test_without_training_there_is_no_majority_and_no_classifier():
    assert {score.system for score in answer_with_baselines(TEST, [], {})} == {"lexical"}


def test_training_of_another_task_or_language_teaches_nothing():
    foreign = [sample.model_copy(update={"lang": "en"}) for sample in TRAINING]
    assert {score.system for score in answer_with_baselines(TEST, foreign, {})} == {"lexical"}


def test_a_single_answer_in_training_is_no_reason_to_fail():
    scores = answer_with_baselines(TEST, TRAINING[::4], {})
    assert {score.system for score in scores} == {"majority", "lexical"}


def test_free_text_has_no_baseline():
    assert answer_with_baselines([advice(1)], [advice(2)], {}) == []


@pytest.mark.parametrize("use", ["train", "test"])
def test_baselines_read_the_content_without_the_wording(use):
    for prompt in prompts_for("diagnosis", "zh", use):
        conversation = prompt.render(patient_info="男，40岁", symptoms="发热\n咳嗽", test_results="血糖 {7}")
        sample = Sample(
            id="x", task="diagnosis", lang="zh", split=use, prompt=conversation, answer="a", template_id=prompt.id
        )
        assert content(sample) == "男，40岁\n发热\n咳嗽\n血糖 {7}"
