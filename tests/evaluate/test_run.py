import json
import random

import pytest

from clinforge.errors import InputError, StageError
from clinforge.evaluate.compare import compare
from clinforge.evaluate.results import Evaluation, TaskInfo, Words
from clinforge.evaluate.run import Exam, evaluate
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.model.scripted import ScriptedModel
from clinforge.records import Score, read_jsonl
from tests.evaluate.conftest import advice, department

SETTINGS = EvaluateSettings(resamples=300, free_text_items=5)


def by_other(comparison):
    return {difference.other: difference for difference in comparison.differences}


def test_the_better_model_is_called_better_and_the_rest_is_null(exam, systems, tmp_path):
    found = evaluate(exam, systems, SETTINGS, tmp_path)
    choice, free = found.comparisons
    assert [result.system for result in choice.systems] == ["base", "tuned", "control", "majority", "lexical", "tfidf"]
    assert (choice.n, choice.families, choice.chance, choice.metric) == (60, 20, 0.25, "accuracy")
    assert choice.systems[1].score.value == 1.0
    differences = by_other(choice)
    assert differences["base"].verdict == differences["majority"].verdict == "better"
    assert differences["base"].only_subject == 45
    assert differences["base"].p_adjusted >= differences["base"].p_value
    assert differences["tfidf"].verdict == differences["lexical"].verdict == "no difference shown"
    assert (free.metric, free.n, free.info.kind, free.chance) == ("f1", 5, "probe", None)
    assert by_other(free)["base"].p_value is None
    assert by_other(free)["base"].verdict == "better"


def test_files_hold_what_is_returned(exam, systems, tmp_path):
    found = evaluate(exam, systems, SETTINGS, tmp_path)
    assert Evaluation.model_validate_json((tmp_path / "evaluation.json").read_text()) == found
    scores = list(read_jsonl(tmp_path / "scores.jsonl", Score))
    assert len(scores) == 60 * 6 + 5 * 3
    assert len(json.loads((tmp_path / "answers.json").read_text())) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.json", "evaluation.json", "scores.jsonl"]


def test_a_killed_run_asks_only_the_missing_systems(exam, systems, tmp_path):
    asked = []

    def counted(name):
        asked.append(name)
        return systems[name]()

    def killed():
        raise KeyboardInterrupt

    partly = {"base": lambda: counted("base"), "tuned": killed}
    with pytest.raises(KeyboardInterrupt):
        evaluate(exam, partly, SETTINGS, tmp_path)
    whole = {name: (lambda name=name: counted(name)) for name in systems}
    found = evaluate(exam, whole, SETTINGS, tmp_path)
    assert asked == ["base", "tuned", "control"]
    (tmp_path / "fresh").mkdir()
    assert found == evaluate(exam, systems, SETTINGS, tmp_path / "fresh")


