"""What was done to make a dataset, step by step, and the way back from a row to its sources."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clinforge.artifacts import read_manifest
from clinforge.errors import InputError, MissingError
from clinforge.knowledge.licences import licence_of
from clinforge.records import Document, Fact, Record, Sample, content_hash, read_jsonl
from clinforge.verdicts import Outcome

LINEAGE_FILE = "lineage.jsonl"
FACTS_FILE = "facts.jsonl"
DOCUMENTS_FILE = "documents.jsonl"
REVIEWS_FILE = "reviews.jsonl"
_LEFT_OUT = {"text", "sections", "conversation", "options", "rejected"}
SAMPLE_FILES = ("train.jsonl", "validation.jsonl", "test.jsonl")


class Step(Record):
    """One operator's work: `taken` went in, `given` came out, the rest is counted in `dropped` by reason."""

    task: str
    """Task and language, e.g. `department.zh`."""
    operator: str
    version: int
    """Raised when the operator's behaviour changes."""
    params_hash: str
    taken: int
    given: int
    dropped: dict[str, int]


class AppliedReview(Record):
    """What reviewers said about one fact or sample of a dataset, and the sample that took its place."""

    outcome: Outcome
    replaced_by: str = ""
    """Id of the sample with the edited answer; the parent is the outcome's item."""


class Lineage:
    """Collects steps; rows are only ever added."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def record(
        self, task: str, operator: str, params: Mapping[str, Any], counts: tuple[int, int], dropped: Mapping[str, int]
    ) -> None:
        """Add one step; `counts` are (taken, given)."""
        self.steps.append(
            Step(
                task=task,
                operator=operator,
                version=1,
                params_hash=content_hash(params)[:16],
                taken=counts[0],
                given=counts[1],
                dropped={reason: count for reason, count in sorted(dropped.items()) if count},
            )
        )


def trace_row(dataset: Path, row: str) -> dict[str, Any]:
    """Walk from a row (sample id, or `train.jsonl:12`) back to facts, packages, licences and operators."""
    sample = find_sample(dataset, row)
    wanted = set(sample.fact_ids)
    facts = [fact for fact in read_jsonl(dataset / FACTS_FILE, Fact) if fact.id in wanted]
    missing = sorted(wanted - {fact.id for fact in facts})
    if missing:
        raise InputError(f"Sample {sample.id} refers to facts that {dataset / FACTS_FILE} does not hold: {missing}.")
    task = f"{sample.task}.{sample.lang}"
    documents = documents_of(dataset, sample)
    return {
        "sample": sample.model_dump(mode="json", include={"id", "task", "lang", "split", "family_id", "template_id"}),
        "facts": [fact.model_dump() for fact in facts],
        "documents": [document.model_dump(mode="json", exclude=_LEFT_OUT) for document in documents],
        "sources": _sources(dataset, {fact.source for fact in facts} | {document.source for document in documents}),
        "operators": [step.model_dump() for step in steps_of(dataset) if step.task in (task, "all")],
        "reviews": [review.model_dump() for review in reviews_of(dataset, sample)],
    }


def find_sample(dataset: Path, row: str) -> Sample:
    """The sample with this id, or on this line of this file."""
    name, _, number = row.rpartition(":")
    if name and number.isdigit():
        for line, sample in enumerate(read_jsonl(dataset / Path(name).name, Sample), start=1):
            if line == int(number):
                return sample
        raise InputError(f"{dataset / Path(name).name} has no line {number}.")
    for file in SAMPLE_FILES:
        for sample in read_jsonl(dataset / file, Sample):
            if sample.id == row:
                return sample
    raise MissingError(f"No sample '{row}' in {dataset}.", hint="Give a sample id or FILE:LINE, e.g. train.jsonl:12")


def documents_of(dataset: Path, sample: Sample) -> list[Document]:
    """The documents that a sample was made from."""
    if not sample.document_ids:
        return []
    wanted = set(sample.document_ids)
    return [row for row in read_jsonl(dataset / DOCUMENTS_FILE, Document) if row.id in wanted]


def _sources(dataset: Path, keys: set[str]) -> list[dict[str, Any]]:
    """As the dataset's own manifest lists them; a dataset without one is asked of the licence table."""
    manifest = dataset / "manifest.json"
    listed = read_manifest(dataset).notes.get("sources", []) if manifest.is_file() else sources_of(keys)
    return [row for row in listed if row["key"] in keys]


def steps_of(dataset: Path) -> list[Step]:
    """The dataset's lineage."""
    return list(read_jsonl(dataset / LINEAGE_FILE, Step))


def reviews_of(dataset: Path, sample: Sample) -> list[AppliedReview]:
    """What reviewers said about a sample, about the samples it replaces, and about its facts."""
    path = dataset / REVIEWS_FILE
    if not path.is_file():
        return []
    rows = list(read_jsonl(path, AppliedReview))
    parents = {row.replaced_by: row.outcome.item_id for row in rows if row.replaced_by}
    wanted = [sample.id]
    while (parent := parents.get(wanted[-1])) is not None and parent not in wanted:
        wanted.append(parent)
    keys = {("sample", sample_id) for sample_id in wanted} | {("fact", fact_id) for fact_id in sample.fact_ids}
    return [row for row in rows if (row.outcome.item, row.outcome.item_id) in keys]


def sources_of(keys: Iterable[str], permitted: Mapping[str, Mapping[str, str]] | None = None) -> list[dict[str, Any]]:
    """What the licence table says about each source, with the version installed here.

    `permitted`: who allowed a source that the table does not know, and why.
    """
    rows: list[dict[str, Any]] = []
    for key in sorted(set(keys)):
        licence = licence_of(key)
        if licence is not None:
            rows.append({**licence.model_dump(), "version": licence.package_version})
        elif permitted and key in permitted:
            rows.append(_unlisted(key, "not in the licence table") | {"permission": dict(permitted[key])})
        else:
            rows.append(_unlisted(key, "unknown: not allowed"))
    return rows


def _unlisted(key: str, licence: str) -> dict[str, Any]:
    return {"key": key, "name": key, "package": "own files", "version": "", "licence": licence}
