"""What stages leave on disk: a folder with a `manifest.json` that says what it is and what it was made from.

An artifact appears whole or not at all: it is written beside its place as `NAME.partial` and renamed when done.
Its `key` is the hash of everything that decided its content (settings, parents, code version), so a stage that
finds an artifact with the key it is about to produce has nothing to do.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel

from clinforge import __version__
from clinforge.errors import MissingError
from clinforge.records import Record, content_hash

Kind = Literal["dataset", "checkpoint", "evaluation", "bundle", "report"]
MANIFEST = "manifest.json"


class Manifest(Record):
    """The identity card of an artifact."""

    kind: Kind
    key: str
    """Hash of what decided the content: kind, settings, parents' keys, version."""
    version: str
    created: datetime
    settings: dict[str, Any]
    parents: dict[str, str]
    """Name -> key of each artifact this one was made from."""
    files: dict[str, str]
    """Relative path -> SHA-256 of each file."""
    notes: dict[str, Any]
    """What else a reader needs: counts, sources, licences, package versions."""


def artifact_key(kind: Kind, settings: Mapping[str, Any], parents: Mapping[str, str]) -> str:
    """Hash of what decides an artifact's content."""
    return content_hash([kind, settings, parents, __version__])


def named_files(settings: BaseModel) -> dict[str, str]:
    """Path -> hash of its content, for every file and folder that the settings name.

    Among an artifact's parents it makes a changed file count like a changed setting. MissingError for a path that is
    not there.
    """
    return {str(path): _content_hash(path) for path in sorted(_paths_in(settings.model_dump()))}


def partial_folder(folder: Path) -> Path:
    """Where an artifact is being made; a stage that resumes keeps its checkpoints here."""
    return folder.with_name(folder.name + ".partial")


def is_current(folder: Path, key: str) -> bool:
    """Whether the artifact at `folder` is complete and has this key."""
    return (folder / MANIFEST).is_file() and read_manifest(folder).key == key


@contextlib.contextmanager
def write_artifact(
    folder: Path,
    kind: Kind,
    settings: Mapping[str, Any],
    parents: Mapping[str, str],
    *,
    keep_partial: bool = False,
) -> Generator[tuple[Path, dict[str, Any]]]:
    """Make an artifact: yields (folder to write into, notes to fill); renames into place when the block ends.

    If the block raises, the artifact's place is untouched. With `keep_partial` what an interrupted run of the
    same key left behind is there again (`resumable.key` guards against another key's leftovers).
    """
    key = artifact_key(kind, settings, parents)
    partial = partial_folder(folder)
    marker = partial / "resumable.key"
    if not (keep_partial and marker.is_file() and marker.read_text(encoding="utf-8") == key):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        marker.write_text(key, encoding="utf-8")
    notes: dict[str, Any] = {}
    try:
        yield partial, notes
    except BaseException:
        if not keep_partial:
            shutil.rmtree(partial, ignore_errors=True)
        raise
    marker.unlink()
    manifest = Manifest(
        kind=kind,
        key=key,
        version=__version__,
        created=datetime.now(UTC),
        settings=dict(settings),
        parents=dict(parents),
        files=hash_files(partial),
        notes=notes,
    )
    (partial / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
    _swap(partial, folder)


def read_manifest(folder: Path) -> Manifest:
    """Read an artifact's manifest; MissingError if there is none."""
    path = folder / MANIFEST
    if not path.is_file():
        raise MissingError(f"No finished artifact at {folder}.", hint="Make it first: clinforge run RECIPE")
    return Manifest.model_validate_json(path.read_text(encoding="utf-8"))


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in files}


def hash_file(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changed_files(folder: Path) -> list[str]:
    """Files of an artifact that are missing or differ from its manifest."""
    listed, found = read_manifest(folder).files, hash_files(folder)
    return sorted(name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name))


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 -- any JSON value
    """Write a JSON file that a person can read, atomically."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _paths_in(value: object) -> set[Path]:
    if isinstance(value, Path):
        return {value}
    if isinstance(value, dict):
        value = list(cast("dict[str, object]", value).values())
    if isinstance(value, list | tuple):
        return {path for part in cast("list[object]", value) for path in _paths_in(part)}
    return set()


def _content_hash(path: Path) -> str:
    if path.is_dir():
        return content_hash(hash_files(path))
    if not path.is_file():
        raise MissingError(f"There is no file or folder at {path}.", hint="Correct its path in the recipe.")
    return hash_file(path)


def _swap(partial: Path, folder: Path) -> None:
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
