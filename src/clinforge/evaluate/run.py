"""The story of an evaluation: ask every system the same questions, then compare.

Each system's scores are kept as `scores-NAME-KEY.jsonl` as soon as it has answered everything, so a killed run asks
only the systems that are still missing. The key is the hash of questions and settings; whoever passes a folder of an
earlier run must see to it that its systems are the same (artifacts.write_artifact does).
"""

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from pathlib import Path
from statistics import fmean

from clinforge.artifacts import write_json
from clinforge.errors import InputError
from clinforge.evaluate.baselines import Lookup, answer_with_baselines
from clinforge.evaluate.compare import SUBJECT, Table, calibrate, columns, compare, confuse
from clinforge.evaluate.results import (
    Calibration,
    Confusion,
    Evaluation,
    SampleAnswer,
    TaskInfo,
    Words,
    task_key,
)
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.evaluate.tasks import Progress, silent
from clinforge.evaluate.tasks.choice import answer_choices
from clinforge.evaluate.tasks.custom import read_custom
from clinforge.evaluate.tasks.free_text import answer_freely
from clinforge.model import TextModel
from clinforge.records import Sample, Score, content_hash, read_jsonl, write_jsonl

MAX_LABELS = 30
"""A confusion matrix of more classes can no longer be read."""


@dataclass(frozen=True)
class Exam:
    """What is asked, what baselines may learn from, and what each task stands for.

    A task that `tasks` does not name (by `task_key`) is a probe titled by its own name.
    """

    test: Sequence[Sample] = ()
    training: Sequence[Sample] = ()
    tasks: Sequence[TaskInfo] = ()
    lookups: Mapping[str, Lookup] = field(default_factory=dict[str, Lookup])
    """Task (by `task_key`) -> a knowledge base's answer."""
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """System -> tasks it is asked; a system that is not named here is asked everything."""

    def questions_for(self, system: str, samples: Sequence[Sample]) -> list[Sample]:
        """The samples a system is asked."""
        tasks = self.asked.get(system)
        return [sample for sample in samples if tasks is None or task_key(sample) in tasks]


def evaluate(
    exam: Exam,
    systems: Mapping[str, Callable[[], TextModel]],
    settings: EvaluateSettings,
    folder: Path,
    progress: Progress = silent,
) -> Evaluation:
    """Ask all systems, one after the other so that only one is in memory, and compare them.

    Writes `scores.jsonl`, `answers.json` and `evaluation.json` into `folder`. The system named "tuned" is compared
    with every other one and with the baselines. Raises InputError if there is nothing to ask.
    """
    samples, faults = _questions(exam, settings)
    shown = _choose_to_show(samples, settings)
    key = _key(samples, settings)
    scores: list[Score] = []
    for system, build in systems.items():
        asking = partial(_ask, build, exam.questions_for(system, samples), system, settings, progress)
        scores += _kept(folder / f"scores-{system}-{key}.jsonl", asking)
    progress("baselines", 0, 1)
    scores += answer_with_baselines(samples, exam.training, exam.lookups)
    progress("baselines", 1, 1)
    table = columns(scores)
    found = Evaluation(
        level=settings.confidence_level,
        comparisons=compare(scores, _task_infos(samples, exam.tasks), _chances(samples), settings),
        calibrations=_calibrations(table, systems, settings),
        confusions=_confusions(table, samples),
        answers=_answers(shown, table, systems),
        faults=tuple(faults),
    )
    write_jsonl(folder / "scores.jsonl", scores)
    write_json(folder / "answers.json", [answer.model_dump() for answer in found.answers])
    write_json(folder / "evaluation.json", found.model_dump(mode="json"))
    for path in folder.glob("scores-*.jsonl"):
        path.unlink()
    return found


def _questions(exam: Exam, settings: EvaluateSettings) -> tuple[list[Sample], list[str]]:
    """The test samples (of free text only the first by hash), all of the custom files', and the files' faults."""
    free = _by_hash([sample for sample in exam.test if not sample.options], settings.seed)
    samples = [sample for sample in exam.test if sample.options]
    for task in sorted({task_key(sample) for sample in free}):
        samples += [sample for sample in free if task_key(sample) == task][: settings.free_text_items]
    faults: list[str] = []
    for path in settings.tasks:
        more, wrong = read_custom(path)
        if path.stem in {sample.task for sample in samples}:
            raise InputError(f"{path}: a task named '{path.stem}' exists already.", hint="Rename the file.")
        samples += more
        faults += wrong
    if not samples:
        raise InputError("Nothing to evaluate: no test samples and no files.", hint="Name a file: tasks=my.jsonl")
    return samples, faults


