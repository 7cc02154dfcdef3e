"""`clinforge data export DATASET FOLDER [form=...]`: a dataset's samples in the layout another program reads."""

import argparse
from pathlib import Path
from typing import Literal

from clinforge.config import Settings, parse
from clinforge.errors import MissingError

NAME = "export"
HELP = "write a dataset as messages, sharegpt, alpaca or prompt/completion rows, e.g. for LLaMA-Factory or TRL (导出)"


class ExportSettings(Settings):
    """In which layout rows are written."""

    form: Literal["messages", "sharegpt", "alpaca", "prompt_completion"] = "messages"
    """messages: OpenAI's turns. sharegpt: conversations of from and value. alpaca: instruction, input, output, system.
    prompt_completion: turns before and after the answer, as TRL reads them."""
    split: Literal["all", "train", "validation", "test"] = "all"
    """Which split is written; each has a file of its own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("dataset", type=Path, help="a dataset or run folder")
    parser.add_argument("folder", type=Path, help="where the files go; must not exist")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="form=sharegpt, split=train")


def run(arguments: argparse.Namespace) -> int:
    """Write the files and say how many rows each has."""
    settings = parse(ExportSettings, {}, arguments.overrides, origin="clinforge data export")
    dataset: Path = arguments.dataset
    if not (dataset / "train.jsonl").is_file():
        dataset /= "dataset"
    if not (dataset / "train.jsonl").is_file():
        raise MissingError(f"{arguments.dataset} holds no dataset.", hint="Make one: clinforge data build RECIPE")
    from clinforge.data.export import export

    for name, rows in export(dataset, arguments.folder, settings.form, settings.split).items():
        print(f"{rows:>7}  {arguments.folder / name}")
    return 0
