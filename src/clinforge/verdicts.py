"""What reviewers said, as it stands in their journals, and what follows from it for the data.

A journal is one reviewer's file, one `Verdict` a line in the order they were given. Lines are only ever added: an
`undo` line takes back the reviewer's last verdict on its item. The review stage writes journals, the data stage acts on
them; they meet here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from clinforge.errors import InputError, MissingError
from clinforge.records import ItemKind, Record, Verdict

Decision = Literal["accept", "edit", "reject", "escalate"]
Key = tuple[ItemKind, str]
"""(kind, id) of what was judged."""


class Outcome(Record):
    """What the reviewers of one item came to together."""

    item: ItemKind
    item_id: str
    decision: Decision
    """`escalate` also where they differ: the item stays in until someone settles it."""
    reviewers: tuple[str, ...]
    reasons: tuple[str, ...]
    edited: str = ""
    simulated: bool = False
    """Whether a program's trial verdict is among them."""


class Retired(NamedTuple):
    """What may no longer be trained on."""

    fact_ids: frozenset[str]
    sample_ids: frozenset[str]


def retired(verdicts: Iterable[Verdict]) -> Retired:
    """What the verdicts take out of the data: rejected facts and samples, and facts that were corrected.

    A corrected fact goes too, because the samples made from it say what it said before. Whatever two reviewers disagree
    about, or anyone escalated, stays in.
    """
    found = outcomes(verdicts)
    return Retired(
        frozenset(one.item_id for one in found if one.item == "fact" and one.decision in ("reject", "edit")),
        frozenset(one.item_id for one in found if one.item == "sample" and one.decision == "reject"),
    )


def outcomes(verdicts: Iterable[Verdict]) -> list[Outcome]:
    """One outcome for each item that anyone has judged, in order of kind and id: what more than half of them say."""
    return [_outcome(key, list(given.values())) for key, given in sorted(standing(verdicts).items())]


def standing(verdicts: Iterable[Verdict]) -> dict[Key, dict[str, Verdict]]:
    """Item -> reviewer -> the verdict of theirs that counts."""
    found: defaultdict[Key, dict[str, Verdict]] = defaultdict(dict)
    for verdict in not_undone(verdicts):
        found[verdict.item, verdict.item_id][verdict.reviewer] = verdict
    return dict(found)


def not_undone(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that were not taken back, in order."""
    kept: dict[int, Verdict] = {}
    places: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for place, verdict in enumerate(verdicts):
        own = places[verdict.item, verdict.item_id, verdict.reviewer]
        if verdict.decision != "undo":
            own.append(place)
            kept[place] = verdict
        elif own:
            del kept[own.pop()]
    return list(kept.values())


def read_verdicts(paths: Iterable[Path]) -> list[Verdict]:
    """All lines of the journals named, `undo` lines too; a folder stands for the *.jsonl files in it.

    Raises MissingError for a path that is not there, InputError for a line that is no verdict: a verdict that goes
    unread might be a rejection.
    """
    return [verdict for path in paths for journal in _journals(path) for verdict in read_journal(journal)]


def read_journal(path: Path) -> list[Verdict]:
    """The lines of one journal. What a crash left of a last line was never confirmed to anyone and is left out."""
    whole, tail = split_tail(path.read_bytes())
    lines = [*whole.split(b"\n"), tail]
    return [read_line(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def split_tail(content: bytes) -> tuple[bytes, bytes]:
    """A journal's finished lines and what follows the last line end, if that is a whole verdict."""
    whole, _, tail = content.rpartition(b"\n")
    try:
        Verdict.model_validate_json(tail)
    except ValidationError:
        return whole, b""
    return whole, tail


def read_line(line: bytes, place: str) -> Verdict:
    """One line as a verdict; InputError names its place and field."""
    try:
        return Verdict.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(row)"
        raise InputError(f"{place} field '{field}': {first['msg']}") from None


def _journals(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(path.glob("*.jsonl"))
    elif path.is_file():
        yield path
    else:
        raise MissingError(f"No reviews at {path}.", hint="Make some first: clinforge review serve RUN reviewer=NAME")


def _outcome(key: Key, given: Sequence[Verdict]) -> Outcome:
    counts = Counter((verdict.decision, verdict.edited * (verdict.decision == "edit")) for verdict in given)
    (decision, edited), agreeing = counts.most_common(1)[0]
    settled = 2 * agreeing > len(given)  # so one decides alone, and two only together
    return Outcome.model_validate(
        {
            "item": key[0],
            "item_id": key[1],
            "decision": decision if settled else "escalate",
            "reviewers": sorted(verdict.reviewer for verdict in given),
            "reasons": sorted({verdict.reason for verdict in given} - {""}),
            "edited": edited if settled else "",
            "simulated": any(verdict.simulated for verdict in given),
        }
    )
