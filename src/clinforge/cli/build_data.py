"""`clinforge data build RECIPE [key=value ...]`: only the dataset of a recipe."""

import argparse
import json
from pathlib import Path

from clinforge import config
from clinforge.recipe import Recipe

NAME = "build"
HELP = "make the dataset of a recipe, with its gate, and nothing more (只构建数据集)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("recipe", type=Path, help="recipe file (YAML)")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings to change, e.g. data.seed=1")
    parser.add_argument("--json", action="store_true", help="print the dataset's manifest notes as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Make the dataset and say what is in it."""
    recipe = config.load(Recipe, arguments.recipe, arguments.overrides)
    from rich.console import Console

    from clinforge import pipeline
    from clinforge.artifacts import read_manifest
    from clinforge.cli.inspect_data import print_dataset
    from clinforge.cli.progress import stage_progress

    console = Console(stderr=arguments.json)
    with stage_progress(console) as progress:
        folder = pipeline.make_dataset(recipe, progress)
    if arguments.json:
        print(json.dumps({"folder": str(folder), **read_manifest(folder).notes}, ensure_ascii=False))
    else:
        print_dataset(console, folder)
    return 0
