"""What reviewers reject leaves the dataset, what they edit is replaced, and both can be traced."""

import pytest

from clinforge.artifacts import artifact_key, hash_files, named_files
from clinforge.data.gate import label_of
from clinforge.data.lineage import Lineage, steps_of, trace_row
from clinforge.data.retire import apply_reviews
from clinforge.data.run import build_dataset
from clinforge.data.settings import DataSettings
from clinforge.data.tasks.advice import Advice
from clinforge.errors import GateError, InputError, MissingError
from clinforge.pipeline import Workshop
from clinforge.records import Fact, Sample, read_jsonl
from tests.review.conftest import FACTS, SAMPLES, verdict
from tests.runs import Silent

BY_ID = {fact.id: fact for fact in FACTS}
SMALL = DataSettings(tasks=(Advice(lang="en", num_train=12, num_validation=2, num_test=2),))


def journal(tmp_path, *lines):
    path = tmp_path / "reviews" / "li.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(line.model_dump_json() + "\n" for line in lines), encoding="utf-8")
    return path


def apply(tmp_path, *lines, samples=SAMPLES):
    lineage = Lineage()
    found = apply_reviews(samples, BY_ID, [journal(tmp_path, *lines)], lineage)
    return found, {row.id: row for row in found.samples}, lineage.steps[0]


def test_a_rejected_fact_takes_every_sample_made_from_it_along_in_every_split(tmp_path):
    found, left, step = apply(tmp_path, verdict("f-treat", "reject"))
    assert {row.id for row in SAMPLES} - left.keys() == {"s-test", "s-validation"}
    assert BY_ID.keys() - found.facts.keys() == {"f-treat"}
    assert found.notes["retired"] == {"facts": 1, "samples": 2}
    assert (step.operator, step.taken, step.given) == ("review", len(SAMPLES), len(SAMPLES) - 2)
    assert step.dropped == {"a fact it rests on was rejected or corrected": 2}


def test_a_corrected_fact_does_the_same(tmp_path):
    found, left, _ = apply(tmp_path, verdict("f-dose", "edit", edited="每日两片"))
    assert "s-dose" not in left
    assert found.notes["retired"] == {"facts": 1, "samples": 1}


def test_facts_that_no_sample_needs_any_more_go_and_idle_ones_stay(tmp_path):
    idle = [row for row in SAMPLES if row.id != "s-5"]  # f-5 was never used
    found, _, _ = apply(tmp_path, verdict("s-sign", "reject"), samples=idle)
    assert BY_ID.keys() - found.facts.keys() == {"f-sign", "f-0"}
    assert found.notes["retired"] == {"facts": 0, "samples": 1}


def test_an_edited_sample_is_replaced_under_a_new_id_and_its_parent_is_kept(tmp_path):
    found, left, step = apply(tmp_path, verdict("s-5", "edit", edited="Better."))
    (new,) = left.keys() - {row.id for row in SAMPLES}
    assert "s-5" not in left
    parent = next(row for row in SAMPLES if row.id == "s-5")
    assert left[new].model_copy(update={"id": "s-5", "answer": parent.answer}) == parent
    assert left[new].answer == "Better."
    assert [(one.outcome.item_id, one.replaced_by) for one in found.applied] == [("s-5", new)]
    assert step.dropped == {}
    assert found.notes["reviewed"] == {"edit": 1, "samples replaced": 1, "simulated": 1}


def test_an_edit_may_itself_be_edited_or_rejected_and_circles_end(tmp_path):
    first = verdict("s-5", "edit", edited="Better.")
    _, left, _ = apply(tmp_path, first)
    (new,) = left.keys() - {row.id for row in SAMPLES}
    _, left, _ = apply(tmp_path, first, verdict(new, "edit", edited="Best."))
    assert "Best." in {row.answer for row in left.values()}
    assert "Better." not in {row.answer for row in left.values()}
    found, left, _ = apply(tmp_path, first, verdict(new, "reject"))
    assert len(left) == len(SAMPLES) - 1
    assert {one.outcome.decision for one in found.applied} == {"edit", "reject"}
    _, left, _ = apply(tmp_path, first, verdict(new, "edit", edited="Answer 5."))
    assert len(left) == len(SAMPLES)


def test_an_edit_that_makes_two_rows_equal_keeps_one(tmp_path):
    twin = next(row for row in SAMPLES if row.id == "s-5")
    _, left, _ = apply(tmp_path, verdict("s-5", "edit", edited="Better."))
    (new,) = left.keys() - {row.id for row in SAMPLES}
    better = twin.model_copy(update={"id": new, "answer": "Better."})
    _, left, step = apply(tmp_path, verdict("s-5", "edit", edited="Better."), samples=[*SAMPLES, better])
    assert step.dropped == {"the same as another after its edit": 1}
    assert new in left


def test_what_is_disputed_escalated_or_about_other_data_changes_nothing(tmp_path):
    lines = [
        verdict("f-dose", "reject"),
        verdict("f-dose", "accept", "wang"),
        verdict("s-5", "escalate"),
        verdict("s-elsewhere", "reject"),
        verdict("s-6", "reject"),
        verdict("s-6", "undo"),
    ]
    found, left, _ = apply(tmp_path, *lines)
    assert list(left.values()) == SAMPLES
    assert found.facts == BY_ID
    assert found.notes["retired"] == {"facts": 0, "samples": 0}
    assert found.notes["reviewed"]["escalate"] == 2


