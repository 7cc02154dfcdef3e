"""From every system's scores to the comparison: intervals, paired differences, verdicts, calibration, confusion."""

from collections.abc import Iterable, Mapping, Sequence

from clinforge.errors import StageError
from clinforge.evaluate import statistics
from clinforge.evaluate.results import (
    Calibration,
    Confusion,
    Difference,
    Interval,
    SystemResult,
    TaskComparison,
    TaskInfo,
    Verdict,
)
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.records import Score

SUBJECT = "tuned"
"""The system that all others are compared with."""

Column = Mapping[str, Score]
"""One system's scores on one task, by sample id."""

Table = Mapping[str, Mapping[str, Column]]
"""Task -> system -> column."""


def compare(
    scores: Iterable[Score], tasks: Sequence[TaskInfo], chances: Mapping[str, float], settings: EvaluateSettings
) -> tuple[TaskComparison, ...]:
    """Compare all systems task by task; systems keep the order in which they first appear in `scores`.

    `chances` is the expected accuracy of a blind guess per choice task. Raises StageError where systems of one task
    did not answer the same questions: a difference would then not be paired.
    """
    table = columns(scores)
    found = [_compare_task(info, table[info.name], chances.get(info.name), settings) for info in tasks]
    return _with_verdicts(found, settings)


def columns(scores: Iterable[Score]) -> Table:
    """Sort scores by task, system and sample; a later score of the same place replaces an earlier one."""
    table: dict[str, dict[str, dict[str, Score]]] = {}
    for score in scores:
        table.setdefault(score.task, {}).setdefault(score.system, {})[score.sample_id] = score
    return table


def _compare_task(
    info: TaskInfo, systems: Mapping[str, Column], chance: float | None, settings: EvaluateSettings
) -> TaskComparison:
    first = next(iter(systems.values()))
    for system, column in systems.items():
        if column.keys() != first.keys():
            raise StageError(
                f"System '{system}' did not answer the same questions of task '{info.name}' as the others."
            )
    graded = any(score.value is not None for score in first.values())
    subject = systems.get(SUBJECT)
    return TaskComparison(
        info=info,
        metric="f1" if graded else "accuracy",
        n=len(first),
        families=len({_family(score) for score in first.values()}),
        chance=chance,
        systems=tuple(_result(system, column, settings, graded=graded) for system, column in systems.items()),
        differences=tuple(
            _difference(subject, other, settings, graded=graded)
            for system, other in systems.items()
            if subject is not None and system != SUBJECT
        ),
    )


def _result(system: str, column: Column, settings: EvaluateSettings, *, graded: bool) -> SystemResult:
    rows = list(column.values())
    if graded:
        score = _mean([_points(row) for row in rows], rows, settings)
        # A mean of scores between 0 and 1 has no negative limit, even where one family leaves all open.
        return SystemResult(system=system, score=score.model_copy(update={"low": max(0.0, score.low)}))
    targets, predictions = [row.target for row in rows], [row.prediction for row in rows]
    return SystemResult(
        system=system,
        score=statistics.wilson(sum(row.correct for row in rows), len(rows), settings.confidence_level),
        macro_f1=statistics.macro_f1(targets, predictions),
        weighted_f1=statistics.weighted_f1(targets, predictions),
        balanced_accuracy=statistics.balanced_accuracy(targets, predictions),
    )


def _difference(subject: Column, other: Column, settings: EvaluateSettings, *, graded: bool) -> Difference:
    rows = list(subject.values())
    pairs = [(mine, other[mine.sample_id]) for mine in rows]
    only_subject = sum(mine.correct and not theirs.correct for mine, theirs in pairs)
    only_other = sum(theirs.correct and not mine.correct for mine, theirs in pairs)
    return Difference(
        subject=SUBJECT,
        other=pairs[0][1].system,
        difference=_mean([_points(mine) - _points(theirs) for mine, theirs in pairs], rows, settings),
        only_subject=only_subject,
        only_other=only_other,
        p_value=None if graded else statistics.mcnemar_exact(only_subject, only_other),
    )


def _mean(values: Sequence[float], rows: Sequence[Score], settings: EvaluateSettings) -> Interval:
    return statistics.cluster_bootstrap(
        values,
        [_family(row) for row in rows],
        level=settings.confidence_level,
        resamples=settings.resamples,
        seed=settings.seed,
    )


def _points(score: Score) -> float:
    return float(score.correct) if score.value is None else score.value


def _family(score: Score) -> str:
    """A sample without a family is a family of its own."""
    return score.family_id or f"sample {score.sample_id}"


def _with_verdicts(found: Sequence[TaskComparison], settings: EvaluateSettings) -> tuple[TaskComparison, ...]:
    tested = [
        (task.info.name, difference.other, difference.p_value)
        for task in found
        if task.info.kind == "claim"
        for difference in task.differences
        if difference.p_value is not None
    ]
    adjusted = statistics.holm([p_value for _, _, p_value in tested])
    by_pair = {(task, other): p_value for (task, other, _), p_value in zip(tested, adjusted, strict=True)}

    def judged(task: str, difference: Difference) -> Difference:
        p_adjusted = by_pair.get((task, difference.other))
        verdict = _verdict(difference, p_adjusted, 1 - settings.confidence_level)
        return difference.model_copy(update={"p_adjusted": p_adjusted, "verdict": verdict})

    return tuple(
        task.model_copy(update={"differences": tuple(judged(task.info.name, one) for one in task.differences)})
        for task in found
    )


def _verdict(difference: Difference, p_adjusted: float | None, alpha: float) -> Verdict:
    """A difference counts when its interval excludes 0 and, where there is a test, the test agrees.

    The test ignores families and the interval ignores how many tests there are: each guards against the other's gap.
    """
    p_value = difference.p_value if p_adjusted is None else p_adjusted
    if p_value is not None and p_value >= alpha:
        return "no difference shown"
    if difference.difference.low > 0:
        return "better"
    return "worse" if difference.difference.high < 0 else "no difference shown"


def calibrate(column: Column, task: str, system: str, settings: EvaluateSettings) -> Calibration | None:
    """How far a system's confidence can be trusted; None where it gives no confidence."""
    rows = [(row.confidence, row.correct) for row in column.values() if row.confidence is not None]
    if len(rows) < len(column):
        return None
    confidences, correct = [sure for sure, _ in rows], [right for _, right in rows]
    return Calibration(
        task=task,
        system=system,
        ece=statistics.expected_calibration_error(confidences, correct, settings.calibration_bins),
        brier=statistics.brier(confidences, correct),
        aurc=statistics.aurc(confidences, correct),
        coverage=settings.coverage,
        accuracy_at_coverage=statistics.accuracy_at_coverage(confidences, correct, settings.coverage),
        bins=tuple(statistics.reliability_bins(confidences, correct, settings.calibration_bins)),
    )


def confuse(column: Column, task: str, system: str) -> Confusion:
    """Count which target was answered with what; the commonest targets come first."""
    rows = list(column.values())
    targets = [row.target for row in rows]
    labels = sorted({*targets, *(row.prediction for row in rows)}, key=lambda label: (-targets.count(label), label))
    counts = {(row, column): 0 for row in labels for column in labels}
    for row in rows:
        counts[row.target, row.prediction] += 1
    return Confusion(
        task=task,
        system=system,
        labels=tuple(labels),
        counts=tuple(tuple(counts[target, given] for given in labels) for target in labels),
    )
