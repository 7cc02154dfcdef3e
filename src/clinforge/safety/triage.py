"""Red flags: words that mean a person may need help within minutes, whatever a model would say.

Covers, in Chinese and English: the heart, stroke, breathing, allergy, choking, bleeding, injury, consciousness and
seizures, self-harm, poisoning, meningitis, sepsis, danger signs of children, pregnancy, sudden headache, acute abdomen,
testicular torsion, sudden loss of sight, burns, electricity, drowning, diabetes, heat, and the spinal cord.
Rules, with their sources, stand in `rules.toml`; words in `terms.toml`; numbers in `measures.toml`.

Does not cover: other languages, dialect and misspellings outside the word lists, pictures, emergencies that are only
plain from a course over time, anything that needs an examination. No flag found does not mean that all is well.
Decision support, not a medical device.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import Field

from clinforge.records import Lang, Record
from clinforge.safety.normalise import is_chinese, readings
from clinforge.safety.scope import lowering
from clinforge.safety.terms import Span, load_terms, read_table

EMERGENCY_LEVEL = 2
MOST_JUDGED = 1000
"""A word that a text repeats more often than this counts unjudged: no patient writes so, and it bounds the work."""


class Triage(Record):
    """The verdict on a text."""

    level: int | None = None
    """Most urgent level found, 1-4 of the Chinese four-level scheme; None when no rule matched."""
    rules: tuple[str, ...] = ()
    lang: Lang = "en"
    """Language of the text: which advice to show first."""
    advice: dict[Lang, str] = Field(default_factory=dict)
    """Advice by language, the text's own language first; empty when no rule matched."""

    @property
    def emergency(self) -> bool:
        """Whether the answer is emergency advice and no model is asked."""
        return self.level is not None and self.level <= EMERGENCY_LEVEL

    @property
    def advice_text(self) -> str:
        """The advice in both languages, the text's own first."""
        return "\n\n".join(self.advice.values())


class Rule(Record):
    """One red flag."""

    id: str
    level: int
    source: str
    """The guideline it comes from, by name and year."""
    when: tuple[tuple[tuple[str, ...], ...], ...]
    """Alternatives; each is groups that must all be there; each group is names that must stand close together."""
    despite: tuple[str, ...] = ()
    """Ways of lowering that do not count for this rule."""
    unless_near: str = ""
    """A word list that takes the rule back when it stands before the word or in the same clause."""
    advice: str = ""


def triage(text: str) -> Triage:
    """Judge a text. Pure, deterministic, and linear in the text's length."""
    found = {rule.id: rule for reading in readings(text) for rule in _matches(reading)}
    lang: Lang = "zh" if is_chinese(text) else "en"
    if not found:
        return Triage(lang=lang)
    rules = sorted(found.values(), key=lambda rule: (rule.level, rule.id))
    order: tuple[Lang, Lang] = ("zh", "en") if lang == "zh" else ("en", "zh")
    advice = _advice(rules)
    return Triage(
        level=rules[0].level,
        rules=tuple(rule.id for rule in rules),
        lang=lang,
        advice={language: advice[language] for language in order},
    )


def triage_all(texts: Iterable[str]) -> Triage:
    """The most urgent verdict on several texts, judged apart: a later one never takes back an earlier one."""
    verdicts = [triage(text) for text in texts] or [Triage()]
    return min(reversed(verdicts), key=lambda verdict: verdict.level or EMERGENCY_LEVEL + 9)


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """The rules of `rules.toml`, with every source spelt out."""
    table = read_table("rules.toml")
    sources: dict[str, str] = table["sources"]
    return tuple(_rule(row, sources) for row in table["rule"])


def _rule(row: dict[str, Any], sources: dict[str, str]) -> Rule:
    when = tuple(
        tuple(tuple(name.strip() for name in group.split("~")) for group in alternative.split("&"))
        for alternative in row["when"]
    )
    return Rule.model_validate({**row, "when": when, "source": sources[row["source"]]})


def _advice(rules: list[Rule]) -> dict[str, str]:
    table = read_table("advice.toml")
    if rules[0].level > EMERGENCY_LEVEL:
        return table["urgent"]
    kinds = {rule.advice or "emergency" for rule in rules if rule.level <= EMERGENCY_LEVEL}
    ordered = [table[kind] for kind in ("emergency", "self_harm") if kind in kinds]
    return {language: "\n".join(row[language] for row in ordered) for language in ("zh", "en")}


def _matches(text: str) -> list[Rule]:
    reader = _Reader(text)
    return [rule for rule in all_rules() if any(_holds(rule, groups, reader) for groups in rule.when)]


def _holds(rule: Rule, groups: tuple[tuple[str, ...], ...], reader: "_Reader") -> bool:
    for number, group in enumerate(groups):
        chains = reader.close_together(group, rule.despite)
        if number == 0 and rule.unless_near:
            chains = [chain for chain in chains if not reader.taken_back(chain, rule.unless_near)]
        if not chains:
            return False
    return True


@dataclass(frozen=True)
class _Close:
    """How far apart close words may stand, in characters."""

    chinese: int = 12
    latin: int = 40


class _Reader:
    """One reading of a text; finds and judges each word list once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._terms = load_terms()
        self._found: dict[str, list[Span]] = {}
        self._why: dict[Span, str] = {}

    def close_together(self, names: tuple[str, ...], despite: tuple[str, ...]) -> list[Span]:
        """Stretches of text where all names stand close together, in any order."""
        places = [self._counting(name, despite) for name in names]
        chains = places[0]
        for spans in places[1:]:
            chains = self._join(chains, spans)
        return chains

    def taken_back(self, span: Span, name: str) -> bool:
        """Whether a word of the list stands in the span's own clause, shortly before or after it."""
        start, end = span
        return any(
            (start - 60 <= low and high <= start and not _breaks(self._text[high:start], ".!?;,"))
            or (end <= low and high <= end + 40 and not _breaks(self._text[end:low], ".!?;,"))
            for low, high in self._spans(name)
        )

    def _spans(self, name: str) -> list[Span]:
        if name not in self._found:
            self._found[name] = self._terms.spans(name, self._text)
        return self._found[name]

    def _counting(self, name: str, despite: tuple[str, ...]) -> list[Span]:
        spans = self._spans(name)
        return spans if len(spans) > MOST_JUDGED else [span for span in spans if self._counts(span, despite)]

    def _counts(self, span: Span, despite: tuple[str, ...]) -> bool:
        if span not in self._why:
            self._why[span] = lowering(self._text, span)
        why = self._why[span]
        return not why or why in despite

    def _join(self, first: list[Span], second: list[Span]) -> list[Span]:
        """Pairs of neighbours from two ordered lists that stand close; linear in their lengths."""
        merged = sorted([(span, 0) for span in first] + [(span, 1) for span in second])
        return [
            (left[0], max(left[1], right[1]))
            for (left, which), (right, other) in pairwise(merged)
            if which != other and self._close(left, right)
        ]

    def _close(self, left: Span, right: Span) -> bool:
        gap = self._text[left[1] : right[0]]
        limit = _Close.chinese if any(ord(character) > 0x2E7F for character in gap) else _Close.latin
        return len(gap) <= limit and not _breaks(gap, ".!?;")


def _breaks(text: str, ends: str) -> bool:
    return any(character in ends for character in text)
