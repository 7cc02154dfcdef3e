"""Review elsewhere: write a reviewer's queue to a file, and take the verdicts in it back."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from clinforge.errors import InputError, MissingError, UserError
from clinforge.records import Verdict
from clinforge.review.desk import Desk, Round, open_round
from clinforge.review.formats import argilla, jsonl, label_studio
from clinforge.review.formats.rows import Answer, Row
from clinforge.review.journal import journal_path
from clinforge.review.queue import assigned
from clinforge.review.settings import ExchangeSettings
from clinforge.review.view import readable, view_of
from clinforge.verdicts import read_journal, standing

_WRITERS: dict[str, Callable[[Iterator[Row]], str]] = {
    "jsonl": jsonl.write,
    "label_studio": label_studio.write,
    "argilla": argilla.write,
}
_READERS: dict[str, Callable[[Path, str, list[str]], Iterator[Answer]]] = {
    "jsonl": jsonl.read,
    "label_studio": label_studio.read,
    "argilla": argilla.read,
}


class TakenIn(NamedTuple):
    """What an import came to."""

    new: int
    known: int
    """Verdicts that stood in the journal already."""
    faults: tuple[str, ...]


def export(target: Path, settings: ExchangeSettings) -> int:
    """Write the reviewer's items, with the verdicts they have given, to `settings.file`; return how many.

    For Label Studio the labelling interface is written beside it, as FILE with the ending .xml. The others' verdicts
    are not in the file.
    """
    work = open_round(target, settings)
    rows = list(_rows(work, settings))
    if not rows:
        raise UserError(f"Nothing is assigned to {settings.reviewer}.", hint="Raise random_share, or name losses=FILE.")
    settings.file.write_text(_WRITERS[settings.format](iter(rows)), encoding="utf-8")
    if settings.format == "label_studio":
        settings.file.with_suffix(".xml").write_text(label_studio.interface(), encoding="utf-8")
    return len(rows)


def take_in(target: Path, settings: ExchangeSettings) -> TakenIn:
    """Add the verdicts of `settings.file` to the reviewer's journal; a bad row is noted and the rest goes on.

    Taking the same file in twice changes nothing. InputError when the file holds no verdict at all.
    """
    faults: list[str] = []
    counts = {True: 0, False: 0}
    with Desk(open_round(target, settings), settings) as desk:
        for answer in _READERS[settings.format](settings.file, settings.annotator, faults):
            try:
                counts[desk.take_in(_verdict(answer, settings.reviewer))] += 1
            except MissingError as error:
                faults.append(f"{answer.place} field 'item_id': {error}")
            except InputError as error:
                faults.append(f"{answer.place} {error}")
    if not sum(counts.values()):
        first = f" First fault: {faults[0]}" if faults else ""
        raise InputError(f"{settings.file} holds no verdict that could be taken in.{first}")
    return TakenIn(counts[True], counts[False], tuple(faults))


def _rows(work: Round, settings: ExchangeSettings) -> Iterator[Row]:
    journal = journal_path(work.folder, settings.reviewer)
    own = standing(read_journal(journal)) if journal.is_file() else {}
    for entry in work.entries:
        if settings.reviewer in assigned(entry, settings.roster, settings.seed):
            verdict = own.get(entry.key, {}).get(settings.reviewer)
            yield Row(entry, readable(work.material, entry.key), view_of(work.material, entry.key), verdict)


def _verdict(answer: Answer, reviewer: str) -> Verdict:
    """The answer as the reviewer's verdict; InputError names the field that keeps it from being one."""
    defaults: dict[str, Any] = {"reviewer": reviewer, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
    try:
        verdict = Verdict.model_validate(defaults | answer.values)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InputError(f"field '{'.'.join(str(one) for one in first['loc'])}': {first['msg']}.") from None
    try:
        datetime.fromisoformat(verdict.at)
    except ValueError:
        raise InputError("field 'at': must be a time in ISO 8601.") from None
    if verdict.reviewer != reviewer:
        raise InputError(f"field 'reviewer': this verdict is {verdict.reviewer}'s; take it in with their name.")
    if verdict.decision == "undo":
        raise InputError("field 'decision': a file holds verdicts; take one back on the page.")
    return verdict
