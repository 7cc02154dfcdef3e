"""Targets are met by as many documents as can meet them, or refused with the counts."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clinforge.data.coverage import Coverage
from clinforge.errors import ConfigError
from tests.data.synthetic import document

NAMES = {"internal": "呼吸内科", "surgery": "Urology", "paediatrics": "儿科", "other": "眼科"}
THIRDS = {"internal": 0.3, "surgery": 0.3, "paediatrics": 0.3}


def rows(**counts):
    return [
        document(f"{name}{n}", "x", meta={"department": NAMES[name]})
        for name, count in counts.items()
        for n in range(count)
    ]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=4, max_size=4),
    st.sampled_from([THIRDS, {"internal": 0.5, "other": 0.5}, {"surgery": 0.07}, {}]),
)
def test_targets_are_met_with_the_most_documents_possible_or_refused(counts, targets):
    given_rows = rows(**dict(zip(NAMES, counts, strict=True)))
    have = Counter({name: count for name, count in zip(NAMES, counts, strict=True) if count})

    def possible(total):
        least = {name: -(-round(share * 100) * total // 100) for name, share in targets.items()}
        return sum(least.values()) <= total and all(have[name] >= need for name, need in least.items())

    most = max((total for total in range(1, len(given_rows) + 1) if possible(total)), default=0)
    if not most:
        with pytest.raises(ConfigError):
            Coverage(targets=targets)(given_rows, 0)
        return
    found = Coverage(targets=targets)(given_rows, 0)
    assert len(found.kept) == most
    assert all(found.after.get(name, 0) >= share * most - 1e-9 for name, share in targets.items())
    assert [row.id for row in given_rows if row in found.kept] == [row.id for row in found.kept]
    assert sum(found.dropped.values()) == len(given_rows) - most
    assert found.before == dict(have)


def test_what_is_impossible_is_said_with_the_counts():
    with pytest.raises(ConfigError) as error:
        Coverage(targets=THIRDS, num_rows=100)(rows(internal=500, surgery=200, paediatrics=12, other=90), 0)
    message = str(error.value)
    assert "100 documents need: internal 30, surgery 30, paediatrics 30" in message
    assert "paediatrics 12" in message
    assert "At most 40 documents" in message


def test_a_number_asked_for_is_given():
    found = Coverage(targets=THIRDS, num_rows=50)(rows(internal=500, surgery=200, paediatrics=40, other=90), 0)
    assert len(found.kept) == 50
    assert min(found.after[name] for name in THIRDS) >= 15


def test_departments_of_ones_own_can_be_named():
    coverage = Coverage(targets={"eyes": 0.5}, specialties={"eyes": ("眼科",)})
    assert coverage(rows(internal=9, other=3), 0).after == {"eyes": 3, "internal": 3}


@pytest.mark.parametrize("targets", [{"internal": 0.7, "surgery": 0.4}, {"internal": 0}, {"dentistry": 0.2}])
def test_targets_that_cannot_be_are_refused_when_read(targets):
    with pytest.raises(ValidationError):
        Coverage(targets=targets)


def test_added_documents_change_the_choice_only_by_what_they_displace():
    few, many = rows(internal=100, surgery=30), rows(internal=110, surgery=30)
    coverage = Coverage(targets={"surgery": 0.5})
    first, second = ({row.id for row in coverage(given, 7).kept} for given in (few, many))
    assert len(first & second) >= 50
