"""Our statistics against the reference libraries, and the properties that must hold for any data."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.evaluate import statistics as ours

LABELS = st.sampled_from(["心内科", "儿科", "surgery", "急诊科"])
PAIRS = st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=60)
ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(st.integers(1, 2000), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_equals_scipy(n, data, level):
    successes = data.draw(st.integers(0, n))
    reference = scipy.stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    found = ours.wilson(successes, n, level)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_refuses_nonsense():
    for successes, n in [(0, 0), (3, 2), (-1, 2)]:
        with pytest.raises(ValueError, match="trials"):
            ours.wilson(successes, n, 0.95)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_equals_scipy_binomial(b, c):
    reference = scipy.stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert ours.mcnemar_exact(b, c) == pytest.approx(reference, rel=1e-9)


def test_mcnemar_survives_thousands_of_discordant_pairs():
    assert 0 <= ours.mcnemar_exact(100, 9000) < 1e-300


@given(PAIRS)
def test_classification_scores_equal_sklearn(pairs):
    targets, predictions = zip(*pairs, strict=True)
    reference = {
        average: sklearn.metrics.f1_score(targets, predictions, average=average, zero_division=0)
        for average in ("macro", "weighted")
    }
    assert ours.macro_f1(targets, predictions) == pytest.approx(reference["macro"])
    assert ours.weighted_f1(targets, predictions) == pytest.approx(reference["weighted"])
    recalls = sklearn.metrics.recall_score(
        targets, predictions, labels=sorted(set(targets)), average="macro", zero_division=0
    )
    assert ours.balanced_accuracy(targets, predictions) == pytest.approx(recalls)


@given(ANSWERS)
def test_brier_equals_sklearn(answers):
    sure, right = zip(*answers, strict=True)
    assert ours.brier(sure, right) == pytest.approx(float(np.mean((np.array(sure) - np.array(right)) ** 2)))
    if len(set(right)) == 2:
        assert ours.brier(sure, right) == pytest.approx(sklearn.metrics.brier_score_loss(right, sure))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_equals_its_definition(p_values):
    adjusted = ours.holm(p_values)
    ordered = sorted(p_values)
    for raw, found in zip(p_values, adjusted, strict=True):
        # Holm 1979: the largest of (m - j) * p_(j) over all ranks j up to this one's.
        last = max(place for place, value in enumerate(ordered) if value == raw)
        expected = min(1.0, max((len(ordered) - place) * ordered[place] for place in range(last + 1)))
        assert found <= expected + 1e-12
        assert found >= raw
    assert [adjusted[i] for i in np.argsort(p_values, kind="stable")] == sorted(adjusted)


def test_holm_on_a_worked_example():
    # By hand: 4 x 0.005, then 3 x 0.01, then 2 x 0.03, then 0.04 raised to the one before it.
    assert ours.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert ours.holm([]) == []


@given(ANSWERS, st.integers(1, 15))
def test_reliability_bins_keep_every_answer_and_have_equal_mass(answers, bins):
    sure, right = zip(*answers, strict=True)
    parts = ours.reliability_bins(sure, right, bins)
    sizes = [part.n for part in parts]
    assert sum(sizes) == len(answers)
    assert max(sizes) - min(sizes) <= 1
    assert sum(part.n * part.accuracy for part in parts) == pytest.approx(sum(right))
    assert [part.confidence for part in parts] == sorted(part.confidence for part in parts) or len(parts) == 1
    assert 0 <= ours.expected_calibration_error(sure, right, bins) <= 1


def test_calibration_error_by_hand():
    sure, right = [0.9] * 10 + [0.6] * 10, [True] * 9 + [False] + [True] * 2 + [False] * 8
    assert ours.expected_calibration_error(sure, right, 2) == pytest.approx((0 + 0.4) / 2)


@given(ANSWERS, st.randoms())
def test_risk_and_coverage_do_not_depend_on_the_order_of_rows(answers, random):
    shuffled = random.sample(answers, len(answers))
    assert ours.aurc(*zip(*answers, strict=True)) == pytest.approx(ours.aurc(*zip(*shuffled, strict=True)))
    first, second = (ours.accuracy_at_coverage(*zip(*rows, strict=True), 0.8) for rows in (answers, shuffled))
    assert first == pytest.approx(second)


@given(ANSWERS)
def test_full_coverage_is_accuracy(answers):
    sure, right = zip(*answers, strict=True)
    assert ours.accuracy_at_coverage(sure, right, 1.0) == pytest.approx(sum(right) / len(right))


def test_risk_coverage_by_hand():
    sure, right = [0.9, 0.8, 0.7, 0.6], [True, True, False, True]
    assert ours.aurc(sure, right) == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)
    assert ours.accuracy_at_coverage(sure, right, 0.5) == 1.0
    assert ours.accuracy_at_coverage([0.5] * 100, [True] * 50 + [False] * 50, 0.55) == 0.5
    assert ours.accuracy_at_coverage([i / 100 for i in range(100)], [i == 44 for i in range(100)], 0.55) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.sampled_from("abcdefgh")), min_size=1, max_size=40))
def test_bootstrap_brackets_its_mean_and_repeats(rows):
    values, families = zip(*rows, strict=True)
    found = ours.cluster_bootstrap(values, families, level=0.95, resamples=300, seed=1)
    assert found == ours.cluster_bootstrap(values, families, level=0.95, resamples=300, seed=1)
    assert found.value == pytest.approx(np.mean(values))
    assert -1 <= found.low <= found.high <= 1


def test_bootstrap_of_singletons_equals_scipy():
    values = np.random.default_rng(3).normal(0.2, 0.5, 400)
    reference = scipy.stats.bootstrap((values,), np.mean, method="percentile", n_resamples=9999, rng=1)
    found = ours.cluster_bootstrap(values, [str(i) for i in range(400)], level=0.95, resamples=9999, seed=0)
    assert found.low == pytest.approx(reference.confidence_interval.low, abs=0.004)
    assert found.high == pytest.approx(reference.confidence_interval.high, abs=0.004)


def test_questions_that_stand_and_fall_together_widen_the_interval():
    values = [float(family % 2) for family in range(40) for _ in range(10)]
    families = [str(family) for family in range(40) for _ in range(10)]
    alone = [str(i) for i in range(400)]
    width = {
        name: found.high - found.low
        for name, clusters in (("families", families), ("alone", alone))
        for found in [ours.cluster_bootstrap(values, clusters, level=0.95, resamples=2000, seed=0)]
    }
    assert width["families"] > 2.5 * width["alone"]


def test_one_family_says_nothing_about_variation():
    found = ours.cluster_bootstrap([1.0, 1.0], ["a", "a"], level=0.95, resamples=100, seed=0)
    assert (found.low, found.high) == (-1, 1)


def test_every_question_counts_the_same_whatever_the_size_of_its_family():
    values = [0.0] * 60 + [1.0] * 40
    families = ["a"] * 30 + ["b"] * 30 + list("cdefghijkl") * 4
    found = ours.cluster_bootstrap(values, families, level=0.5, resamples=1000, seed=0)
    assert found.low <= found.value == 0.4 <= found.high  # the mean of family means would be 0.83
