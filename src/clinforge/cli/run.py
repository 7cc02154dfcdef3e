"""`clinforge run RECIPE [key=value ...]`."""

import argparse
import json
from pathlib import Path

from rich.console import Console

from clinforge import config
from clinforge.cli.progress import stage_progress
from clinforge.recipe import Recipe

NAME = "run"
HELP = "Run a recipe from facts to report; finished stages are reused, a killed run continues."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("recipe", type=Path, help="recipe file (YAML)")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings to change, e.g. train.epochs=2")
    parser.add_argument("--dry-run", action="store_true", help="check the recipe and print it, run nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    recipe = config.load(Recipe, arguments.recipe, arguments.overrides)
    if arguments.dry_run:
        print(config.to_yaml(recipe), end="")
        return 0
    from clinforge import pipeline
    from clinforge.cli.table import print_comparison

    console = Console(stderr=arguments.json)
    with stage_progress(console) as progress:
        result = pipeline.run(recipe, progress)
    if arguments.json:
        print(json.dumps(result.summary(), ensure_ascii=False))
        return 0
    print_comparison(console, result.report)
    console.print(f"\nReport:  {result.folder / 'report' / 'report.html'}")
    console.print(f"Talk:    clinforge chat {result.folder}")
    console.print(f"Serve:   clinforge serve {result.folder}")
    return 0
