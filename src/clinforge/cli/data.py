"""`clinforge data WHAT ...`: the verbs that make and look at data, each in a file of its own."""

import argparse

from clinforge.cli import build_data, export_data, fetch_pubmed, inspect_data, write_pairs

NAME = "data"
HELP = "fetch, build, inspect and export data (数据)"

PARTS = (build_data, inspect_data, export_data, fetch_pubmed, write_pairs)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of each part."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="WHAT")
    for module in PARTS:
        part = parts.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(part)
        part.set_defaults(run_part=module.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the part that was named."""
    return arguments.run_part(arguments)
