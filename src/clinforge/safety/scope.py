"""Whether a word found in a text is said of this patient now: not denied, past, someone else's, or only asked about.

The judgement looks at a window of one sentence before the word and a few characters after it, never further, so the
work is bounded and a later sentence can never take back an earlier one.

Covered: the cues of `scope.toml`, lists ("no fever, chest pain or cough"), clauses ended by a comma or a contrast.
Not covered: irony, nested or far-off negation, cues that are spelt wrongly. In doubt a word counts: it is better to
send someone to a doctor once too often.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clinforge.safety.terms import Phrase, Span, find_any, phrase, read_table

BACK, AHEAD = 120, 36
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$|[^\x00-\x7f])|[!?;]|\n")
_LIST = re.compile(r"[,、/]|\band\b|\bor\b|\bnor\b|和|或|及|与|跟|以及")


@dataclass(frozen=True)
class Place:
    """A word with what stands around it in its sentence."""

    before: str
    """From the start of the sentence."""
    clause: str
    """The end of `before` that follows its last comma."""
    after: str
    """Up to the next comma or sentence end."""
    rest: str
    """What follows, regardless of punctuation."""


def place(text: str, span: Span) -> Place:
    """Cut the window around a word."""
    start, end = span
    before = text[max(0, start - BACK) : start]
    breaks = [match.end() for match in _SENTENCE_END.finditer(before)]
    before = before[breaks[-1] :] if breaks else before
    rest = text[end : end + AHEAD]
    return Place(before, before[before.rfind(",") + 1 :], re.split(r"[,.;!?\n]", rest)[0], rest)


def lowering(text: str, span: Span) -> str:
    """Why a word does not count: `negation`, `past`, `family`, `question`; empty when it counts."""
    around = place(text, span)
    return next((name for name, holds in _WAYS.items() if holds(around)), "")


def is_negated(around: Place) -> bool:
    """Denied before ("没有…", "denies …") or after ("…(-)", "…: none")."""
    cues = _cues("negation")
    if any(around.rest.startswith(item.text) for item in cues["after"]):
        return True
    false = find_any(cues["false_before"], around.before)
    for start, end in reversed(find_any(cues["before"], around.before)):
        if any(low <= start < high for low, high in false):
            continue
        strong = any(around.before.startswith(item.text, start) for item in cues["strong"])
        lasting = bool(find_any(_cues("past")["current"], around.after))  # "denies fever, chest pain for two hours"
        return _reaches(around.before[end:], strong=strong and not lasting)
    return False


def is_past(around: Place) -> bool:
    """Over: "ten years ago", "既往", "history of", and nothing in the clause says that it is happening."""
    cues = _cues("past")
    if find_any(cues["current"], around.clause) or find_any(cues["current"], around.after):
        return False
    if find_any(cues["before"], around.clause):
        return True
    headings = ("既往", "past medical history", "history of", "pmh")
    if any(word in around.before for word in headings) and not find_any(cues["current"], around.before):
        return True
    return bool(find_any(cues["after"], around.after))


def is_family(around: Place) -> bool:
    """Another person's illness told as their history; another person's present illness counts."""
    cues, now = _cues("family"), _cues("past")["current"]
    if find_any(now, around.clause) or find_any(now, around.after):
        return False
    if find_any(cues["heading"], around.before):
        return True
    who = find_any(cues["who"], around.clause)
    if not who:
        return False
    told = around.clause[who[-1][1] :]
    return bool(find_any(cues["link"], told) or find_any(cues["after"], around.after))


def is_question(around: Place) -> bool:
    """A wish to know about an illness, without a word that someone has it."""
    cues = _cues("question")
    if find_any(cues["personal"], around.before) or find_any(cues["personal"], around.after):
        return False
    if find_any(cues["before"], around.before):
        return True
    return any(0 <= start <= _NEAR for start, _ in find_any(cues["after"], around.after))


_NEAR = 4
_WAYS: dict[str, Callable[[Place], bool]] = {
    "negation": is_negated,
    "past": is_past,
    "family": is_family,
    "question": is_question,
}


def _reaches(between: str, *, strong: bool) -> bool:
    """Whether a denial still speaks about what follows `between`."""
    cues = _cues("negation")
    words = between.strip(" :,")
    for item in sorted(cues["light"], key=lambda item: -len(item.text)):
        words = _without(words, item)
    if not words.strip(" ,、/"):
        return "," not in between or strong
    if find_any(cues["block"], words):
        return False
    items = [item.strip() for item in _LIST.split(words)]
    if any(len(item) > (8 if not item.isascii() else 32) for item in items):
        return False
    listed = strong or "," not in between or bool(re.search(r"\b(or|nor)\b|或|、", between))
    return listed and len(items) <= (12 if strong else 6)


def _without(text: str, item: Phrase) -> str:
    for start, end in reversed(list(item.spans(text))):
        text = text[:start] + " " + text[end:]
    return text


@functools.cache
def _cues(name: str) -> dict[str, tuple[Phrase, ...]]:
    table: dict[str, Any] = read_table("scope.toml")[name]
    return {key: tuple(map(phrase, row)) for key, row in table.items()}
