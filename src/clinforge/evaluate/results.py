"""The nouns of an evaluation: what is found out, before anyone words or draws it. All are plain JSON."""

from typing import Literal

from clinforge.records import Record, Sample

Verdict = Literal["better", "worse", "no difference shown"]
Metric = Literal["accuracy", "f1"]


def task_key(sample: Sample) -> str:
    """A task in one language, e.g. `diagnosis.zh`: scores in different languages are never mixed."""
    return f"{sample.task}.{sample.lang}"


class Words(Record):
    """One text in both languages."""

    en: str
    zh: str


class TaskInfo(Record):
    """What a task stands for.

    A *claim* is asked on families never trained on; *recall* asks for facts that were trained on; a *probe* is any
    other set of questions, such as a user's own file. Only claims share in the correction for many tests.
    """

    name: str
    """As `task_key` gives it."""
    title: Words
    kind: Literal["claim", "recall", "probe"]


class Interval(Record):
    """An estimate between its confidence limits."""

    value: float
    low: float
    high: float


class SystemResult(Record):
    """One system on one task."""

    system: str
    score: Interval
    """Accuracy with Wilson's interval; for free text the mean F1 with a bootstrap interval over families."""
    macro_f1: float | None = None
    weighted_f1: float | None = None
    balanced_accuracy: float | None = None


class Difference(Record):
    """Subject minus other on the same questions."""

    subject: str
    other: str
    difference: Interval
    """Bootstrap over families."""
    only_subject: int
    """Questions that only the subject answered correctly."""
    only_other: int
    p_value: float | None
    """Exact McNemar; None for graded (free-text) scores."""
    p_adjusted: float | None = None
    """Holm's adjustment over all claims; None outside claims."""
    verdict: Verdict = "no difference shown"


class TaskComparison(Record):
    """All systems on one task."""

    info: TaskInfo
    metric: Metric
    n: int
    families: int
    chance: float | None
    """Expected accuracy of a blind guess among each question's options."""
    systems: tuple[SystemResult, ...]
    differences: tuple[Difference, ...]


class Bin(Record):
    """Questions of similar confidence."""

    n: int
    confidence: float
    accuracy: float


class Calibration(Record):
    """Whether a system's confidence means what it says."""

    task: str
    system: str
    ece: float
    brier: float
    aurc: float
    coverage: float
    accuracy_at_coverage: float
    bins: tuple[Bin, ...]


class Confusion(Record):
    """Counts of (target row, prediction column) of one system."""

    task: str
    system: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class SampleAnswer(Record):
    """One question with what each model answered."""

    sample_id: str
    task: str
    prompt: str
    target: str
    answers: dict[str, str]
    """System -> answer."""


class Evaluation(Record):
    """Everything the evaluation found out; `evaluation.json` holds it."""

    level: float
    comparisons: tuple[TaskComparison, ...]
    calibrations: tuple[Calibration, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    answers: tuple[SampleAnswer, ...] = ()
    faults: tuple[str, ...] = ()
    """Rows of custom files that were set aside, by file, line and field."""
