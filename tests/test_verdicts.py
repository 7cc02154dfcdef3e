"""What verdicts come to: undo, agreement, retirement, and journals that a crash has cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.errors import InputError, MissingError
from clinforge.verdicts import not_undone, outcomes, read_journal, read_verdicts, retired, standing
from tests.review.conftest import verdict

DECISIONS = st.sampled_from(["accept", "edit", "reject", "escalate", "undo"])
LINES = st.lists(
    st.builds(
        lambda item_id, decision, reviewer: verdict(
            item_id, decision, reviewer, edited="new" if decision == "edit" else ""
        ),
        st.sampled_from(["f-1", "f-2", "s-1"]),
        DECISIONS,
        st.sampled_from(["li", "wang", "zhao"]),
    ),
    max_size=12,
)


def decision_of(*lines):
    return outcomes(lines)[0].decision


@given(LINES, st.sampled_from(["f-1", "s-1"]), DECISIONS.filter(lambda one: one != "undo"))
def test_a_verdict_and_its_undo_leave_everything_as_it_was(lines, item_id, decision):
    more = [verdict(item_id, decision), verdict(item_id, "undo")]
    assert not_undone([*lines, *more]) == not_undone(lines)


@given(LINES)
def test_each_reviewers_last_verdict_counts_and_undo_never_does(lines):
    for (item, item_id), by in standing(lines).items():
        for reviewer, one in by.items():
            assert one.decision != "undo"
            assert (one.item, one.item_id, one.reviewer) == (item, item_id, reviewer)


@given(LINES)
def test_nothing_is_retired_that_nobody_rejected_or_corrected(lines):
    gone = retired(lines)
    assert gone.fact_ids <= {one.item_id for one in lines if one.item == "fact" and one.decision in ("reject", "edit")}
    assert gone.sample_ids <= {one.item_id for one in lines if one.item == "sample" and one.decision == "reject"}


@given(LINES, st.permutations(["li", "wang", "zhao"]))
def test_reviewers_are_equal(lines, names):
    other = dict(zip(["li", "wang", "zhao"], names, strict=True))
    renamed = [one.model_copy(update={"reviewer": other[one.reviewer]}) for one in lines]
    assert retired(lines) == retired(renamed)


def test_one_rejection_retires_a_fact_and_a_sample():
    gone = retired([verdict("f-1", "reject"), verdict("s-1", "reject"), verdict("f-2"), verdict("s-2")])
    assert gone == (frozenset({"f-1"}), frozenset({"s-1"}))


def test_a_corrected_fact_is_retired_and_a_corrected_sample_is_not():
    gone = retired([verdict("f-1", "edit", edited="x"), verdict("s-1", "edit", edited="x")])
    assert gone == (frozenset({"f-1"}), frozenset())


def test_what_two_reviewers_disagree_about_stays_in_and_is_escalated():
    lines = [verdict("f-1", "reject"), verdict("f-1", "accept", "wang")]
    assert retired(lines) == (frozenset(), frozenset())
    assert decision_of(*lines) == "escalate"


def test_two_different_edits_are_a_disagreement_and_equal_ones_are_not():
    assert decision_of(verdict("s-1", "edit", edited="x"), verdict("s-1", "edit", "wang", edited="y")) == "escalate"
    assert outcomes([verdict("s-1", "edit", edited="x"), verdict("s-1", "edit", "wang", edited="x")])[0].edited == "x"


def test_of_three_reviewers_two_decide_but_three_opinions_decide_nothing():
    two = [verdict("f-1", "reject"), verdict("f-1", "accept", "wang")]
    assert decision_of(*two, verdict("f-1", "reject", "zhao")) == "reject"
    assert decision_of(*two, verdict("f-1", "escalate", "zhao")) == "escalate"
    assert decision_of(*two, verdict("f-1", "reject", "zhao"), verdict("f-1", "accept", "sun")) == "escalate"


def test_escalating_keeps_a_fact_in():
    assert retired([verdict("f-1", "escalate")]).fact_ids == frozenset()


def test_outcomes_say_who_why_and_whether_it_was_a_trial():
    found = outcomes([verdict("f-1", "reject", simulated=False), verdict("f-1", "reject", "wang", reason="wrong_dose")])
    assert (found[0].reviewers, found[0].reasons, found[0].simulated) == (
        ("li", "wang"),
        ("not_true", "wrong_dose"),
        True,
    )


@pytest.mark.parametrize("kept", [0, 1])
def test_a_journal_cut_at_any_byte_keeps_every_finished_line(tmp_path, kept):
    path = tmp_path / "li.jsonl"
    lines = [verdict("f-1", "reject", note="备注"), verdict("f-2")]
    content = b"".join(one.model_dump_json().encode() + b"\n" for one in lines)
    first = content.index(b"\n") + 1
    for end in range(first, len(content)) if kept else range(first - 1):
        path.write_bytes(content[:end])
        expected = lines if end == len(content) - 1 else lines[:kept]
        assert read_journal(path) == expected


def test_a_broken_line_in_the_middle_stops_the_reading_and_is_named(tmp_path):
    path = tmp_path / "li.jsonl"
    path.write_text(f'{verdict("f-1").model_dump_json()}\n{{"item": "fact"}}\n{verdict("f-2").model_dump_json()}\n')
    with pytest.raises(InputError, match=r"li\.jsonl:2 field 'item_id': Field required"):
        read_journal(path)


def test_a_folder_stands_for_its_journals_and_a_path_that_is_not_there_is_named(tmp_path):
    for name in ("wang", "li"):
        (tmp_path / f"{name}.jsonl").write_text(verdict("f-1", reviewer=name).model_dump_json() + "\n")
    (tmp_path / "li.torn").write_text("rest of a crash")
    assert [one.reviewer for one in read_verdicts([tmp_path])] == ["li", "wang"]
    with pytest.raises(MissingError, match=r"No reviews at .*nowhere"):
        read_verdicts([tmp_path / "nowhere"])
