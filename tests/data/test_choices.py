"""Options give nothing away, in either direction, and one of them is right."""

from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.deleak import stems
from clinforge.data.tasks.choices import NUM_OPTIONS, four_options

PROFILES = {
    "Renal cyst": frozenset({"Pain", "Fever"}),
    "Renal stone": frozenset({"Pain", "Vomiting"}),
    "Asthma": frozenset({"Cough", "Wheezing"}),
    "Gout": frozenset({"Pain", "Swelling"}),
    "Mumps": frozenset({"Fever", "Swelling"}),
    "Fever of unknown origin": frozenset({"Fatigue"}),
}


@given(st.sampled_from(sorted(PROFILES)), st.sets(st.sampled_from(["Pain", "Fever", "Cough", "Renal colic", "Rash"])))
def test_no_option_shares_a_stem_with_what_is_shown_and_only_one_can_be_right(answer, shown):
    options = four_options(answer, shown, PROFILES, "en", 0)
    if options is None:
        return
    assert answer in options
    assert len(set(options)) == NUM_OPTIONS
    telling = {stem for finding in shown for stem in stems(finding, "en")}
    assert all(not stems(option, "en") & telling for option in options)
    assert all(option == answer or not shown <= PROFILES[option] for option in options)


def test_a_case_that_names_its_answer_is_not_asked():
    assert four_options("Renal cyst", ["Renal colic"], PROFILES, "en", 0) is None


def test_chinese_names_are_compared_by_their_telling_characters():
    assert stems("肾病综合征", "zh") & stems("肾区疼痛", "zh") == {"肾"}
    assert not stems("急性胃炎", "zh") & stems("急性发作", "zh")


def test_the_nearest_options_fit_best():
    profiles = {"A": frozenset("x"), **{name: frozenset("xy" if name < "F" else "z") for name in "BCDEFGHI"}}
    options = four_options("A", ["x", "w"], profiles, "zh", 0, nearest=4)
    assert options is not None
    assert set(options) <= set("ABCDE")
