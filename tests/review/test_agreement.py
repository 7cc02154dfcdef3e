"""Agreement equals the published example, the definition and scikit-learn, and says where it means nothing."""

import random
import warnings
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from clinforge.review.agreement import Bootstrap, cohen_kappa, krippendorff_alpha

DECISIONS = ("accept", "edit", "reject", "escalate")
NAMES = ("li", "wang", "zhao")
QUICK = Bootstrap(resamples=100)
RATINGS = st.lists(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(DECISIONS), max_size=3), max_size=25)


def alpha_by_definition(ratings):
    """1 - D_observed / D_expected over all ordered pairs (Krippendorff 2011, 'Computing Alpha-Reliability', C)."""
    units = [list(row.values()) for row in ratings if len(row) > 1]
    values = [value for unit in units for value in unit]
    observed = sum(sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(values)
    expected = sum(a != b for a, b in permutations(values, 2)) / (len(values) * (len(values) - 1))
    return 1 - observed / expected


def test_alpha_of_the_published_example():
    """Krippendorff (2011), 'Computing Krippendorff's Alpha-Reliability', example C: four observers, alpha = 0.743."""
    observers = {"A": "123321412...", "B": "1233224125.3", "C": ".3332342251.", "D": "12332441251."}
    units = [{name: row[at] for name, row in observers.items() if row[at] != "."} for at in range(12)]
    assert krippendorff_alpha(units, QUICK).value == pytest.approx(0.743, abs=5e-4)


def noisy(n, share, seed=0):
    """Two reviewers who decide alike on a share of the items and by chance on the rest."""
    draw = random.Random(seed)
    rows = []
    for _ in range(n):
        first = draw.choice(DECISIONS)
        rows.append({"li": first, "wang": first if draw.random() < share else draw.choice(DECISIONS)})
    return rows


@settings(max_examples=60, deadline=None)
@given(RATINGS)
def test_alpha_is_what_its_definition_gives(ratings):
    found = krippendorff_alpha(ratings, QUICK)
    paired = [row for row in ratings if len(row) > 1]
    assert found.n == len(paired)
    if len({value for row in paired for value in row.values()}) < 2:
        assert found.value is None
        assert found.note
    else:
        assert found.value == pytest.approx(alpha_by_definition(ratings), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(RATINGS)
def test_kappa_is_that_of_scikit_learn(ratings):
    found = cohen_kappa(ratings, "li", "wang", QUICK)
    pairs = [(row["li"], row["wang"]) for row in ratings if {"li", "wang"} <= row.keys()]
    assert found.n == len(pairs)
    assume(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cohen_kappa_score(*zip(*pairs, strict=True))
    if np.isnan(expected):
        assert found.value is None
    else:
        assert found.value == pytest.approx(expected, abs=1e-12)


def test_full_agreement_is_one_and_chance_is_about_nought():
    assert krippendorff_alpha(noisy(50, 1), QUICK).value == 1
    assert abs(krippendorff_alpha(noisy(3000, 0), QUICK).value) < 0.05


def test_the_interval_holds_the_true_value_as_often_as_it_says():
    # Two reviewers who agree on a share s and else draw evenly have alpha = kappa = s in the limit.
    bootstrap = Bootstrap(resamples=300)
    alphas = [krippendorff_alpha(noisy(120, 0.6, seed), bootstrap) for seed in range(200)]
    kappas = [cohen_kappa(noisy(120, 0.6, seed), "li", "wang", bootstrap) for seed in range(200)]
    for found in (alphas, kappas):
        held = sum(one.low <= 0.6 <= one.high for one in found)
        assert 178 <= held <= 198  # 190 expected, standard deviation 3.1; percentile intervals are a little narrow


def test_the_same_seed_gives_the_same_interval_and_more_items_a_narrower_one():
    one, again = (krippendorff_alpha(noisy(60, 0.7), Bootstrap(seed=5)) for _ in range(2))
    assert one == again
    assert krippendorff_alpha(noisy(60, 0.7), Bootstrap(seed=6)) != one
    many = krippendorff_alpha(noisy(600, 0.7), Bootstrap(seed=5))
    assert many.high - many.low < one.high - one.low


def test_too_little_to_say_anything_is_said():
    assert krippendorff_alpha([{"li": "accept"}], QUICK).note == "no item was judged by two"
    assert "only 10 items" in krippendorff_alpha(noisy(10, 0.5), QUICK).note
    assert krippendorff_alpha(noisy(30, 0.5), QUICK).note == ""
    same = krippendorff_alpha([{"li": "accept", "wang": "accept"}] * 40, QUICK)
    assert same.value is None
    assert "only one kind of verdict" in same.note
    nearly = krippendorff_alpha([{"li": "accept", "wang": "reject"}], QUICK)
    assert (nearly.value, nearly.n) == (0, 1)
