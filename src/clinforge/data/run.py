"""Make a dataset: each task composes its samples, the gate judges them together, then they are written."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from clinforge.artifacts import write_json
from clinforge.data.gate import Candidate, CheckResult, label_of, require_passed, run_gate
from clinforge.data.lineage import FACTS_FILE, LINEAGE_FILE, REVIEWS_FILE, Lineage, sources_of
from clinforge.data.retire import apply_reviews
from clinforge.data.settings import DataSettings
from clinforge.data.split import SPLITS
from clinforge.errors import StageError
from clinforge.knowledge.graphs.hpo import hpo_release, load_hpo
from clinforge.records import Fact, Sample, write_jsonl

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
GATE_FILE = "gate.json"


def build_dataset(settings: DataSettings, folder: Path, progress: Progress) -> dict[str, Any]:
    """Write train/validation/test.jsonl, facts.jsonl, lineage.jsonl and gate.json; return the manifest's notes.

    With `settings.reviews`, what reviewers rejected is left out, and reviews.jsonl says what they said of the rest.
    Equal settings and sources give byte-identical files. Raises ConfigError when a task cannot give as many samples as
    asked, GateError when the gate refuses (gate.json is written first), MissingError when a source is not installed.
    """
    lineage, steps = Lineage(), len(settings.tasks) + 2
    samples: list[Sample] = []
    facts: dict[str, Fact] = {}
    documents: dict[str, Document] = {}
    faults: list[str] = []
    remarks: list[str] = []
    for done, task in enumerate(settings.tasks):
        progress(f"samples: {task.label}", done, steps)
        result = task(settings.seed, lineage)
        if not result.samples:
            raise StageError(f"Task {task.label} gave no samples.")
        samples += result.samples
        facts |= {fact.id: fact for fact in result.facts}
        documents |= {document.id: document for document in result.documents}
        faults += result.faults
        remarks += result.remarks
    review_notes: dict[str, Any] = {}
    if settings.reviews:
        reviewed = apply_reviews(samples, facts, settings.reviews, lineage)
        samples, facts, review_notes = reviewed.samples, reviewed.facts, reviewed.notes
        write_jsonl(folder / REVIEWS_FILE, reviewed.applied)
    progress("gate", steps - 2, steps)
    results = run_gate(_candidate(settings, samples, list(facts.values())))
    write_json(folder / GATE_FILE, [result.model_dump() for result in results])
    require_passed(results)
    lineage.record("all", "gate", settings.model_dump(), (len(samples), len(samples)), {})
    progress("writing", steps - 1, steps)
    _write(folder, samples, facts.values(), lineage)
    progress("done", steps, steps)
    told = {name: rows for name, rows in (("remarks", remarks), ("faults", faults)) if rows}
    return _notes(settings, samples, facts, results) | review_notes | told


def _candidate(settings: DataSettings, samples: Sequence[Sample], facts: Sequence[Fact]) -> Candidate:
    apart = {label: task.apart for task in settings.tasks for label in task.labels}
    return Candidate(samples, facts, apart, settings.max_answer_share)


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
        "samples": {
            label: {split: counts[label, split] for split in SPLITS} for task in settings.tasks for label in task.labels
        },
        "tasks": {
            label: {"purpose": task.purpose, "about": dict(task.about), "apart": sorted(task.apart)}
            for task in settings.tasks
            for label in task.labels
        },
        "facts": len(facts),
        "sources": sources_of(used),
        "gate": {result.name: result.num_checked for result in results},
    }
    if any(source.startswith("hpo") for source in used):
        notes["hpo_release"] = hpo_release()
        notes["hpo_acknowledgement"] = load_hpo().acknowledgement
    return notes
