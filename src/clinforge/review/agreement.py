"""How far reviewers agree beyond chance, in numpy alone.

Intervals are percentile bootstraps over items (Efron & Tibshirani 1993, ch. 13): items are drawn anew, reviewers are
taken as they are, so nothing is said about other reviewers.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from clinforge.records import Record

FEWEST = 30
"""Our bound: with fewer items a percentile interval is too narrow to be believed."""
_BLOCK = 200
Floats = npt.NDArray[np.float64]
Ratings = Sequence[Mapping[str, str]]
"""For each item: reviewer -> category."""


class Estimate(Record):
    """A coefficient with its interval; no value where it has no meaning."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int
    """Items that at least two reviewers judged."""
    note: str = ""
    """What to keep in mind about it."""


class Bootstrap(Record):
    """How intervals are made."""

    level: float = 0.95
    resamples: int = 2000
    seed: int = 0


def krippendorff_alpha(ratings: Ratings, bootstrap: Bootstrap) -> Estimate:
    """Krippendorff's alpha for nominal data; any number of reviewers an item, gaps allowed.

    1 is full agreement, 0 what chance gives. Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability",
    from each item's pairs of unequal values instead of the coincidence matrix.
    """
    rows = [list(row.values()) for row in ratings if len(row) > 1]
    categories = sorted({value for row in rows for value in row})
    counts: Floats = np.array([[row.count(name) for name in categories] for row in rows], dtype=np.float64)
    counts = counts.reshape(len(rows), len(categories))
    size = counts.sum(axis=1)
    unequal: Floats = (size**2 - (counts**2).sum(axis=1)) / np.maximum(size - 1, 1)

    def alpha(weights: Floats) -> Floats:
        totals = weights @ counts
        n = totals.sum(axis=1)
        expected = n**2 - (totals**2).sum(axis=1)
        return 1 - (n - 1) * (weights @ unequal) / np.where(expected > 0, expected, np.nan)

    return _estimate(alpha, len(rows), bootstrap)


def cohen_kappa(ratings: Ratings, first: str, second: str, bootstrap: Bootstrap) -> Estimate:
    """Cohen's kappa of two reviewers on the items both judged. Source: Cohen 1960, Educ. Psychol. Meas. 20:37-46."""
    pairs = [(row[first], row[second]) for row in ratings if first in row and second in row]
    categories = sorted({value for pair in pairs for value in pair})
    one, two = (
        np.array([[pair[side] == name for name in categories] for pair in pairs], dtype=np.float64).reshape(
            len(pairs), len(categories)
        )
        for side in (0, 1)
    )
    equal: Floats = (one * two).sum(axis=1)

    def kappa(weights: Floats) -> Floats:
        n = weights.sum(axis=1)
        chance = ((weights @ one) * (weights @ two)).sum(axis=1) / n**2
        return ((weights @ equal) / n - chance) / np.where(chance < 1, 1 - chance, np.nan)

    return _estimate(kappa, len(pairs), bootstrap)


def _estimate(coefficient: Callable[[Floats], Floats], n: int, bootstrap: Bootstrap) -> Estimate:
    """The coefficient of all items with an interval; `coefficient` takes weights, one row a sample of the items."""
    if n == 0:
        return Estimate(n=0, note="no item was judged by two")
    value = float(coefficient(np.ones((1, n)))[0])
    if np.isnan(value):
        return Estimate(n=n, note="only one kind of verdict was given: agreement beyond chance cannot be told")
    generator = np.random.default_rng(bootstrap.seed)
    drawn: list[Floats] = []
    for start in range(0, bootstrap.resamples, _BLOCK):  # blocks bound the memory: 200 x items
        size = min(_BLOCK, bootstrap.resamples - start)
        drawn.append(coefficient(generator.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)))
    found = np.concatenate(drawn)
    found = found[~np.isnan(found)]
    note = f"only {n} items (fewer than {FEWEST}): an impression, not a measurement" if n < FEWEST else ""
    if len(found) < bootstrap.resamples / 2:
        return Estimate(value=value, n=n, note=note or "too little variation for an interval")
    low, high = np.quantile(found, [(1 - bootstrap.level) / 2, (1 + bootstrap.level) / 2])
    return Estimate(value=value, low=float(low), high=float(high), n=n, note=note)