def test_scores_of_other_questions_or_settings_are_not_reused(exam, systems, tmp_path):
    broken = dict(systems, tuned=lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        evaluate(exam, broken, SETTINGS, tmp_path)
    model = ScriptedModel()
    evaluate(Exam(test=exam.test[1:]), dict(systems, base=lambda: model), SETTINGS, tmp_path)
    assert model.calls > 0


def test_only_one_model_is_alive_at_a_time(exam, tmp_path):
    alive, most = [0], [0]

    class Counted(ScriptedModel):
        def __init__(self):
            super().__init__()
            self.cycle = self
            alive[0] += 1
            most[0] = max(most[0], alive[0])

        def __del__(self):
            alive[0] -= 1

    evaluate(exam, {"base": Counted, "tuned": Counted, "control": Counted}, SETTINGS, tmp_path)
    assert most == [1]


def test_shown_answers_are_chosen_without_looking_and_from_every_task(exam, systems, tmp_path):
    found = evaluate(exam, systems, SETTINGS, tmp_path)
    assert {answer.task for answer in found.answers} == {"department.zh", "advice.en"}
    shuffled = Exam(test=random.Random(1).sample(list(exam.test), len(exam.test)))
    other = evaluate(shuffled, {"tuned": ScriptedModel}, SETTINGS, tmp_path)
    assert [answer.sample_id for answer in other.answers] == [answer.sample_id for answer in found.answers]


def test_confusion_and_calibration_count_every_question(exam, systems, tmp_path):
    found = evaluate(exam, systems, SETTINGS, tmp_path)
    (confusion,) = found.confusions
    assert (confusion.task, confusion.system) == ("department.zh", "tuned")
    assert sum(map(sum, confusion.counts)) == sum(row[place] for place, row in enumerate(confusion.counts)) == 60
    assert [(one.task, one.system) for one in found.calibrations] == [
        ("department.zh", "base"),
        ("department.zh", "tuned"),
        ("department.zh", "control"),
    ]
    assert all(sum(part.n for part in one.bins) == 60 for one in found.calibrations)


def test_a_custom_file_is_asked_beside_the_exam(exam, systems, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"id":"a","prompt":"Which?","choices":["x","yy"],"answer":0}\n{"id":\n')
    found = evaluate(Exam(), systems, SETTINGS.model_copy(update={"tasks": (path,)}), tmp_path)
    (comparison,) = found.comparisons
    assert (comparison.info.name, comparison.info.kind, comparison.n) == ("mine.en", "probe", 1)
    assert by_other(comparison)["base"].verdict == "no difference shown"
    assert len(found.faults) == 1
    assert f"{path}:2" in found.faults[0]


def test_a_custom_file_may_hold_choices_and_free_text(systems, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '{"id":"a","prompt":"Which?","choices":["x","yy"],"answer":0}\n{"id":"b","prompt":"q","reference":"r"}'
    )
    found = evaluate(Exam(), systems, SETTINGS.model_copy(update={"tasks": (path,)}), tmp_path)
    assert [(one.info.name, one.metric, one.n) for one in found.comparisons] == [
        ("mine.en", "accuracy", 1),
        ("mine-text.en", "f1", 1),
    ]


def test_nothing_to_ask_is_an_error(systems, tmp_path):
    with pytest.raises(InputError, match="Nothing to evaluate"):
        evaluate(Exam(), systems, SETTINGS, tmp_path)


def row(system, number, correct):
    return Score(
        sample_id=str(number),
        task="t.en",
        system=system,
        family_id="",
        target="a",
        prediction="a" if correct else "b",
        correct=correct,
    )


INFO = TaskInfo(name="t.en", title=Words(en="T", zh="题"), kind="claim")


def test_systems_that_answered_different_questions_are_not_compared():
    with pytest.raises(StageError, match="same questions"):
        compare([row("base", 1, True), row("tuned", 2, True)], [INFO], {}, SETTINGS)


def test_two_models_of_equal_skill_are_rarely_called_different():
    generator = random.Random(0)
    called = 0
    for _ in range(100):
        rows = [row(system, number, generator.random() < 0.5) for system in ("base", "tuned") for number in range(80)]
        (found,) = compare(rows, [INFO], {}, SETTINGS)
        called += found.differences[0].verdict != "no difference shown"
    assert called <= 10


def test_a_worse_model_is_called_worse():
    rows = [row("base", number, True) for number in range(50)] + [
        row("tuned", number, number > 20) for number in range(50)
    ]
    (found,) = compare(rows, [INFO], {}, SETTINGS)
    assert found.differences[0].verdict == "worse"
    assert found.differences[0].difference.value == pytest.approx(-0.42)


def test_only_claims_share_in_the_correction():
    rows = [row("base", number, number > 9) for number in range(60)] + [
        row("tuned", number, True) for number in range(60)
    ]
    other = [score.model_copy(update={"task": "r.en"}) for score in rows]
    recall = INFO.model_copy(update={"name": "r.en", "kind": "recall"})
    claim, recalled = compare(rows + other, [INFO, recall], {}, SETTINGS)
    assert claim.differences[0].p_adjusted == claim.differences[0].p_value
    assert recalled.differences[0].p_adjusted is None


def test_advice_and_departments_of_the_fixture_differ():
    assert department(0).options
    assert not advice(0).options


def test_a_gain_that_does_not_survive_the_correction_is_null():
    rows = [row("tuned", number, number < 30) for number in range(60)]
    rows += [row("base", number, 8 <= number < 31) for number in range(60)]
    other = [score.model_copy(update={"task": "u.en"}) for score in rows]
    (alone,) = compare(rows, [INFO], {}, SETTINGS)
    both = compare(rows + other, [INFO, INFO.model_copy(update={"name": "u.en"})], {}, SETTINGS)
    assert alone.differences[0].p_value == pytest.approx(2 * 10 / 2**9)
    assert alone.differences[0].verdict == "better"
    assert both[0].differences[0].difference.low > 0
    assert both[0].differences[0].verdict == "no difference shown"