def test_a_task_without_samples_left_stops_the_build(tmp_path):
    with pytest.raises(GateError, match=r"reject every sample of advice\.en"):
        apply(tmp_path, *(verdict(row.id, "reject") for row in SAMPLES))


def test_an_unreadable_line_stops_the_build_because_it_may_be_a_rejection(tmp_path):
    path = journal(tmp_path, verdict("f-dose", "reject"))
    path.write_text('{"item": "fact"}\n' + path.read_text(), encoding="utf-8")
    with pytest.raises(InputError, match=r"li\.jsonl:1 field 'item_id'"):
        apply_reviews(SAMPLES, BY_ID, [path], Lineage())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    build_dataset(SMALL, folder, lambda *_: None)
    return folder


def rows(folder):
    return [row for split in ("train", "validation", "test") for row in read_jsonl(folder / f"{split}.jsonl", Sample)]


def test_a_build_without_reviews_is_byte_for_byte_the_same_as_before(built, tmp_path):
    build_dataset(SMALL.model_copy(update={"reviews": (journal(tmp_path),)}), tmp_path / "reviews", lambda *_: None)
    reviewed = hash_files(tmp_path / "reviews")
    assert {name: reviewed[name] for name in ("train.jsonl", "validation.jsonl", "test.jsonl", "facts.jsonl")} == {
        name: content for name, content in hash_files(built).items() if name not in ("gate.json", "lineage.jsonl")
    }
    assert not (built / "reviews.jsonl").exists()


def test_a_built_dataset_obeys_the_reviews_and_every_row_leads_back_to_them(built, tmp_path):
    fact = next(one for one in read_jsonl(built / "facts.jsonl", Fact) if one.predicate == "symptom")
    before = rows(built)
    gone = {row.id for row in before if fact.id in row.fact_ids}
    edited = next(row for row in before if row.id not in gone and row.split == "train")
    answer = "See a doctor. This is not a diagnosis."
    path = journal(
        tmp_path, verdict(fact.id, "reject", item="fact"), verdict(edited.id, "edit", edited=answer), verdict("f-x")
    )
    folder = tmp_path / "next"
    folder.mkdir()
    notes = build_dataset(SMALL.model_copy(update={"reviews": (path,)}), folder, lambda *_: None)
    after = {row.id: row for row in rows(folder)}
    (new,) = after.keys() - {row.id for row in before}
    assert {row.id for row in before} - after.keys() == gone | {edited.id}
    assert notes["retired"] == {"facts": 1, "samples": len(gone)}
    assert sum(notes["samples"]["advice.en"].values()) == len(before) - len(gone)
    assert notes["facts"] == len({one for row in after.values() for one in row.fact_ids})
    assert label_of(after[new]) == "advice.en"
    traced = trace_row(folder, new)
    assert [(row["outcome"]["item_id"], row["replaced_by"]) for row in traced["reviews"]] == [(edited.id, new)]
    assert [step.operator for step in steps_of(folder)][-2:] == ["review", "gate"]
    assert "review" in [step["operator"] for step in traced["operators"]]


def test_an_edit_passes_through_the_gate_like_any_row(built, tmp_path):
    edited = next(row for row in rows(built) if row.split == "train")
    path = journal(tmp_path, verdict(edited.id, "edit", edited="Call me on 13812345678."))
    with pytest.raises(GateError, match="no identifiers"):
        build_dataset(SMALL.model_copy(update={"reviews": (path,)}), tmp_path, lambda *_: None)


def test_a_changed_journal_changes_the_key_and_an_unchanged_one_does_not(tmp_path):
    path = journal(tmp_path, verdict("f-dose"))
    for named in (path, path.parent):
        chosen = SMALL.model_copy(update={"reviews": (named,)})
        journal(tmp_path, verdict("f-dose"))
        first, again = (artifact_key("dataset", chosen.model_dump(mode="json"), named_files(chosen)) for _ in range(2))
        journal(tmp_path, verdict("f-dose", "reject"))
        assert first == again != artifact_key("dataset", chosen.model_dump(mode="json"), named_files(chosen))
    assert named_files(SMALL) == {}
    with pytest.raises(MissingError, match=r"no file or folder at .*gone"):
        named_files(SMALL.model_copy(update={"reviews": (tmp_path / "gone",)}))


def test_the_pipeline_builds_the_dataset_anew_when_a_journal_has_grown(tmp_path):
    path, built = journal(tmp_path, verdict("f-dose")), []

    def build(into):
        built.append(into)
        return {}

    def make():
        Workshop(tmp_path / "run", Silent()).make("dataset", SMALL.model_copy(update={"reviews": (path,)}), (), build)
        return len(built)

    assert [make(), make()] == [1, 1]
    with path.open("a", encoding="utf-8") as file:
        file.write(verdict("f-sign", "reject").model_dump_json() + "\n")
    assert [make(), make()] == [2, 2]
