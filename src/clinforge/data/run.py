"""Make a dataset: each task composes its samples, reviews and evaluation sets take rows out, the gate judges the rest.

tasks ─▶ samples + facts + documents ─▶ reviews ─▶ evaluation sets ─▶ gate ─▶ files
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clinforge.artifacts import write_json
from clinforge.data.contamination import Contamination
from clinforge.data.gate import Candidate, CheckResult, label_of, require_passed, run_gate
from clinforge.data.lineage import DOCUMENTS_FILE, FACTS_FILE, LINEAGE_FILE, REVIEWS_FILE, Lineage, sources_of
from clinforge.data.retire import apply_reviews
from clinforge.data.settings import DataSettings
from clinforge.data.split import SPLITS
from clinforge.errors import StageError
from clinforge.knowledge.graphs.hpo import hpo_release, load_hpo
from clinforge.records import Document, Fact, Sample, write_jsonl

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
GATE_FILE = "gate.json"
CONTAMINATION_FILE = "contamination.json"
FAULTS_FILE = "faults.json"
_SHOWN_FAULTS = 20
Against = Mapping[str, Sequence[Sample]]
"""Evaluation sets by name."""


@dataclass
class Material:
    """A dataset in the making."""

    samples: list[Sample] = field(default_factory=list[Sample])
    facts: dict[str, Fact] = field(default_factory=dict[str, Fact])
    documents: dict[str, Document] = field(default_factory=dict[str, Document])
    faults: list[str] = field(default_factory=list[str])
    remarks: list[str] = field(default_factory=list[str])
    permitted: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    contamination: Contamination | None = None
    notes: dict[str, Any] = field(default_factory=dict[str, Any])


def build_dataset(
    settings: DataSettings, folder: Path, progress: Progress, against: Against | None = None
) -> dict[str, Any]:
    """Write train/validation/test.jsonl, facts.jsonl, lineage.jsonl and gate.json; return the manifest's notes.

    Beside them, where there is something to say: documents.jsonl, faults.json (rows that could not be read),
    reviews.jsonl (what reviewers said), contamination.json (what training shares with `against`). Equal settings and
    sources give byte-identical files. Raises ConfigError when a task cannot give as many samples as asked, GateError
    when the gate refuses (gate.json is written first), MissingError when a source is not installed.
    """
    lineage, steps = Lineage(), len(settings.tasks) + 3
    material = Material()
    for done, task in enumerate(settings.tasks):
        progress(f"samples: {task.label}", done, steps)
        result = task(settings.seed, lineage)
        if not result.samples:
            raise StageError(f"Task {task.label} gave no samples.")
        material.samples += result.samples
        material.facts |= {fact.id: fact for fact in result.facts}
        material.documents |= {document.id: document for document in result.documents}
        material.faults += result.faults
        material.remarks += result.remarks
        material.permitted |= result.permitted
    progress("reviews and evaluation sets", steps - 3, steps)
    _review(settings, material, lineage, folder)
    _decontaminate(settings, material, against or {}, lineage, folder)
    progress("gate", steps - 2, steps)
    results = run_gate(_candidate(settings, material))
    write_json(folder / GATE_FILE, [result.model_dump() for result in results])
    require_passed(results)
    count = len(material.samples)
    lineage.record("all", "gate", settings.model_dump(), (count, count), {})
    progress("writing", steps - 1, steps)
    _write(folder, material, lineage)
    progress("done", steps, steps)
    return _notes(settings, material, results)


def _review(settings: DataSettings, material: Material, lineage: Lineage, folder: Path) -> None:
    """Leave out what reviewers rejected, put their edits in place, and keep what they said."""
    if not settings.reviews:
        return
    reviewed = apply_reviews(material.samples, material.facts, settings.reviews, lineage)
    material.samples, material.facts = reviewed.samples, reviewed.facts
    material.notes |= reviewed.notes
    write_jsonl(folder / REVIEWS_FILE, reviewed.applied)


def _decontaminate(
    settings: DataSettings, material: Material, against: Against, lineage: Lineage, folder: Path
) -> None:
    """Leave out taught rows that an evaluation set holds; without a set there is nothing to compare with."""
    if not against:
        return
    from clinforge.data.decontaminate import decontaminate

    taught = [sample for sample in material.samples if sample.split != "test"]
    found = decontaminate(taught, against, settings.decontaminate)
    params = {**settings.decontaminate.model_dump(), "against": found.report.evaluated}
    lineage.record("all", "decontaminate", params, (len(taught), len(found.kept)), found.dropped)
    material.samples = [*found.kept, *(sample for sample in material.samples if sample.split == "test")]
    material.contamination = found.report
    material.notes["against"] = {"rows": found.report.evaluated, "pairs": found.report.counts}
    (folder / CONTAMINATION_FILE).write_text(found.report.model_dump_json(indent=1), encoding="utf-8")


def _candidate(settings: DataSettings, material: Material) -> Candidate:
    return Candidate(
        samples=material.samples,
        facts=list(material.facts.values()),
        apart={label: task.apart for task in settings.tasks for label in task.labels},
        max_answer_share=settings.max_answer_share,
        documents=frozenset(material.documents),
        permitted=frozenset(material.permitted),
        contamination=material.contamination,
    )


def _write(folder: Path, material: Material, lineage: Lineage) -> None:
    for split in SPLITS:
        rows = sorted((sample for sample in material.samples if sample.split == split), key=lambda sample: sample.id)
        write_jsonl(folder / f"{split}.jsonl", rows)
    write_jsonl(folder / FACTS_FILE, [material.facts[fact_id] for fact_id in sorted(material.facts)])
    write_jsonl(folder / LINEAGE_FILE, lineage.steps)
    if material.documents:
        used = {document_id for sample in material.samples for document_id in sample.document_ids}
        write_jsonl(folder / DOCUMENTS_FILE, [material.documents[document_id] for document_id in sorted(used)])
    if material.faults:
        write_json(folder / FAULTS_FILE, material.faults)


def _notes(settings: DataSettings, material: Material, results: Sequence[CheckResult]) -> dict[str, Any]:
    used = {fact.source for fact in material.facts.values()}
    used |= {document.source for document in material.documents.values()}
    counts = Counter((label_of(sample), sample.split) for sample in material.samples)
    notes: dict[str, Any] = {
        "samples": {
            label: {split: counts[label, split] for split in SPLITS} for task in settings.tasks for label in task.labels
        },
        "tasks": {
            label: {"purpose": task.purpose, "about": dict(task.about), "apart": sorted(task.apart)}
            for task in settings.tasks
            for label in task.labels
        },
        "facts": len(material.facts),
        "sources": sources_of(used, material.permitted),
        "gate": {result.name: result.num_checked for result in results},
        **material.notes,
    }
    if material.documents:
        notes["documents"] = len(material.documents)
    if material.remarks:
        notes["remarks"] = material.remarks
    if material.faults:
        notes["faults"] = {"rows": len(material.faults), "first": material.faults[:_SHOWN_FAULTS]}
    if any(source.startswith("hpo") for source in used):
        notes["hpo_release"] = hpo_release()
        notes["hpo_acknowledgement"] = load_hpo().acknowledgement
    return notes
