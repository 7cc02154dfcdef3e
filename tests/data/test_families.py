"""Families are complete, independent of order, and stable; splits follow families."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.draw import fraction, ordered
from clinforge.data.families import family_ids, shared_key_links, similar_links
from clinforge.data.split import SPLITS, Shares, balanced, split_of

NAMES = st.sampled_from("abcdefgh")
LINKS = st.lists(st.tuples(NAMES, NAMES), max_size=12)
SETS = st.dictionaries(st.text("xyz", min_size=1, max_size=4), st.frozensets(st.integers(0, 8).map(str), min_size=1))


@given(LINKS, st.randoms())
def test_linked_members_share_a_family_whatever_the_order(links, random):
    families = family_ids("abcdefgh", links)
    assert all(families[first] == families[second] for first, second in links)
    shuffled = random.sample(links, len(links))
    assert family_ids("hgfedcba", shuffled) == families


@given(LINKS)
def test_a_new_member_on_its_own_moves_nobody(links):
    before, after = family_ids("abcdefgh", links), family_ids("abcdefghz", links)
    assert {member: after[member] for member in before} == before
    assert after["z"] not in before.values()


@given(SETS, st.sampled_from([0.2, 0.5, 0.6, 1.0]))
def test_similar_links_find_exactly_the_pairs_that_comparing_all_would(features, threshold):
    expected = {
        frozenset(pair)
        for pair in combinations(features, 2)
        if len(features[pair[0]] & features[pair[1]]) >= threshold * len(features[pair[0]] | features[pair[1]])
    }
    assert {frozenset(pair) for pair in similar_links(features, threshold)} == expected


def test_a_common_key_links():
    families = family_ids("abc", shared_key_links({"a": ["E11"], "b": ["I10", "E11"], "c": []}))
    assert families["a"] == families["b"] != families["c"]


def test_shares_are_kept_over_many_families():
    shares = Shares(validation=0.1, test=0.3)
    found = [split_of(str(number), shares, seed=1) for number in range(4000)]
    assert abs(found.count("test") / 4000 - 0.3) < 0.03
    assert abs(found.count("validation") / 4000 - 0.1) < 0.03


@given(st.lists(NAMES, unique=True, min_size=1), st.integers())
def test_a_new_item_does_not_reorder_the_others(items, seed):
    with_new = [item for item in ordered([*items, "z"], seed) if item != "z"]
    assert with_new == ordered(items, seed)


@given(st.text(), st.integers())
def test_fractions_lie_between_zero_and_one(text, seed):
    assert 0 <= fraction(text, seed) < 1


def test_answers_are_chosen_in_turn_until_the_supply_ends():
    labels = {
        f"{label}{number}": label for label, count in {"a": 50, "b": 50, "c": 2}.items() for number in range(count)
    }
    chosen = balanced(labels, 42, labels=labels, keys={item: item for item in labels})
    counts = {label: sum(labels[item] == label for item in chosen) for label in "abc"}
    assert counts == {"a": 20, "b": 20, "c": 2}
    assert set(SPLITS) == {"train", "validation", "test"}
