"""Make a dataset: each task composes its samples, the gate judges them together, then they are written."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinforge.artifacts import write_json
from clinforge.data.contamination import Contamination
from clinforge.data.gate import Candidate, CheckResult, label_of, require_passed, run_gate
from clinforge.data.lineage import FACTS_FILE, LINEAGE_FILE, Lineage, sources_of
from clinforge.data.settings import DataSettings
from clinforge.data.split import SPLITS
from clinforge.errors import StageError
from clinforge.knowledge.graphs.hpo import hpo_release, load_hpo
from clinforge.records import Fact, Sample, write_jsonl

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
GATE_FILE = "gate.json"
CONTAMINATION_FILE = "contamination.json"
Against = Mapping[str, Sequence[Sample]]
"""Evaluation sets by name."""


def build_dataset(
    settings: DataSettings, folder: Path, progress: Progress, against: Against | None = None
) -> dict[str, Any]:
    """Write train/validation/test.jsonl, facts.jsonl, lineage.jsonl and gate.json; return the manifest's notes.

    Training and validation rows are compared with the rows of `against`, and contamination.json says what they share.
    Equal settings and sources give byte-identical files. Raises ConfigError when a task cannot give as many samples as
    asked, GateError when the gate refuses (gate.json is written first), MissingError when a source is not installed.
    """
    lineage, steps = Lineage(), len(settings.tasks) + 3
    samples: list[Sample] = []
    facts: dict[str, Fact] = {}
    for done, task in enumerate(settings.tasks):
        progress(f"samples: {task.label}", done, steps)
        result = task(settings.seed, lineage)
        if not result.samples:
            raise StageError(f"Task {task.label} gave no samples.")
        samples += result.samples
        facts |= {fact.id: fact for fact in result.facts}
    progress("evaluation sets", steps - 3, steps)
    samples, contamination = _decontaminate(settings, samples, against or {}, lineage)
    if contamination is not None:
        (folder / CONTAMINATION_FILE).write_text(contamination.model_dump_json(indent=1), encoding="utf-8")
    progress("gate", steps - 2, steps)
    results = run_gate(_candidate(settings, samples, list(facts.values()), contamination))
    write_json(folder / GATE_FILE, [result.model_dump() for result in results])
    require_passed(results)
    lineage.record("all", "gate", settings.model_dump(), (len(samples), len(samples)), {})
    progress("writing", steps - 1, steps)
    _write(folder, samples, facts.values(), lineage)
    progress("done", steps, steps)
    notes = _notes(settings, samples, facts, results)
    if contamination is not None:
        notes["against"] = {"rows": contamination.evaluated, "pairs": contamination.counts}
    return notes


def _decontaminate(
    settings: DataSettings, samples: list[Sample], against: Against, lineage: Lineage
) -> tuple[list[Sample], Contamination | None]:
    """Leave out taught rows that an evaluation set holds; without a set there is nothing to compare with."""
    if not against:
        return samples, None
    from clinforge.data.decontaminate import decontaminate

    taught = [sample for sample in samples if sample.split != "test"]
    found = decontaminate(taught, against, settings.decontaminate)
    params = {**settings.decontaminate.model_dump(), "against": found.report.evaluated}
    lineage.record("all", "decontaminate", params, (len(taught), len(found.kept)), found.report.dropped_by_level)
    return [*found.kept, *(sample for sample in samples if sample.split == "test")], found.report


def _candidate(
    settings: DataSettings, samples: Sequence[Sample], facts: Sequence[Fact], contamination: Contamination | None
) -> Candidate:
    apart = {task.label: task.apart for task in settings.tasks}
    return Candidate(samples, facts, apart, settings.max_answer_share, contamination)


def _write(folder: Path, samples: Sequence[Sample], facts: Iterable[Fact], lineage: Lineage) -> None:
    for split in SPLITS:
        rows = sorted((sample for sample in samples if sample.split == split), key=lambda sample: sample.id)
        write_jsonl(folder / f"{split}.jsonl", rows)
    by_id = {fact.id: fact for fact in facts}
    write_jsonl(folder / FACTS_FILE, [by_id[fact_id] for fact_id in sorted(by_id)])
    write_jsonl(folder / LINEAGE_FILE, lineage.steps)


def _notes(
    settings: DataSettings, samples: Sequence[Sample], facts: dict[str, Fact], results: Sequence[CheckResult]
) -> dict[str, Any]:
    used = {fact.source for fact in facts.values()}
    counts = Counter((label_of(sample), sample.split) for sample in samples)
    notes: dict[str, Any] = {
        "samples": {task.label: {split: counts[task.label, split] for split in SPLITS} for task in settings.tasks},
        "tasks": {
            task.label: {"purpose": task.purpose, "about": dict(task.about), "apart": sorted(task.apart)}
            for task in settings.tasks
        },
        "facts": len(facts),
        "sources": sources_of(used),
        "gate": {result.name: result.num_checked for result in results},
    }
    if any(source.startswith("hpo") for source in used):
        notes["hpo_release"] = hpo_release()
        notes["hpo_acknowledgement"] = load_hpo().acknowledgement
    return notes
