"""The statistics behind every number, in numpy alone.

Proportions carry Wilson intervals; two systems are compared on the same questions, with whole families resampled,
because questions about one disease family stand or fall together.
"""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from clinforge.evaluate.results import Bin, Interval

Floats = npt.NDArray[np.float64]


def wilson(successes: int, n: int, level: float) -> Interval:
    """Interval of a proportion that holds its level for small n and near 0 and 1.

    Source: Wilson 1927, JASA 22:209-212, without continuity correction (Brown, Cai, DasGupta 2001, eq. 4).
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes in {n} trials.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(value=share, low=low, high=high)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided p that two systems err equally often, from the questions on which exactly one of them is right.

    Source: McNemar 1947, Psychometrika 12:153-157, in its exact binomial form. Whole-number arithmetic: no rounding.
    """
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**n)


def cluster_bootstrap(
    values: Sequence[float], clusters: Sequence[str], *, level: float, resamples: int, seed: int
) -> Interval:
    """Mean of `values` with a percentile interval from resampling whole clusters with replacement.

    For a paired difference the values are the per-question differences. Fewer than two clusters say nothing about
    variation, so the interval is then all that is possible, -1 to 1. With few (under about 30) clusters percentile
    intervals are somewhat too narrow. Source: Efron & Tibshirani 1993, ch. 13; for evaluations Miller 2024,
    arXiv:2411.00640, sec. 2.2 (clustered questions).
    """
    array: Floats = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    sums: Floats = np.bincount(index, weights=array).astype(np.float64)
    sizes: Floats = np.bincount(index).astype(np.float64)
    if len(sizes) < 2:
        return Interval(value=mean, low=-1.0, high=1.0)
    generator = np.random.default_rng(seed)
    means: list[Floats] = []
    for start in range(0, resamples, 200):  # blocks bound the memory: 200 x clusters
        drawn = generator.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=min(200, resamples - start))
        means.append((drawn @ sums) / (drawn @ sizes))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=mean, low=float(low), high=float(high))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the chance of even one false alarm among all tests.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65-70 (step-down).
    """
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = running
    return adjusted


def macro_f1(targets: Sequence[str], predictions: Sequence[str]) -> float:
    """Mean F1 over all classes seen in targets or predictions; a class without a hit counts 0.

    Source: `sklearn.metrics.f1_score(average="macro", zero_division=0)`, of which this is the definition.
    """
    return float(np.mean([f1 for f1, _ in _f1_by_class(targets, predictions)]))


def weighted_f1(targets: Sequence[str], predictions: Sequence[str]) -> float:
    """Mean F1 over classes, weighted by their number of targets (sklearn's `average="weighted"`)."""
    scores = _f1_by_class(targets, predictions)
    return sum(f1 * support for f1, support in scores) / len(targets)


def _f1_by_class(targets: Sequence[str], predictions: Sequence[str]) -> list[tuple[float, int]]:
    wanted, given = Counter(targets), Counter(predictions)
    hits = Counter(target for target, prediction in zip(targets, predictions, strict=True) if target == prediction)
    return [(2 * hits[name] / (wanted[name] + given[name]), wanted[name]) for name in sorted(wanted | given)]


def balanced_accuracy(targets: Sequence[str], predictions: Sequence[str]) -> float:
    """Mean recall over the classes of the targets. Source: Brodersen et al. 2010, ICPR."""
    wanted = Counter(targets)
    hits = Counter(target for target, prediction in zip(targets, predictions, strict=True) if target == prediction)
    return sum(hits[name] / count for name, count in wanted.items()) / len(wanted)


def reliability_bins(confidences: Sequence[float], correct: Sequence[bool], bins: int) -> list[Bin]:
    """Questions in order of confidence, cut into bins of equal mass (sizes differ by at most one)."""
    sure, right = _as_arrays(confidences, correct)
    order = np.argsort(sure, kind="stable")
    return [
        Bin(n=len(part), confidence=float(sure[part].mean()), accuracy=float(right[part].mean()))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def expected_calibration_error(confidences: Sequence[float], correct: Sequence[bool], bins: int) -> float:
    """Mean distance between confidence and accuracy over equal-mass bins, weighted by size; 0 is calibrated.

    Source: Naeini et al. 2015, AAAI, with the equal-mass bins of Nguyen & O'Connor 2015, EMNLP.
    """
    parts = reliability_bins(confidences, correct, bins)
    return sum(part.n * abs(part.confidence - part.accuracy) for part in parts) / len(confidences)


def brier(confidences: Sequence[float], correct: Sequence[bool]) -> float:
    """Mean squared distance between confidence in the chosen option and its being right. Source: Brier 1950."""
    sure, right = _as_arrays(confidences, correct)
    return float(np.mean((sure - right) ** 2))


def aurc(confidences: Sequence[float], correct: Sequence[bool]) -> float:
    """Area under the risk-coverage curve: mean error rate over all coverages 1/n ... 1; lower is better.

    Source: Geifman, Uziel & El-Yaniv 2019, ICLR (arXiv:1805.08206). Ties share their mean, so order plays no part.
    """
    errors = 1 - _by_falling_confidence(confidences, correct)
    return float(np.mean(np.cumsum(errors) / np.arange(1, len(errors) + 1)))


def accuracy_at_coverage(confidences: Sequence[float], correct: Sequence[bool], coverage: float) -> float:
    """Accuracy on the `coverage` share of questions the system is surest of, rounded up to whole questions."""
    right = _by_falling_confidence(confidences, correct)
    # The small subtraction keeps 0.55 x 100 = 55.00000000000001 from counting as 56 questions.
    kept = max(1, math.ceil(coverage * len(right) - 1e-9))
    return float(np.mean(right[:kept]))


def _by_falling_confidence(confidences: Sequence[float], correct: Sequence[bool]) -> Floats:
    sure, right = _as_arrays(confidences, correct)
    _, index, sizes = np.unique(-sure, return_inverse=True, return_counts=True)
    shared: Floats = np.bincount(index, weights=right) / sizes
    return np.repeat(shared, sizes)


def _as_arrays(confidences: Sequence[float], correct: Sequence[bool]) -> tuple[Floats, Floats]:
    return np.asarray(confidences, dtype=np.float64), np.asarray(correct, dtype=np.float64)
