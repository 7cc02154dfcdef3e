"""`clinforge VERB ...`: finds the verb, runs it, and turns what happened into an exit code.

0 done · 1 our fault (with a traceback) · 2 the user can fix it (with the fix) · 130 interrupted.
"""

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence

from clinforge import __version__
from clinforge.errors import StageError, UserError

VERBS = ("run", "data", "evaluate", "serve", "chat", "triage", "trace", "review", "check")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="clinforge",
        description="From raw medical text to a served, audited medical assistant. Decision support, not a medical "
        "device.",
    )
    parser.add_argument("--version", action="version", version=f"clinforge {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in VERBS:
        module = importlib.import_module(f"clinforge.cli.{name}")
        verb = verbs.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(verb)
        verb.set_defaults(handler=module.run)
    return parser


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse; `key=value` overrides may stand on either side of an option (argparse alone takes one group of them)."""
    parser = build_parser()
    parsed, rest = parser.parse_known_args(arguments)
    if any(word.startswith("-") or "=" not in word for word in rest) or (rest and not hasattr(parsed, "overrides")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        parsed.overrides = [*parsed.overrides, *rest]
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parsed = _parse(arguments)
    # PEFT 0.21 asks transformers for an attribute by its old name; nothing a user could do about it.
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
    try:
        return parsed.handler(parsed)
    except UserError as error:
        print(f"clinforge: {error}", file=sys.stderr)
        return 2
    except StageError as error:
        print(f"clinforge: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("clinforge: interrupted; the same command continues from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`clinforge ... | head`): nothing is wrong.
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
