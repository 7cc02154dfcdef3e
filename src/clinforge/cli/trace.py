"""`clinforge trace`: from a training row or an adapter back to facts, packages, licences and operators."""

import argparse
import json
from pathlib import Path
from typing import Any

from clinforge.artifacts import MANIFEST, changed_files, read_manifest
from clinforge.data.lineage import SAMPLE_FILES, steps_of, trace_row
from clinforge.errors import MissingError, UserError

NAME = "trace"
HELP = "Walk from a training row or an adapter back to its sources."
_RUNS = Path("runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("target", help="sample id, FILE:LINE (train.jsonl:12), or an adapter folder")
    parser.add_argument("--run", type=Path, help="run folder; by default the newest under runs/")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the trace; return the exit code."""
    target = Path(arguments.target)
    found = trace_adapter(target, arguments.run) if target.is_dir() else _row(arguments.target, arguments.run)
    print(json.dumps(found, ensure_ascii=False, indent=2) if arguments.json else as_text(found))
    return 0


def trace_adapter(adapter: Path, run_folder: Path | None) -> dict[str, Any]:
    """What an adapter was trained on. Refuses when the dataset beside it is not the one its manifest names."""
    manifest = read_manifest(adapter)
    wanted = manifest.parents.get("dataset")
    if wanted is None:
        raise UserError(f"{adapter / MANIFEST} names no dataset among its parents.")
    dataset = (run_folder or adapter.resolve().parent) / "dataset"
    data = _checked(dataset)
    if data["key"] != wanted:
        raise UserError(
            f"{adapter} was trained on dataset {wanted[:12]}, but {dataset} is {data['key'][:12]}.",
            hint="Give the run that made the adapter with --run RUN.",
        )
    trained = {"folder": str(adapter), "key": manifest.key, "version": manifest.version, "parents": manifest.parents}
    return {"adapter": trained, "dataset": data, "operators": [step.model_dump() for step in steps_of(dataset)]}


def as_text(found: dict[str, Any]) -> str:
    """The trace for people."""
    lines: list[str] = []
    if "adapter" in found:
        lines.append(f"adapter  {found['adapter']['folder']}  key {found['adapter']['key'][:12]}")
    if "sample" in found:
        lines.append("sample   " + "  ".join(f"{key}={value}" for key, value in found["sample"].items()))
    data = found["dataset"]
    lines.append(f"dataset  {data['folder']}  key {data['key'][:12]}  ClinForge {data['version']}")
    lines += [
        f"fact     {fact['id']}  {fact['subject']} | {fact['predicate']} | {fact['object']}  [{fact['source']}]"
        for fact in found.get("facts", [])
    ]
    for one in found.get("documents", []):
        licence = one["licence"] or "no licence given"
        lines.append(f"document {one['id']}  {one['source']} {one['source_id']} {one['version']}  {licence}")
    for source in found.get("sources", data["sources"]):
        lines.append(f"source   {source['name']}: {source['package']} {source['version']}; {source['licence']}")
        if permission := source.get("permission"):
            lines.append(f"         allowed by {permission['by']}: {permission['why']}")
    for step in found["operators"]:
        dropped = "; ".join(f"{count} {reason}" for reason, count in step["dropped"].items())
        counts = f"{step['taken']} -> {step['given']}"
        lines.append(
            f"operator {step['task']} {step['operator']} v{step['version']}: {counts}" + f" ({dropped})" * bool(dropped)
        )
    for outcome in (review["outcome"] for review in found.get("reviews", [])):
        by = ", ".join(outcome["reviewers"]) + " (simulated)" * outcome["simulated"]
        lines.append(f"review   {outcome['item']} {outcome['item_id']}: {outcome['decision']} by {by}")
    return "\n".join(lines)


def _row(target: str, run_folder: Path | None) -> dict[str, Any]:
    name, _, number = target.rpartition(":")
    beside = Path(name).parent if name and number.isdigit() and Path(name).is_file() else None
    dataset = beside or (run_folder or _newest_run()) / "dataset"
    data = _checked(dataset)
    return {**trace_row(dataset, target), "dataset": data}


def _checked(dataset: Path) -> dict[str, Any]:
    """The dataset's identity; refuses if a file differs from what its manifest says."""
    manifest = read_manifest(dataset)
    changed = changed_files(dataset)
    if changed:
        raise UserError(f"{dataset} was changed after it was made: {', '.join(changed)}.", hint="Run the recipe again.")
    return {
        "folder": str(dataset),
        "key": manifest.key,
        "version": manifest.version,
        "sources": manifest.notes.get("sources", []),
        "files": {name: manifest.files[name] for name in SAMPLE_FILES},
    }


def _newest_run() -> Path:
    runs = sorted(_RUNS.glob(f"*/dataset/{MANIFEST}"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise MissingError("There is no run under runs/.", hint="Name one with --run RUN, or: clinforge run RECIPE")
    return runs[-1].parent.parent
