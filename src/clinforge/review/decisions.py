"""What makes a verdict complete: a reason from the table, and a text where something was changed."""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from clinforge.records import Record, Verdict

NEEDS_NOTE = "other"


class Reason(Record):
    """One row of the reason table."""

    key: str
    decisions: tuple[str, ...]
    """What it may be a reason for."""
    en: str
    zh: str


@cache
def all_reasons() -> dict[str, Reason]:
    """The reason table, in its order."""
    text = (files("clinforge.review") / "reasons.toml").read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = tomllib.loads(text)
    return {key: Reason(key=key, decisions=row["for"], en=row["en"], zh=row["zh"]) for key, row in table.items()}


def faults_of(verdict: Verdict, current: str, options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) of everything that keeps a verdict from being complete.

    `current` is the text an edit would replace, `options` what it must be one of, if any. No message repeats what a
    reviewer wrote.
    """
    if verdict.decision in ("accept", "undo"):
        if verdict.reason:
            yield "reason", f"to {verdict.decision} takes none."
    else:
        reason = all_reasons().get(verdict.reason)
        if reason is None or verdict.decision not in reason.decisions:
            allowed = [one.key for one in all_reasons().values() if verdict.decision in one.decisions]
            yield "reason", f"to {verdict.decision} needs one of: {', '.join(allowed)}."
        if verdict.reason == NEEDS_NOTE and not verdict.note.strip():
            yield "note", f"the reason '{NEEDS_NOTE}' needs a note."
    if fault := _edit_fault(verdict, current, options):
        yield "edited", fault


def _edit_fault(verdict: Verdict, current: str, options: Sequence[str]) -> str:
    if verdict.decision != "edit":
        return f"to {verdict.decision} takes none." if verdict.edited else ""
    if not verdict.edited.strip():
        return "to edit needs the text that stands in its place."
    if verdict.edited == current:
        return "it changes nothing: accept instead."
    if options and verdict.edited not in options:
        return "the answer to a choice question must be one of its options, letter for letter."
    return ""
