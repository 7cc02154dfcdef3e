"""Tokens keep what changes a statement; runs are sets that do not depend on the process."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.data.shingles import covered, frequent, jaccard, runs, shingles, tokens, whole, within, words_of

TEXT = st.text(st.sampled_from("ab 糖尿。,.1-2+"), max_size=40)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dose 1.5 mg", "Dose 15 mg"),
        ("HBsAg(+)", "HBsAg(-)"),
        ("K < 3.5", "K > 3.5"),
        ("T 2.5", "T -2.5"),
        ("3-5 times", "35 times"),
        ("10⁹/L", "109/L"),
        ("BP 120/80", "BP 12/080"),
        ("不伴发热", "伴发热"),
        ("体重↑", "体重↓"),
    ],
)
def test_signs_that_change_a_statement_are_kept(one, other):
    assert words_of(one) != words_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Well-known  FEVER, cough.", "well known fever cough"),
        ("ＣＴ检查：未见异常。", "CT 检查 未见异常"),
        ("糖 尿 病", "糖尿病"),
        ("3–5 次", "3-5次"),
        ("−2", "-2"),
    ],
)
def test_typography_is_not(one, other):
    assert words_of(one) == words_of(other)


def test_a_text_is_of_the_language_of_its_characters():
    assert tokens("CT检查未见异常").lang == "zh"
    assert tokens("the 糖 test").lang == "en"
    assert tokens("").lang == "en"


@settings(deadline=None)
@given(TEXT, st.integers(1, 5))
def test_runs_are_one_for_each_place_and_a_short_text_is_one(text, length):
    hashes = tokens(text).hashes
    expected = max(len(hashes) - length + 1, min(1, len(hashes)))
    assert len(runs(hashes, length)) == expected


@settings(deadline=None)
@given(TEXT, TEXT, st.integers(1, 4))
def test_jaccard_of_hashes_is_jaccard_of_runs(one, other, length):
    def plain(text):
        words = words_of(text)
        size = min(length, len(words))
        return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)} if words else set()

    first, second = plain(one), plain(other)
    union = len(first | second)
    expected = len(first & second) / union if first and second else 0.0
    found = jaccard(shingles(tokens(one).hashes, length), shingles(tokens(other).hashes, length))
    assert found == pytest.approx(expected)


def test_hashes_are_the_same_on_every_machine():
    assert whole(tokens("fever 38.5 发热").hashes) == 2420559226811304016


@settings(deadline=None)
@given(TEXT, TEXT, st.integers(1, 3))
def test_covered_tokens_are_those_of_common_runs(text, common, length):
    hashes, known = tokens(text).hashes, shingles(tokens(common).hashes, length)
    mask = covered(hashes, length, known)
    found, size = runs(hashes, length), min(length, len(hashes))
    expected = [
        any(int(found[start]) in set(known.tolist()) for start in range(len(found)) if start <= place < start + size)
        for place in range(len(hashes))
    ]
    assert mask.tolist() == expected


def test_frequent_counts_sets_and_within_finds():
    sets = [shingles(tokens(text).hashes, 1) for text in ("a b", "a c", "a b c", "d")]
    common = frequent(sets, 2)
    assert common.tolist() == shingles(tokens("a").hashes, 1).tolist()
    assert within(sets[0], common).sum() == 1
    assert not within(sets[3], common).any()
    assert len(frequent([], 0)) == 0
