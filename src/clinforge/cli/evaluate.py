"""`clinforge evaluate RUN tasks=my.jsonl`: ask a run's base and tuned model the questions of a file, side by side."""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from clinforge.artifacts import artifact_key, hash_file, is_current, read_manifest, write_artifact
from clinforge.config import parse
from clinforge.errors import ConfigError, MissingError
from clinforge.evaluate.settings import EvaluateSettings

if TYPE_CHECKING:
    from rich.table import Table

    from clinforge.evaluate.results import Evaluation, Interval, TaskComparison
    from clinforge.evaluate.tasks import Progress
    from clinforge.model import TextModel

NAME = "evaluate"
HELP = "score base and tuned model on your own questions (JSONL), with intervals and the paired difference"
SIDES = ("base", "tuned")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder that `clinforge run` made")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="tasks=my.jsonl, confidence_level=0.99, ...")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Score every file and print the comparison; each item's scores stay under RUN/evaluations."""
    from clinforge.pipeline import load_systems

    settings = parse(EvaluateSettings, {}, arguments.overrides, origin="clinforge evaluate")
    if not settings.tasks:
        raise ConfigError(
            "No questions named.",
            hint=f"Name a file: clinforge evaluate {arguments.run} tasks=my.jsonl",
        )
    if missing := [str(path) for path in settings.tasks if not path.is_file()]:
        raise MissingError(f"No such file: {', '.join(missing)}.")
    systems = load_systems(arguments.run)
    if lacking := [side for side in SIDES if side not in systems]:
        raise MissingError(f"{arguments.run} has no {' or '.join(lacking)} model.", hint="clinforge run RECIPE")
    printed: list[dict[str, object]] = []
    for path in settings.tasks:
        found, folder = _evaluate_file(arguments.run, path, {side: systems[side] for side in SIDES}, settings)
        printed.append({"file": str(path), "folder": str(folder), **found.model_dump(mode="json")})
        if not arguments.json:
            _show(found, path, folder)
    if arguments.json:
        print(json.dumps(printed, ensure_ascii=False, indent=2))
    return 0


def _evaluate_file(
    run_folder: Path, path: Path, systems: Mapping[str, "Callable[[], TextModel]"], settings: EvaluateSettings
) -> "tuple[Evaluation, Path]":
    """Evaluate one file, or read what an earlier call with the same file, models and settings found."""
    from clinforge.evaluate.results import Evaluation
    from clinforge.evaluate.run import Exam, evaluate

    decided = settings.model_dump(mode="json", exclude={"tasks"})
    parents = {"questions": hash_file(path), **_models_of(run_folder)}
    key = artifact_key("evaluation", decided, parents)
    folder = run_folder / "evaluations" / f"{path.stem}-{key[:8]}"
    if not is_current(folder, key):
        folder.parent.mkdir(exist_ok=True)
        with _progress() as progress, write_artifact(folder, "evaluation", decided, parents, keep_partial=True) as made:
            evaluate(Exam(), systems, settings.model_copy(update={"tasks": (path,)}), made[0], progress)
            made[1]["file"] = path.name
    return Evaluation.model_validate_json((folder / "evaluation.json").read_text(encoding="utf-8")), folder


def _models_of(run_folder: Path) -> dict[str, str]:
    """Keys of the run's checkpoints, so that scores of an earlier training are not taken for this one's."""
    manifests = {path.parent: read_manifest(path.parent) for path in sorted(run_folder.glob("*/manifest.json"))}
    return {folder.name: found.key for folder, found in manifests.items() if found.kind in ("checkpoint", "bundle")}


@contextlib.contextmanager
def _progress() -> "Generator[Progress]":
    """A progress display on stderr, as the callback that the evaluation calls; nothing where no one watches."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as display:
        lines: dict[str, TaskID] = {}

        def tell(label: str, done: int, total: int) -> None:
            if label not in lines:
                lines[label] = display.add_task(label)
            display.update(lines[label], completed=done, total=total)

        yield tell


def _show(found: "Evaluation", path: Path, folder: Path) -> None:
    from rich.console import Console

    console = Console()
    for task in found.comparisons:
        console.print(_table(task, found.level))
        for one in task.differences:
            if one.other in SIDES:
                p_value = "" if one.p_value is None else f", p = {one.p_value:.3g} (exact McNemar)"
                difference = _points(one.difference)
                console.print(f"tuned - {one.other}: {difference} points{p_value}: [bold]{one.verdict}[/bold]")
    for fault in found.faults:
        console.print(f"set aside: {fault}", style="yellow", markup=False)
    console.print(f"{path}: every item's scores are in {folder / 'scores.jsonl'}", markup=False, soft_wrap=True)


def _table(task: "TaskComparison", level: float) -> "Table":
    from rich.markup import escape
    from rich.table import Table as RichTable

    chance = "" if task.chance is None else f", chance {100 * task.chance:.1f} %"
    title = f"{escape(task.info.name)}: {task.n} questions in {task.families} families{chance}"
    table = RichTable("System", f"{task.metric}, %", f"{100 * level:g} % interval", "macro F1", title=title)
    for one in task.systems:
        macro = "-" if one.macro_f1 is None else f"{one.macro_f1:.3f}"
        score = one.score
        table.add_row(one.system, f"{100 * score.value:.1f}", f"{100 * score.low:.1f} to {100 * score.high:.1f}", macro)
    return table


def _points(interval: "Interval") -> str:
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"
