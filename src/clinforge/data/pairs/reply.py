"""Read the pairs out of what a model wrote: JSON as it should be, in fences, among words, or cut off."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from clinforge.data.pairs.wording import field_names

NOT_JSON = "reply holds no JSON"
WRONG_SHAPE = "pair lacks question, answer or evidence"
_MOST_STARTS = 2000
_THOUGHTS = re.compile(r"(?s)<think>.*?(?:</think>|$)")
_TRAILING_COMMA = re.compile(r",\s*([}\]])")
_EMPTY = re.compile(r"(?s)\s*(?:```(?:json)?\s*)?\[\s*\]\s*(?:```)?\s*")


@dataclass(frozen=True)
class Draft:
    """A pair as a model wrote it; nothing about it is checked."""

    question: str
    answer: str
    evidence: str


def read_drafts(text: str) -> tuple[list[Draft], Counter[str]]:
    """The drafts of a reply, and what in it was none, by reason. A reply of `[]` has no drafts and no fault."""
    text = _THOUGHTS.sub("", text)
    faults: Counter[str] = Counter()
    if _EMPTY.fullmatch(text):
        return [], faults
    rows = list(_objects(text)) or list(_objects(_TRAILING_COMMA.sub(r"\1", text)))
    drafts = [draft for row in rows for inner in _pairs_in(row) if (draft := _draft(inner, faults))]
    if not rows:
        faults[NOT_JSON] += 1
    return drafts, faults


def is_readable(text: str) -> bool:
    """Whether a reply holds pairs, or says that there are none."""
    drafts, faults = read_drafts(text)
    return bool(drafts) or not faults


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object of a text; one that is cut off is looked into for whole ones."""
    decoder = json.JSONDecoder(strict=False)
    at, starts = text.find("{"), 0
    while at >= 0 and starts < _MOST_STARTS:
        starts += 1
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield cast("dict[str, Any]", value)
        at = text.find("{", end)


def _pairs_in(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The row itself, or the objects of the list it wraps (`{"pairs": [...]}`)."""
    lists = [value for value in row.values() if isinstance(value, list)]
    inner = [item for items in lists for item in cast("list[Any]", items) if isinstance(item, dict)]
    if inner:
        yield from cast("list[dict[str, Any]]", inner)
    else:
        yield row


def _draft(row: dict[str, Any], faults: Counter[str]) -> Draft | None:
    names = field_names()
    found: dict[str, str] = {}
    for name, value in row.items():
        field = names.get(name.strip().lower())
        if field and isinstance(value, str) and value.strip():
            found.setdefault(field, value.strip())
    if len(found) < 3:
        faults[WRONG_SHAPE] += 1
        return None
    return Draft(found["question"], found["answer"], found["evidence"])
