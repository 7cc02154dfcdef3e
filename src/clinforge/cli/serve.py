"""`clinforge serve RUN`: answer over HTTP."""

import argparse
from pathlib import Path

from clinforge.config import parse
from clinforge.serve.settings import ServeSettings

NAME = "serve"
HELP = "serve a run over HTTP, OpenAI-compatible (启动服务)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("run", type=Path, help="a run folder or its bundle")
    parser.add_argument("overrides", nargs="*", help="settings as key=value, e.g. port=8400")


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    settings = parse(ServeSettings, {}, arguments.overrides, origin="serve")
    from clinforge.serve.run import serve

    serve(arguments.run, settings)
    return 0
