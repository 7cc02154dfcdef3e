"""A dataset as reviewers need it: facts, samples, and which samples rest on which fact."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from clinforge.artifacts import MANIFEST, changed_files, read_manifest
from clinforge.errors import InputError, MissingError, UserError
from clinforge.records import Fact, Sample, Split, read_jsonl


@dataclass(frozen=True)
class Material:
    """Facts and samples of one dataset by id."""

    folder: Path
    key: str
    """The dataset's key: which build this is."""
    facts: dict[str, Fact]
    samples: dict[str, Sample]
    samples_of: dict[str, list[str]]
    """Fact -> ids of the samples that rest on it."""


def dataset_folder(target: Path) -> Path:
    """The dataset that `target` is, or that the run folder `target` holds."""
    for folder in (target, target / "dataset"):
        if (folder / MANIFEST).is_file() and read_manifest(folder).kind == "dataset":
            return folder
    raise MissingError(f"No dataset at {target}.", hint="Name a run folder or its dataset: clinforge run RECIPE")


def read_material(folder: Path) -> Material:
    """Read a dataset; refuses one whose files are not those it was made with."""
    if changed := changed_files(folder):
        raise UserError(f"{folder} was changed after it was made: {', '.join(changed)}.", hint="Run the recipe again.")
    facts = {fact.id: fact for fact in read_jsonl(folder / "facts.jsonl", Fact)}
    rows = (row for split in get_args(Split) for row in read_jsonl(folder / f"{split}.jsonl", Sample))
    samples = {row.id: row for row in rows}
    if not samples:
        raise InputError(f"{folder} holds no samples: there is nothing to review.")
    samples_of: defaultdict[str, list[str]] = defaultdict(list)
    for sample in samples.values():
        for fact_id in sample.fact_ids:
            samples_of[fact_id].append(sample.id)
    return Material(folder, read_manifest(folder).key, facts, samples, dict(samples_of))
