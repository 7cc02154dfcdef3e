"""More wordings of training questions: synonyms, sentence patterns, typing noise. Never of validation or test.

    sample ─▶ each way in turn, on the last user turn ─▶ locked spans equal byte for byte? ─▶ Variant(parent's id)

Answer, options, facts and family stay as they are. Denials, numbers, units, sides, medicines (`locked.toml`), the
options and the answer where the question names them are locked: a change that would touch one is not made. Not
covered: whether an alias means the same in its context; that is the alias table's word.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.draw import digest, fraction, ordered, pick
from clinforge.data.locked import LockedSpan, locked_spans, locked_words, overlaps
from clinforge.data.terms import TermFinder
from clinforge.errors import GateError
from clinforge.records import Lang, Message, Record, Sample
from clinforge.text import Edit, Normalised

Aliases = Mapping[str, Sequence[str]]
"""Term -> other names of the same thing."""


class Variant(Record):
    """Another wording of a training sample."""

    sample: Sample
    parent_id: str
    """Id of the sample it was made from."""
    ways: tuple[str, ...]
    """Kinds of the ways that changed it, in order."""


@dataclass(frozen=True)
class Wording:
    """A text on its way through the ways, with what they may draw on."""

    text: str
    lang: Lang
    key: str
    """Decides what is drawn: seed, parent and number of the copy."""
    aliases: Aliases
    terms: TermFinder
    """Finds the terms of `aliases`."""
    locked: TermFinder
    """Finds medicines and the sample's own options and answer."""

    @property
    def spans(self) -> list[LockedSpan]:
        """What must stay."""
        return locked_spans(self.text, self.locked)


class Synonyms(Settings):
    """Puts other names of the same thing in place of terms."""

    kind: Literal["synonyms"] = "synonyms"
    most: int = Field(default=2, ge=1)
    """Terms changed in one text at most."""

    def __call__(self, wording: Wording) -> str:
        """The text with other names."""
        locked = wording.spans
        places = [one for one in wording.terms.find(wording.text) if not overlaps(one[0], one[1], locked)]
        edits: list[Edit] = []
        for start, end, term in ordered(places, wording.key, self.kind)[: self.most]:
            names = [name for name in wording.aliases[term] if name != term and not locked_words(name)]
            if names:
                edits.append((start, end, pick(names, wording.key, self.kind, term)))
        return Normalised.of(wording.text).edited(sorted(edits)).text


class SentencePatterns(Settings):
    """Asks the same in another sentence of `augment.toml`."""

    kind: Literal["patterns"] = "patterns"

    def __call__(self, wording: Wording) -> str:
        """The text with its first sentence of a known form in another form."""
        for match in _SENTENCE.finditer(wording.text):
            for forms, patterns in _groups()[wording.lang]:
                found = next((one for one in (pattern.fullmatch(match.group()) for pattern in patterns) if one), None)
                if found is None or locked_words(found["x"], ("negation",)):
                    continue
                new = pick(forms, wording.key, self.kind).replace("{x}", found["x"])
                return wording.text[: match.start()] + new + wording.text[match.end() :]
        return wording.text


class TypingNoise(Settings):
    """Slips of the keyboard: letters swapped, left out or doubled; in Chinese, characters of the same sound."""

    kind: Literal["noise"] = "noise"
    rate: float = Field(default=0.05, gt=0, le=0.5)
    """Share of the places where a slip can happen at which one does; at least one."""

    def __call__(self, wording: Wording) -> str:
        """The text with slips outside everything locked and every term of the alias table."""
        terms = [LockedSpan(start, end, "drug") for start, end, _ in wording.terms.find(wording.text)]
        locked = [*wording.spans, *terms]
        slips = [slip for slip in _slips(wording) if not overlaps(slip[0], slip[1], locked)]
        count = max(1, round(self.rate * len(slips)))
        return Normalised.of(wording.text).edited(sorted(ordered(slips, wording.key, self.kind)[:count])).text


Way = Annotated[Synonyms | SentencePatterns | TypingNoise, Field(discriminator="kind")]


