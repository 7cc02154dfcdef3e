"""The queue holds what matters, in order, the same for everyone, and says why."""

import json
from collections import Counter

import pytest

from clinforge.errors import MissingError, UserError
from clinforge.review.desk import open_round
from clinforge.review.queue import assigned, danger
from clinforge.review.settings import QueueSettings
from tests.review.conftest import FACTS, SAMPLES, sample, write_dataset

STRATA = ("safety", "high_loss", "disagreement", "random")


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def losses(tmp_path):
    return lines(tmp_path / "losses.jsonl", [{"id": row.id, "loss": n / 4} for n, row in enumerate(SAMPLES)])


def test_safety_comes_first_worst_first_then_loss_then_disagreement_then_chance(run_folder, losses):
    listed = lines(losses.with_name("judge.jsonl"), [{"id": "s-7", "why": "the judge says no"}, {"id": "f-9"}])
    chosen = QueueSettings(losses=losses, disagreements=listed, random_share=0.3)
    found = open_round(run_folder, chosen).entries
    assert [row.item_id for row in found[:3]] == ["f-dose", "f-sign", "f-treat"]
    assert [row.detail for row in found[:3]] == ["dose", "emergency_sign", "treatment"]
    order = [STRATA.index(row.stratum) for row in found]
    assert order == sorted(order)
    by = {stratum: [row for row in found if row.stratum == stratum] for stratum in STRATA}
    hardest = sorted(SAMPLES, key=lambda row: -SAMPLES.index(row))[:3]
    assert [row.item_id for row in by["high_loss"]] == [row.id for row in hardest]
    assert {(row.item_id, row.detail) for row in by["disagreement"]} == {
        ("s-same-1", "several_answers"),
        ("s-same-2", "several_answers"),
        ("s-7", "the judge says no"),
        ("f-9", ""),
    }
    assert {row.item for row in by["random"]} == {"fact", "sample"}


def test_no_item_stands_in_the_queue_twice(run_folder, losses):
    found = open_round(run_folder, QueueSettings(losses=losses, high_loss_share=1, random_share=1)).entries
    assert len({row.key for row in found}) == len(found) == len(FACTS) + len(SAMPLES)


def test_the_same_settings_give_the_same_queue_and_another_seed_another(run_folder):
    first, again, other = (
        open_round(run_folder, QueueSettings(random_share=0.5, seed=seed)).entries for seed in (1, 1, 2)
    )
    assert first == again != other


def test_shares_are_kept_to_and_adding_data_moves_nothing(tmp_path):
    many = [sample(f"m-{n}", f"Answer {n}.", ["f-0"]) for n in range(3000)]
    small, large = (write_dataset(tmp_path / str(size), many[:size]) for size in (1500, 3000))
    before, after = (open_round(folder, QueueSettings(random_share=0.05)).entries for folder in (small, large))
    drawn = [row for row in after if row.stratum == "random" and row.item == "sample"]
    assert 100 < len(drawn) < 200  # 150 expected, standard deviation 12
    assert {row.key for row in before} <= {row.key for row in after}


def test_a_share_is_judged_by_two_different_reviewers_and_work_is_even(tmp_path):
    many = [sample(f"m-{n}", f"Answer {n}.", ["f-0"]) for n in range(2000)]
    found = open_round(write_dataset(tmp_path / "d", many), QueueSettings(random_share=1)).entries
    roster = ("li", "wang", "zhao")
    given = {row.key: assigned(row, roster, 0) for row in found}
    twice = [names for names in given.values() if len(names) == 2]
    assert 0.17 < len(twice) / len(found) < 0.23
    assert all(len(set(names)) == len(names) for names in given.values())
    counts = Counter(name for names in given.values() for name in names)
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_a_reviewer_who_joins_takes_items_over_and_nobody_else_does(run_folder):
    for row in open_round(run_folder, QueueSettings(random_share=1)).entries:
        before, after = assigned(row, ("li", "wang"), 0), assigned(row, ("li", "wang", "zhao"), 0)
        assert set(after) - set(before) <= {"zhao"}


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("recommended_dose", "dose"),
        ("Contraindicated-in", "contraindication"),
        ("药物相互作用", "interaction"),
        ("禁忌", "contraindication"),
        ("emergency_sign", "emergency_sign"),
        ("药物治疗", "treatment"),
        ("symptom", ""),
        ("in_organ_system", ""),
        ("就诊科室", ""),
    ],
)
def test_danger_is_told_from_the_relation_in_both_languages(predicate, expected):
    assert danger(predicate) == expected


def test_bad_rows_of_losses_are_named_and_the_rest_goes_on(run_folder, tmp_path):
    rows = [{"id": "s-5", "loss": 2}, {"id": "nobody", "loss": 1}, {"id": "s-6", "loss": "high"}, {"id": "s-7"}]
    path = lines(tmp_path / "losses.jsonl", rows)
    path.write_text(path.read_text() + '{"id": "s-8", "loss": NaN}\n{broken\n', encoding="utf-8")
    work = open_round(run_folder, QueueSettings(losses=path, high_loss_share=1))
    assert [row.item_id for row in work.entries if row.stratum == "high_loss"] == ["s-5"]
    assert [fault.split(": ")[0].rpartition("/")[2] for fault in work.faults] == [
        "losses.jsonl:2 field 'id'",
        "losses.jsonl:3 field 'loss'",
        "losses.jsonl:4 field 'loss'",
        "losses.jsonl:5 field 'loss'",
        "losses.jsonl:6 column 2",
    ]


def test_a_dataset_that_was_changed_by_hand_is_refused(run_folder):
    with (run_folder / "dataset" / "train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match=r"changed after it was made: train\.jsonl"):
        open_round(run_folder, QueueSettings())


def test_where_there_is_no_dataset_it_says_so(tmp_path):
    with pytest.raises(MissingError, match="No dataset at"):
        open_round(tmp_path, QueueSettings())
