"""`clinforge triage`: look for red flags in a text, a file or standard input."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from clinforge.errors import InputError
from clinforge.records import read_json_lines
from clinforge.safety.disclaimer import DISCLAIMERS
from clinforge.safety.triage import Triage, triage

NAME = "triage"
HELP = "look for red flags in a text, before any model (急症预检)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("text", nargs="?", default="-", help="text, a file, or - for standard input")
    parser.add_argument("--json", action="store_true", help='JSON lines {"id","text"} in, verdicts out')


def run(arguments: argparse.Namespace) -> int:
    """Print the verdict on the text, or one JSON line per row."""
    if arguments.json:
        for row_id, text in _rows(arguments.text):
            print(json.dumps({"id": row_id, **verdict_json(triage(text))}, ensure_ascii=False))
        return 0
    verdict = triage(_read(arguments.text))
    print(_describe(verdict))
    return 0


def verdict_json(verdict: Triage) -> dict[str, object]:
    """A verdict as other programs read it."""
    return {
        "level": verdict.level,
        "emergency": verdict.emergency,
        "rules": list(verdict.rules),
        "advice": verdict.advice or None,
    }


def _describe(verdict: Triage) -> str:
    if verdict.level is None:
        found = {
            "zh": "未发现危险信号；这并不表示一切正常。",
            "en": "No red flag found; that does not mean all is well.",
        }
        return f"{found[verdict.lang]}\n\n{DISCLAIMERS[verdict.lang]}"
    level = {"zh": "级别", "en": "Level"}[verdict.lang]
    return (
        f"{level} {verdict.level}: {', '.join(verdict.rules)}\n\n{verdict.advice_text}\n\n{DISCLAIMERS[verdict.lang]}"
    )


def _rows(source: str) -> Iterator[tuple[object, str]]:
    path = Path("/dev/stdin" if source == "-" else source)
    lines = read_json_lines(path) if source != "-" else _stdin_rows()
    for number, row in lines:
        text = row.get("text")
        if not isinstance(text, str):
            raise InputError(f"{path}:{number} field 'text': must be a text.")
        yield row.get("id", str(number)), text


def _stdin_rows() -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"standard input:{number} column {error.colno}: not JSON ({error.msg}).") from None
        if not isinstance(row, dict):
            raise InputError(f"standard input:{number}: a row must be a JSON object.")
        yield number, row


def _read(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else source
    except OSError:  # a text too long to be a file's name
        return source
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}.", hint="Save the file as UTF-8.") from None
