"""No patient and no family stands in two splits, and added data moves only what it must."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.data.groups import Grouping, keys_of, name_stem, split_by_group
from clinforge.data.split import SPLITS, Shares
from clinforge.errors import InputError
from tests.data.synthetic import document, edited, text

THIRDS = Shares(validation=0.3, test=0.3)
FAMILY = Grouping(by=("patient", "gene", "icd10", "alias", "name"))


def row(number, patient="", **meta):
    return document(number, f"text {number}", patient_id=patient, meta=meta)


def split(rows, grouping=FAMILY, seed=0, previous=None):
    """Split of the rows; one more that falls to training is there, because a split without any is an error."""
    return split_by_group([*rows, TRAINING[seed, "patient" in grouping.by]], grouping, THIRDS, seed, previous)


def _trained(seed, by):
    rows = [document(f"always{n}", "x", patient_id=f"always{n}") for n in range(20)]
    return rows[split_by_group(rows, Grouping(by=by), THIRDS, seed).splits.index("train")]


TRAINING = {(seed, by == "patient"): _trained(seed, (by,)) for seed in range(5) for by in ("patient", "gene")}
KEYS = st.fixed_dictionaries(
    {
        "patient": st.sampled_from(["", "p1", "p2", "p3", "p4"]),
        "gene": st.lists(st.sampled_from(["FBN1", "HTT", "SOD1"]), max_size=2),
        "icd10": st.sampled_from(["", "E11.9", "E11.2", "G10", "g12.2; E11"]),
        "disease": st.sampled_from(["", "Ataxia type 1", "Ataxia type 2", "2型糖尿病", "糖尿病"]),
        "alias": st.sampled_from(["", "Lou Gehrig disease", "ataxia type 1"]),
    }
)
ROWS = st.lists(KEYS, max_size=12)


def made(drawn, start=0):
    return [row(start + n, **keys) for n, keys in enumerate(drawn)]


@settings(deadline=None)
@given(ROWS, st.integers(0, 4), st.sampled_from([("patient",), ("gene", "name"), FAMILY.by]))
def test_rows_with_a_key_in_common_are_in_one_split_and_one_group(drawn, seed, by):
    grouping = FAMILY.model_copy(update={"by": by})
    rows = made(drawn)
    result = split(rows, grouping, seed)
    where, group = defaultdict(set), defaultdict(set)
    for one, found, family in zip(rows, result.splits, result.groups, strict=False):
        for key in keys_of(one, grouping):
            where[key].add(found)
            group[key].add(family)
    assert all(len(splits) == 1 for splits in where.values())
    assert all(len(families) == 1 for families in group.values())


@settings(deadline=None)
@given(ROWS, st.randoms(), st.integers(0, 4))
def test_the_order_of_the_rows_does_not_matter(drawn, random, seed):
    rows = made(drawn)
    shuffled = random.sample(rows, len(rows))
    one, other = split(rows, seed=seed), split(shuffled, seed=seed)
    by_id = dict(zip((r.id for r in shuffled), other.splits, strict=False))
    assert [by_id[r.id] for r in rows] == list(one.splits[: len(rows)])


@settings(deadline=None)
@given(ROWS, ROWS, st.integers(0, 4))
def test_added_rows_move_only_groups_they_are_linked_to_and_merged_ones_go_to_a_split_of_their_parts(drawn, more, seed):
    rows, added = made(drawn), made(more, start=100)
    before, after = split(rows, seed=seed), split([*rows, *added], seed=seed)
    new_groups = set(after.groups[len(rows) : -1])
    parts = defaultdict(set)
    for old_split, old_group, group in zip(before.splits[: len(rows)], before.groups, after.groups, strict=False):
        parts[group].add((old_group, old_split))
    for place in range(len(rows)):
        group = after.groups[place]
        if group not in new_groups:
            assert after.splits[place] == before.splits[place]
        if group in {old for old, _ in parts[group]}:
            assert after.splits[place] in {old_split for old, old_split in parts[group] if old == group}


@settings(deadline=None)
@given(ROWS, ROWS, ROWS, st.integers(0, 4))
def test_with_the_ledger_nothing_ever_moves_away_from_the_test(drawn, more, later, seed):
    rows, ledger, before = [], None, {}
    for start, batch in ((0, drawn), (100, more), (200, later)):
        rows += made(batch, start)
        result = split(rows, seed=seed, previous=ledger)
        now = {one.id: found for one, found in zip(rows, result.splits, strict=False)}
        assert all(SPLITS.index(now[key]) >= SPLITS.index(old) for key, old in before.items())
        ledger, before = result.ledger, now


@settings(deadline=None)
@given(ROWS, ROWS, st.integers(0, 4))
def test_with_the_ledger_only_merged_groups_move(drawn, more, seed):
    rows = made(drawn)
    before = split(rows, seed=seed)
    after = split([*rows, *made(more, start=100)], seed=seed, previous=before.ledger)
    parts = defaultdict(set)
    for old_split, group in zip(before.splits[: len(rows)], after.groups, strict=False):
        parts[group].add(old_split)
    for found, group in zip(after.splits[: len(rows)], after.groups, strict=False):
        assert found == max(parts[group], key=SPLITS.index)
    assert after.report.moved == sum(len(splits) > 1 for splits in parts.values())


def test_more_notes_of_known_patients_never_move_anything():
    rows = [row(n, patient=f"p{n % 70}") for n in range(200)]
    more = [row(1000 + n, patient=f"p{n % 90}", gene="SOD1" if n == 5 else "") for n in range(300)]
    before = split_by_group(rows, Grouping(), THIRDS, 1)
    after = split_by_group([*rows, *more], Grouping(), THIRDS, 1)
    assert after.splits[:200] == before.splits


def test_a_ledger_outlives_the_rows_it_was_made_from():
    tested = next(p for p in (f"number{n}" for n in range(99)) if split([row(1, patient=p)]).splits[0] == "test")
    ledger = split([row(1, patient=tested)]).ledger
    again = split_by_group(
        [row(2, patient=tested), TRAINING[0, True]], Grouping(), Shares(validation=0, test=0), 9, ledger
    )
    assert again.splits[0] == "test"
    assert tested not in str(ledger)


def test_shares_hold_and_sizes_are_reported():
    rows = [row(n, patient=f"p{n // 3}") for n in range(9000)] + [row(9999)]
    report = split_by_group(rows, Grouping(), Shares(validation=0.1, test=0.3), 0).report
    assert report.sizes["test"].rows / 9000 == pytest.approx(0.3, abs=0.03)
    assert report.sizes["validation"].rows / 9000 == pytest.approx(0.1, abs=0.02)
    assert sum(size.rows for size in report.sizes.values()) == 9001
    assert sum(size.groups for size in report.sizes.values()) == 3001
    assert report.largest == 3
    assert report.without_key == 1


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Spinocerebellar ataxia type 3", "spinocerebellar ataxia"),
        ("Charcot-Marie-Tooth disease, type 4B1", "charcot marie tooth disease"),
        ("Diabetes mellitus, Type II", "diabetes mellitus"),
        ("Hepatitis A", "hepatitis"),
        ("2型糖尿病", "糖 尿 病"),
        ("二型糖尿病", "糖 尿 病"),
        ("糖尿病（Ⅱ型）", "糖 尿 病"),
        ("乙型肝炎", "肝 炎"),
        ("三叉神经痛", "三 叉 神 经 痛"),
        ("Type 2", "type 2"),
    ],
)
def test_stems_leave_types_and_numbers_aside(name, stem):
    assert name_stem(name) == stem


def test_links_reach_through_others_and_through_likeness():
    rows = [
        row(1, gene="HTT"),
        row(2, gene=["htt", "SOD1"], icd10="G12.2"),
        row(3, icd10=["G12.9"], disease="Motor neurone disease"),
        row(4, alias="Motor Neurone Disease"),
        row(5, icd10="G10"),
    ]
    groups = split(rows).groups
    assert len(set(groups[:4])) == 1
    assert groups[4] not in groups[:4]
    alike = Grouping(by=("alike",), features="symptoms")
    rows = [row(1, symptoms=["发热", "咳嗽"]), row(2, symptoms="咳嗽；发热；乏力"), row(3, symptoms=["头痛"]), row(4)]
    groups = split(rows, alike).groups
    assert groups[0] == groups[1]
    assert len(set(groups[:4])) == 3


def test_texts_that_are_alike_are_one_group():
    original = text(1, 60)
    rows = [document(1, original), document(2, edited(original, 3, 0)), document(3, text(2, 60))]
    groups = split_by_group([*rows, TRAINING[0, True]], Grouping(by=("alike",)), THIRDS, 0).groups
    assert groups[0] == groups[1] != groups[2]


def test_nothing_to_split_and_nothing_to_train_on_are_errors():
    with pytest.raises(InputError, match="no documents"):
        split_by_group([], Grouping(), THIRDS, 0)
    nearly_none = Shares(validation=0.5, test=0.49)
    with pytest.raises(InputError, match="None of the 1 groups fell to training"):
        split_by_group([row(1, patient="p")], Grouping(), nearly_none, 0)