class Augment(Settings):
    """Makes variants of training samples. The same samples and settings give the same variants."""

    kind: Literal["augment"] = "augment"
    version: Literal[1] = 1
    """Raised when the same sample gives other variants."""
    ways: tuple[Way, ...] = (Synonyms(), SentencePatterns(), TypingNoise())
    """Applied in this order to each variant."""
    copies: int = Field(default=1, ge=1)
    """Variants of a sample at most; those that come out equal to it or to each other are left out."""
    seed: int = 0
    """Decides every draw."""

    def __call__(
        self, samples: Sequence[Sample], aliases: Aliases | None = None, drugs: Iterable[str] = ()
    ) -> list[Variant]:
        """Variants in the order of their parents; GateError when a sample is not for training."""
        wrong = [sample.id for sample in samples if sample.split != "train"]
        if wrong:
            raise GateError(
                f"{len(wrong)} of {len(samples)} samples are not for training, the first is {wrong[0]}.",
                hint="Split first, then augment the training split alone.",
            )
        table: Aliases = aliases or {}
        terms, medicines = TermFinder(table), tuple(drugs)
        return [variant for sample in samples for variant in self._variants(sample, table, terms, medicines)]

    def _variants(
        self, sample: Sample, aliases: Aliases, terms: TermFinder, medicines: tuple[str, ...]
    ) -> Iterator[Variant]:
        place = max((n for n, turn in enumerate(sample.prompt) if turn.role == "user"), default=None)
        if place is None:
            return
        question = sample.prompt[place].content
        locked = TermFinder((*medicines, sample.answer, *sample.options))
        seen = {question}
        for copy in range(self.copies):
            key = digest(self.seed, sample.id, copy)
            text, ways = self._reword(Wording(question, sample.lang, key, aliases, terms, locked))
            if text in seen:
                continue
            seen.add(text)
            prompt = (*sample.prompt[:place], Message(role="user", content=text), *sample.prompt[place + 1 :])
            changed = sample.model_copy(update={"prompt": prompt, "id": digest(sample.id, self.version, text)[:16]})
            yield Variant(sample=changed, parent_id=sample.id, ways=ways)

    def _reword(self, wording: Wording) -> tuple[str, tuple[str, ...]]:
        kept, ways = _words_of(wording), []
        for way in self.ways:
            after = Wording(way(wording), wording.lang, wording.key, wording.aliases, wording.terms, wording.locked)
            if after.text != wording.text and _words_of(after) == kept:
                wording = after
                ways.append(way.kind)
        return wording.text, tuple(ways)


def _words_of(wording: Wording) -> list[str]:
    return [wording.text[span.start : span.end] for span in wording.spans]


# --- slips of the keyboard

_LATIN_WORD = re.compile(r"[A-Za-z]{5,}")


def _slips(wording: Wording) -> Iterator[Edit]:
    """One possible slip for each longer Latin word and each character that is often confused."""
    for match in _LATIN_WORD.finditer(wording.text):
        word, start = match.group(), match.start()
        place = 1 + int(fraction(wording.key, "place", start) * (len(word) - 2))  # never the first letter
        pair = word[place : place + 2]
        yield start, match.end(), word[:place] + pick((pair[::-1], pair[1], pair[0] + pair), start) + word[place + 2 :]
    if wording.lang == "zh":
        confused = _table()["confused_zh"]
        for place, character in enumerate(wording.text):
            if character in confused:
                yield place, place + 1, confused[character]


# --- sentence patterns

_SENTENCE = re.compile(r"[^。！？.!?\n\s][^。！？.!?\n]*[。！？.!?]")


@cache
def _groups() -> dict[Lang, list[tuple[list[str], list[re.Pattern[str]]]]]:
    """For each language, the forms of each group and the patterns that know them."""
    groups: dict[Lang, list[tuple[list[str], list[re.Pattern[str]]]]] = {"en": [], "zh": []}
    for row in _table()["group"]:
        patterns = [
            re.compile(re.escape(form).replace(r"\{x\}", r"(?P<x>[^，。！？,.!?\n]{2,80})"), re.IGNORECASE)
            for form in row["forms"]
        ]
        groups[row["lang"]].append((row["forms"], patterns))
    return groups


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data") / "augment.toml").read_text(encoding="utf-8"))
