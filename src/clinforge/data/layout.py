"""The chain-of-thought layout: chief complaint, history, differential, examinations, evidence, final diagnosis.

`write_layout` is the template; `check_layout` checks text that a model wrote. Checked: every section is there once, in
order, with something in it; each piece of evidence shares words with a finding that was given before it, and its
numbers were given before it. Not checked: whether the findings speak for the diagnosis, or whether evidence turns a
finding into its opposite.
"""

import itertools
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from clinforge.data.quantities import missing, quantities
from clinforge.records import Lang, Record

Part = Literal["chief_complaint", "history", "differential", "examinations", "evidence", "diagnosis"]
PARTS: tuple[Part, ...] = ("chief_complaint", "history", "differential", "examinations", "evidence", "diagnosis")
_FINDINGS: tuple[Part, ...] = ("chief_complaint", "history", "examinations")
"""Where a case's findings stand; the differential only weighs them."""
_LEAST_SHARED = 0.5
"""Share of a piece of evidence's words that must have been given before."""
_ITEM = re.compile(r"(?:[.!?;](?=\s|$)|[。！？；]|\n)\s*(?:[-*•·]|\d{1,2}[.)、])?\s*")


class Reasoning(Record):
    """A case from complaint to diagnosis, part by part."""

    chief_complaint: str
    history: str
    differential: str
    examinations: str
    evidence: str
    """What speaks for the diagnosis; one finding a line or sentence."""
    diagnosis: str


class LayoutFault(Record):
    """One departure from the layout. `reason` quotes nothing of the text."""

    part: Part
    reason: str


def write_layout(reasoning: Reasoning, lang: Lang) -> str:
    """The text of a case in the layout: a heading a part, then the part on the next lines."""
    colon = "：" if lang == "zh" else ":"
    return "\n".join(f"{_names(lang)[part][0]}{colon}\n{getattr(reasoning, part).strip()}" for part in PARTS)


def read_layout(text: str, lang: Lang) -> list[tuple[Part, str]]:
    """The parts of a text as (part, content) in the order they stand; headings may be numbered, bold or in brackets."""
    matches = list(_heading(lang).finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)][: len(matches)]
    parts_of: dict[str, Part] = {name.lower(): part for part, names in _names(lang).items() for name in names}
    return [
        (parts_of[(match["name1"] or match["name2"]).lower()], text[match.end() : end].strip().strip("*").strip())
        for match, end in zip(matches, ends, strict=True)
    ]


def check_layout(text: str, lang: Lang) -> list[LayoutFault]:
    """Everything in which a text departs from the layout; an empty list means that it follows it."""
    found = read_layout(text, lang)
    order: list[Part] = [part for part, _ in found]
    faults: list[LayoutFault] = []
    for part in PARTS:
        if part not in order:
            faults.append(LayoutFault(part=part, reason="is missing"))
        elif order.count(part) > 1:
            faults.append(LayoutFault(part=part, reason="stands more than once"))
    contents: dict[Part, str] = dict(found)
    faults += [LayoutFault(part=part, reason="is empty") for part in PARTS if part in contents and not contents[part]]
    for before, after in itertools.pairwise(order):
        if PARTS.index(after) < PARTS.index(before):
            faults.append(LayoutFault(part=after, reason=f"stands after {before}"))
    return faults or _evidence_faults(contents)


def _evidence_faults(parts: Mapping[Part, str]) -> list[LayoutFault]:
    """Pieces of evidence that refer to nothing given before."""
    given = "\n".join(parts[part] for part in _FINDINGS)
    known, numbers = _words(given), quantities(given)
    items = [item.strip() for item in _ITEM.split("\n" + parts["evidence"]) if item.strip()]
    faults: list[LayoutFault] = []
    for place, item in enumerate(items, start=1):
        words = _words(item)
        if not words or len(words & known) < _LEAST_SHARED * len(words):
            faults.append(LayoutFault(part="evidence", reason=f"piece {place} refers to no finding given before"))
        elif missing(quantities(item), numbers):
            faults.append(LayoutFault(part="evidence", reason=f"piece {place} has a number that was not given before"))
    return faults


def _words(text: str) -> set[str]:
    """First five letters of the words, and pairs of Chinese characters, without words that only join."""
    latin = {word[:5] for word in re.findall(r"[a-z][a-z\d]{2,}", text.lower()) if word not in _joining()}
    runs = [run for part in re.findall(r"[\u3400-\u9fff]+", text) for run in _chinese_joining().split(part)]
    return latin | {run[at : at + 2] for run in runs for at in range(max(1, len(run) - 1)) if run}


@cache
def _names(lang: Lang) -> dict[Part, list[str]]:
    table = tomllib.loads((files("clinforge.data") / "layout.toml").read_text(encoding="utf-8"))
    return cast("dict[Part, list[str]]", table[lang])


@cache
def _joining() -> frozenset[str]:
    return frozenset(_joining_table()["en"].split())


@cache
def _chinese_joining() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, _joining_table()["zh"].split())))


@cache
def _joining_table() -> dict[str, str]:
    return tomllib.loads((files("clinforge.data") / "layout.toml").read_text(encoding="utf-8"))["joining"]


@cache
def _heading(lang: Lang) -> re.Pattern[str]:
    """A heading at the start of a line: `3. **Evidence:**`, `## Evidence`, `【诊断依据】`, `诊断依据：`."""
    names = sorted((name for own in _names(lang).values() for name in own), key=len, reverse=True)
    name = "|".join(map(re.escape, names))
    lead = r"^[ \t]*(?:#{1,6}[ \t]*)?(?:[(（]?(?:\d{1,2}|[一二三四五六七八九十]+)[.)、）．][ \t]*)?[*_]{0,2}"
    tail = r"[*_]{0,2}[ \t]*(?:[:：][ \t]*[*_]{0,2}|$)"
    return re.compile(rf"{lead}(?:[【\[](?P<name1>{name})[】\]][ \t]*[:：]?|(?P<name2>{name}){tail})", re.M | re.I)
