"""How far a review has come, what was said, how far reviewers agree, and what the next build will leave out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import get_args

from clinforge.records import Record, Verdict
from clinforge.review.agreement import Bootstrap, Estimate, cohen_kappa, krippendorff_alpha
from clinforge.review.desk import Round, open_round
from clinforge.review.queue import Stratum
from clinforge.review.settings import ReportSettings
from clinforge.verdicts import Key, Outcome, outcomes, read_verdicts, retired, standing

OUTSIDE = "outside"
"""Stratum of verdicts on items of the dataset that the present settings do not queue."""
Standing = Mapping[Key, Mapping[str, Verdict]]


class StratumReport(Record):
    """One part of the queue."""

    stratum: str
    queued: int
    judged: int
    """Items with at least one verdict."""
    decisions: dict[str, int]
    """Decision -> verdicts."""
    alpha: Estimate


class PairReport(Record):
    """Two reviewers on the items both judged."""

    first: str
    second: str
    equal: float | None
    """Share of items on which they decided alike."""
    kappa: Estimate


class ReviewReport(Record):
    """All that is known of a review."""

    dataset: str
    """The dataset's key."""
    reviewers: dict[str, int]
    """Reviewer -> items judged."""
    queued: int
    judged: int
    waiting: int
    """Items judged by one reviewer that wait for their second."""
    unsettled: int
    """Items escalated, or on which reviewers differ: they stay in the data."""
    decisions: dict[str, int]
    reasons: dict[str, int]
    simulated: int
    """Verdicts made by a program in a trial."""
    elsewhere: int
    """Verdicts on items this dataset does not hold (any more)."""
    alpha: Estimate
    pairs: tuple[PairReport, ...]
    strata: tuple[StratumReport, ...]
    retires: dict[str, int]
    """What the next build leaves out: facts and samples."""


def report(target: Path, settings: ReportSettings) -> ReviewReport:
    """Read the dataset at `target` and all journals of its review; without journals every count is 0."""
    work = open_round(target, settings)
    lines = read_verdicts([work.folder]) if work.folder.is_dir() else []
    bootstrap = Bootstrap(level=settings.confidence_level, resamples=settings.resamples, seed=settings.seed)
    everywhere = standing(lines)
    here = {key: given for key, given in everywhere.items() if work.holds(key)}
    blind = {key: given for key, given in standing(line for line in lines if line.blind).items() if work.holds(key)}
    verdicts = [verdict for given in here.values() for verdict in given.values()]
    ratings = _ratings(blind.values())
    return ReviewReport(
        dataset=work.material.key,
        reviewers=dict(sorted(Counter(verdict.reviewer for verdict in verdicts).items())),
        queued=len(work.entries),
        judged=len(here),
        waiting=sum(entry.double and len(here.get(entry.key, ())) == 1 for entry in work.entries),
        unsettled=sum(one.decision == "escalate" for one in _here(outcomes(lines), work)),
        decisions=_count(verdict.decision for verdict in verdicts),
        reasons=_count(verdict.reason for verdict in verdicts if verdict.reason),
        simulated=sum(verdict.simulated for verdict in verdicts),
        elsewhere=sum(len(given) for key, given in everywhere.items() if key not in here),
        alpha=krippendorff_alpha(ratings, bootstrap),
        pairs=tuple(_pairs(ratings, bootstrap)),
        strata=tuple(_strata(work, here, blind, bootstrap)),
        retires=_retires(work, lines),
    )


def _pairs(ratings: Sequence[Mapping[str, str]], bootstrap: Bootstrap) -> Iterable[PairReport]:
    names = sorted({name for row in ratings for name in row})
    for first, second in combinations(names, 2):
        both = [row for row in ratings if first in row and second in row]
        if both:
            equal = sum(row[first] == row[second] for row in both) / len(both)
            kappa = cohen_kappa(both, first, second, bootstrap)
            yield PairReport(first=first, second=second, equal=equal, kappa=kappa)


def _strata(work: Round, here: Standing, blind: Standing, bootstrap: Bootstrap) -> Iterable[StratumReport]:
    stratum_of = {entry.key: str(entry.stratum) for entry in work.entries}
    for stratum in (*get_args(Stratum), OUTSIDE):
        given = {key: row for key, row in here.items() if stratum_of.get(key, OUTSIDE) == stratum}
        queued = sum(found == stratum for found in stratum_of.values())
        if given or queued:
            yield StratumReport(
                stratum=stratum,
                queued=queued,
                judged=len(given),
                decisions=_count(verdict.decision for row in given.values() for verdict in row.values()),
                alpha=krippendorff_alpha(_ratings(blind[key] for key in given if key in blind), bootstrap),
            )


def _retires(work: Round, lines: Sequence[Verdict]) -> dict[str, int]:
    gone = retired(lines)
    facts = gone.fact_ids & work.material.facts.keys()
    samples = gone.sample_ids & work.material.samples.keys()
    samples |= {sample_id for fact_id in facts for sample_id in work.material.samples_of.get(fact_id, ())}
    return {"facts": len(facts), "samples": len(samples)}


def _here(found: Iterable[Outcome], work: Round) -> list[Outcome]:
    return [one for one in found if work.holds((one.item, one.item_id))]


def _ratings(given: Iterable[Mapping[str, Verdict]]) -> list[dict[str, str]]:
    return [{name: verdict.decision for name, verdict in row.items()} for row in given]


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