def _by_hash(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """An order that owes nothing to the content a person might prefer, and that stays when samples are added."""
    return sorted(samples, key=lambda sample: content_hash([seed, sample.id]))


def _choose_to_show(samples: Sequence[Sample], settings: EvaluateSettings) -> list[Sample]:
    """Pick the report's sample answers before anything is answered: task after task in turn, each by hash."""
    by_task: dict[str, list[Sample]] = {}
    for sample in _by_hash(samples, settings.seed):
        by_task.setdefault(task_key(sample), []).append(sample)
    turns = zip_longest(*(by_task[task] for task in sorted(by_task)))
    return [sample for turn in turns for sample in turn if sample is not None][: settings.sample_answers]


def _key(samples: Sequence[Sample], settings: EvaluateSettings) -> str:
    everything = [sample.model_dump() for sample in samples], settings.model_dump(mode="json")
    return content_hash(everything)[:12]


def _kept(path: Path, ask: Callable[[], list[Score]]) -> list[Score]:
    """The scores at `path`, asked for and put there first if they are not; never a half-written file."""
    if not path.is_file():
        unfinished = path.with_suffix(".partial")
        write_jsonl(unfinished, ask())
        unfinished.replace(path)
        gc.collect()  # a model in a reference cycle would stay in memory beside the next one
    return list(read_jsonl(path, Score))


def _ask(
    build: Callable[[], TextModel],
    samples: Sequence[Sample],
    system: str,
    settings: EvaluateSettings,
    progress: Progress,
) -> list[Score]:
    choices = [sample for sample in samples if sample.options]
    free = [sample for sample in samples if not sample.options]
    progress(system, 0, len(choices) or len(free))
    model = build()
    return [
        *answer_choices(model, choices, system, settings, progress),
        *answer_freely(model, free, system, settings, progress),
    ]


def _task_infos(samples: Iterable[Sample], known: Sequence[TaskInfo]) -> list[TaskInfo]:
    """The tasks that were asked: known ones in their given order, then the rest as probes."""
    asked = {task_key(sample): sample for sample in samples}
    infos = [info for info in known if info.name in asked]
    named = {info.name for info in infos}
    return infos + [
        TaskInfo(name=name, title=Words(en=sample.task, zh=sample.task), kind="probe")
        for name, sample in asked.items()
        if name not in named
    ]


def _chances(samples: Sequence[Sample]) -> dict[str, float]:
    shares: dict[str, list[float]] = {}
    for sample in samples:
        if sample.options:
            shares.setdefault(task_key(sample), []).append(1 / len(sample.options))
    return {task: fmean(values) for task, values in shares.items()}


def _calibrations(table: Table, systems: Iterable[str], settings: EvaluateSettings) -> tuple[Calibration, ...]:
    found = [
        calibrate(columns[system], task, system, settings)
        for task, columns in table.items()
        for system in systems
        if system in columns
    ]
    return tuple(one for one in found if one is not None)


def _confusions(table: Table, samples: Sequence[Sample]) -> tuple[Confusion, ...]:
    """The subject's confusion on each task whose questions all offer the same classes."""
    offered: dict[str, set[frozenset[str]]] = {}
    for sample in samples:
        offered.setdefault(task_key(sample), set()).add(frozenset(sample.options))
    closed = [task for task, sets in offered.items() if len(sets) == 1 and 2 < len(next(iter(sets))) <= MAX_LABELS]
    return tuple(confuse(table[task][SUBJECT], task, SUBJECT) for task in closed if SUBJECT in table[task])


def _answers(shown: Sequence[Sample], table: Table, systems: Iterable[str]) -> tuple[SampleAnswer, ...]:
    return tuple(
        SampleAnswer(
            sample_id=sample.id,
            task=task_key(sample),
            prompt=sample.prompt[-1].content,
            target=sample.answer,
            answers={
                system: table[task_key(sample)][system][sample.id].prediction
                for system in systems
                if system in table[task_key(sample)]
            },
        )
        for sample in shown
    )
