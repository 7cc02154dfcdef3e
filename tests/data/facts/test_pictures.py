"""Cases are distinct, keep to what the source says, and run out exactly when the facts do."""

from collections import Counter
from itertools import islice
from math import comb

from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.data.facts.index import Edge
from clinforge.data.facts.pictures import distinct_cases, every_case, picture_of, take_turns

LETTERS = "abcdefghijkl"


def finding(name, **more):
    return Edge("finding", "Pox", "has_finding", name, "en", "ours", "Pox", name, **more)


def who(sex=None, ages=None):
    return Edge("people", "Pox", "people", f"{sex} {ages}", "en", "ours", "Pox", "x", sex=sex, ages=ages)


def picture(*edges):
    return picture_of("Pox", edges, ["Pox"])


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 7), st.integers(1, 3), st.integers(1, 4), st.integers(0, 5))
def test_exactly_as_many_distinct_cases_as_the_facts_allow(num_findings, fewest, num_years, seed):
    own = picture(*map(finding, LETTERS[:num_findings]), who("female", (30, 29 + num_years)))
    sizes = range(fewest, fewest + 2)
    cases = list(distinct_cases(own, sizes, seed))
    assert len({case.key for case in cases}) == len(cases)
    assert len(cases) == num_years * sum(comb(num_findings, size) for size in sizes)
    assert cases == list(distinct_cases(own, sizes, seed))


def test_without_a_stated_sex_or_age_both_sexes_occur_and_no_age():
    cases = list(distinct_cases(picture(*map(finding, "abcd")), [2], 0))
    assert Counter(case.sex for case in cases) == {"female": 6, "male": 6}
    assert {case.age for case in cases} == {None}


def test_sex_and_ages_stay_within_what_is_stated():
    edges = [*map(finding, "abcdef"), finding("g", sex="male"), who("male", (5, 7)), who("female", (60, 61))]
    for case in distinct_cases(picture(*edges), [2, 3], 1):
        assert (case.sex, case.age) in {("male", 5), ("male", 6), ("male", 7), ("female", 60), ("female", 61)}
        assert case.sex == "male" or "g" not in case.names


def test_findings_come_as_often_as_the_source_says():
    edges = [finding(letter, share=share) for letter, share in zip(LETTERS, [0.9, 0.5, 0.1] * 4, strict=True)]
    first = list(islice(distinct_cases(picture(*edges, who("male", (20, 80))), [3, 4], 3), 600))
    counts = Counter(name for case in first for name in case.names)
    frequent, middling, rare = (sum(counts[name] for name in LETTERS[place::3]) for place in range(3))
    assert frequent > 1.5 * middling > 3 * rare > 0


def test_no_finding_stands_beside_a_more_general_name_of_it():
    names = ("Muscle weakness", "Generalized muscle weakness", "Spots", "Fever")
    for case in every_case(picture(*map(finding, names)), [2, 3]):
        assert not set(names[:2]) <= case.names


def test_a_finding_that_names_the_disease_is_never_told():
    own = picture_of("Pox", map(finding, ("Poxes of the nose", "Spots")), ["Great pox", "Pox"])
    assert own.names == {"Spots"}
    assert picture_of("Pox", [finding("Pox")], ["Pox"]) is None


def test_a_case_is_never_made_of_test_results_alone():
    own = picture(finding("a"), finding("b", test=True), finding("c", test=True))
    assert {case.names for case in distinct_cases(own, [1, 2], 0)} == {
        frozenset("a"), frozenset("ab"), frozenset("ac"),
    }  # fmt: skip


def test_turns_are_taken_until_every_stream_has_ended():
    assert list(take_turns(map(iter, ("abcd", "", "x")))) == ["a", "x", "b", "c", "d"]
