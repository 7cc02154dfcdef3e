"""`clinforge data inspect PATH`: what a dataset holds, or how a file would be read."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinforge.errors import InputError, MissingError

if TYPE_CHECKING:
    from rich.console import Console

NAME = "inspect"
HELP = "say what a dataset holds, or how a file would be read and what to write in the recipe (查看数据)"
_TABLES = (".csv", ".tsv", ".tab", ".xlsx")
_SPLITS = ("train", "validation", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("path", type=Path, help="a dataset or run folder, or a file or folder of rows")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Look and tell; nothing is written."""
    from rich.console import Console

    path: Path = arguments.path
    if not path.exists():
        raise MissingError(f"There is nothing at {path}.")
    for folder in (path, path / "dataset"):
        if (folder / "manifest.json").is_file() and (folder / "train.jsonl").is_file():
            return _dataset(Console(), folder, as_json=arguments.json)
    return _file(path, as_json=arguments.json)


def print_dataset(console: "Console", folder: Path) -> None:
    """Print the counts of a dataset, where its rows come from, and what its gate checked."""
    from rich.box import SIMPLE
    from rich.table import Table

    from clinforge.artifacts import read_manifest
    from clinforge.data.lineage import steps_of

    notes: dict[str, Any] = read_manifest(folder).notes
    table = Table("task", *_SPLITS, box=SIMPLE, title=str(folder), title_justify="left", title_style="bold")
    for task, counts in notes["samples"].items():
        table.add_row(task, *(str(counts[split]) for split in _SPLITS))
    console.print(table)
    for step in steps_of(folder):
        for reason, count in step.dropped.items():
            console.print(f"left out  {step.task} {step.operator}: {count} {reason}", markup=False, highlight=False)
    for source in notes["sources"]:
        console.print(f"source    {source['key']}: {source['licence']}", markup=False, highlight=False)
    if faults := notes.get("faults"):
        console.print(f"not read  {faults['rows']} rows, all named in {folder / 'faults.json'}", highlight=False)
    console.print(f"gate      {len(notes['gate'])} checks passed", highlight=False)


def _dataset(console: "Console", folder: Path, *, as_json: bool) -> int:
    if as_json:
        from clinforge.artifacts import read_manifest

        print(json.dumps(read_manifest(folder).notes, ensure_ascii=False))
    else:
        print_dataset(console, folder)
    return 0


def _file(path: Path, *, as_json: bool) -> int:
    """Say which source reads the file, and how: first as questions with answers, then as a table of texts."""
    from clinforge.config import to_yaml
    from clinforge.data.sources.dialogues import Dialogues
    from clinforge.data.sources.table_guess import guess_columns

    try:
        found = Dialogues(path=path).detect()
    except InputError as error:
        if path.is_dir() or Path(path.name.removesuffix(".gz")).suffix.lower() not in _TABLES:
            raise
        guess = guess_columns(path)
        if guess.columns is None:
            raise
        if as_json:
            print(json.dumps({"kind": "table", **guess.model_dump(mode="json")}, ensure_ascii=False))
            return 0
        print(f"No question-answer set ({error.args[0]})\nAs a table of texts (kind: table):\n\ncolumns:")
        print("".join(f"  {line}\n" for line in to_yaml(guess.columns).splitlines()), end="")
        return 0
    if as_json:
        print(json.dumps({"kind": "dialogues", "files": [one.model_dump() for one in found]}, ensure_ascii=False))
        return 0
    print("A question-answer set (kind: dialogues):")
    for one in found:
        print(one)
    return 0
