"""`clinforge chat RUN`: talk to a run in the terminal."""

import argparse
import sys
from pathlib import Path

from clinforge.config import parse
from clinforge.serve.settings import ServeSettings

NAME = "chat"
HELP = "talk to a run in the terminal (终端对话)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("run", type=Path, help="a run folder or its bundle")
    parser.add_argument("overrides", nargs="*", help="settings as key=value, e.g. max_new_tokens=128")


def run(arguments: argparse.Namespace) -> int:
    """Talk until /quit or the end of the input."""
    settings = parse(ServeSettings, {}, arguments.overrides, origin="chat")
    from clinforge.serve.dialogue import talk
    from clinforge.serve.engine import find_bundle, load_engine

    engine = load_engine(find_bundle(arguments.run), settings)
    talk(
        engine, settings, lines=sys.stdin, write=lambda text: print(text, end="", flush=True), prompt=sys.stdin.isatty()
    )
    return 0
