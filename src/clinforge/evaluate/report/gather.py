"""Collect what the report shows from the artifacts of a finished run."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinforge.artifacts import read_manifest
from clinforge.evaluate.report.model import DataRow, LossPoint, RunReport, SourceRow
from clinforge.evaluate.results import Evaluation, Words
from clinforge.knowledge.licences import all_licences
from clinforge.records import Sample, read_jsonl

STAGES = ("dataset", "adapter", "control", "evaluation", "bundle")


def gather(folder: Path, name: str, recipe: dict[str, str], stages: Sequence[str] = STAGES) -> RunReport:
    """Read the artifacts of a run's stages; `recipe` holds the settings a reader asks for first."""
    manifests = {stage: read_manifest(folder / stage) for stage in stages}
    data = _data_rows(folder / "dataset")
    adapter = manifests["adapter"].notes
    return RunReport(
        title=Words(en=f"Run “{name}”", zh=f"运行“{name}”"),
        created=datetime.now(UTC),
        recipe={**recipe, "device": f"{adapter['device']}, {adapter['precision']}"},
        evaluation=Evaluation.model_validate_json(
            (folder / "evaluation" / "evaluation.json").read_text(encoding="utf-8")
        ),
        losses=_losses(folder / "adapter"),
        data=data,
        sources=tuple(_sources(data, adapter["base"])),
        parents={stage: manifest.key for stage, manifest in manifests.items()},
        packages=json.loads((folder / "environment.json").read_text(encoding="utf-8"))["packages"],
        parity=_parity(manifests["bundle"].notes),
        timings={stage: float(manifest.notes["stage_seconds"]) for stage, manifest in manifests.items()},
    )


def _losses(adapter: Path) -> tuple[LossPoint, ...]:
    state = json.loads((adapter / "trainer_state.json").read_text(encoding="utf-8"))
    return tuple(LossPoint.model_validate(row) for row in state["history"])


def _data_rows(dataset: Path) -> tuple[DataRow, ...]:
    counts: Counter[tuple[str, ...]] = Counter()
    for split in ("train", "validation", "test"):
        for sample in read_jsonl(dataset / f"{split}.jsonl", Sample):
            counts[sample.task, sample.split, sample.lang, sample.source, sample.licence] += 1
    fields = ("task", "split", "lang", "source", "licence")
    return tuple(
        DataRow.model_validate({**dict(zip(fields, key, strict=True)), "count": count}) for key, count in counts.items()
    )


def _sources(data: tuple[DataRow, ...], base: dict[str, str]) -> Iterator[SourceRow]:
    table = all_licences()
    for key in sorted({row.source for row in data}):
        row = table[key]
        yield SourceRow(
            name=row.name, version=row.package_version, licence=row.licence, acknowledgement=row.acknowledgement
        )
    yield SourceRow(name=base["name"], version=base["fingerprint"][:12], licence=base["licence"])


def _parity(notes: dict[str, Any]) -> dict[str, str | int | float | bool]:
    return {
        f"{form['form']}: {figure}": form[figure]
        for form in notes["parity"]
        for figure in ("agrees", "tokens", "same_token", "same_answer", "max_difference", "tolerance")
    }
