"""The rules a document must keep to be trained on. Each is a settings object that says of documents which break it.

What the rules look for stands in `rules.toml`, why in `words.toml`. They read the answer: the last turn of a
conversation, else the text. They know words, not medicine: a wrong answer in sober words passes.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from clinforge.config import Settings
from clinforge.privacy.detect import find_identifiers
from clinforge.records import Document


def answer_of(document: Document) -> str:
    """What the document says to the reader: its last turn, else its text."""
    return (document.conversation[-1].content if document.conversation else document.text).strip()


def question_of(document: Document) -> str:
    """The last turn before the answer; empty where the document is no conversation."""
    return document.conversation[-2].content.strip() if len(document.conversation) > 1 else ""


class RowRule(Settings):
    """A rule that one document keeps or breaks by itself."""

    def broken_by(self, document: Document) -> bool:
        """Whether this document breaks the rule."""
        raise NotImplementedError

    def __call__(self, documents: Sequence[Document]) -> list[bool]:
        """For each document, whether it breaks the rule."""
        return [self.broken_by(document) for document in documents]


class Length(RowRule):
    """The answer is too short or too long. The answer to a choice question may be as short as it is."""

    kind: Literal["length"] = "length"
    shortest_zh: int = 10
    """Characters of a Chinese answer."""
    shortest_en: int = 20
    """Characters of an English answer."""
    longest: int = 20_000
    """Characters in either language."""

    def broken_by(self, document: Document) -> bool:
        """Whether the answer's length is out of bounds."""
        shortest = self.shortest_zh if document.lang == "zh" else self.shortest_en
        length = len(answer_of(document))
        return length > self.longest or (length < shortest and not document.options)


class Repetition(RowRule):
    """The answer repeats its sentences, or one piece over and over.

    The share of characters in repeated parts follows Rae et al. 2021 (arXiv:2112.11446), table A1: 0.2 in duplicate
    lines; ours is more lenient because sentences are shorter than lines.
    """

    kind: Literal["repetition"] = "repetition"
    max_share: float = Field(default=0.3, gt=0, le=1)
    """Largest share of the answer's characters in sentences that stood there before."""

    def broken_by(self, document: Document) -> bool:
        """Whether too much of the answer is said again."""
        answer = answer_of(document)
        sentences = [sentence for sentence in _sentences(answer) if len(sentence) >= _SHORTEST_SENTENCE]
        again = sum(len(sentence) * (count - 1) for sentence, count in Counter(sentences).items())
        stuck = sum(len(run.group()) for run in _STUCK.finditer(answer) if any(map(str.isalpha, run.group())))
        return max(again, stuck) > self.max_share * max(1, len(answer))


class Language(RowRule):
    """The answer is mostly in another script than its language has."""

    kind: Literal["language"] = "language"
    min_share: float = Field(default=0.5, gt=0, le=1)
    """Smallest share of the letters that belong to the language; five Latin letters weigh as one character."""

    def broken_by(self, document: Document) -> bool:
        """Whether the language's share of the letters is too small."""
        letters = [character for character in answer_of(document) if character.isalpha()]
        chinese = sum("\u3400" <= character <= "\u9fff" for character in letters)
        latin = sum(character < "\u0250" for character in letters) / _LATIN_LETTERS
        mine, other = (chinese, latin) if document.lang == "zh" else (latin, chinese)
        rest = (len(letters) - chinese - latin * _LATIN_LETTERS) / _LATIN_LETTERS
        return bool(letters) and mine < self.min_share * (mine + other + rest)


class Boilerplate(Settings):
    """Most of the answer is courtesy, or sentences that stand in the answers to many other questions."""

    kind: Literal["boilerplate"] = "boilerplate"
    max_share: float = Field(default=0.6, gt=0, le=1)
    """Largest share of the answer's characters."""
    often: int = Field(default=5, ge=2)
    """A sentence in the answers to this many different questions says nothing about any of them."""

    def __call__(self, documents: Sequence[Document]) -> list[bool]:
        """For each document, whether too little of its answer is about its question."""
        seen: dict[str, set[str]] = defaultdict(set)
        for document in documents:
            for sentence in _sentences(answer_of(document)):
                if len(sentence) >= _SHORTEST_SENTENCE and len(seen[sentence]) < self.often:
                    seen[sentence].add(question_of(document) or document.id)
        stock = {sentence for sentence, questions in seen.items() if len(questions) >= self.often}
        return [self._is_stock(answer_of(document), stock) for document in documents]

    def _is_stock(self, answer: str, stock: set[str]) -> bool:
        said = 0
        for sentence in _sentences(answer):
            said += 0 if sentence in stock else len(_without(sentence, _patterns("boilerplate")).strip(_MARKS))
        return bool(answer) and said < (1 - self.max_share) * len("".join(_sentences(answer)))


class CureAll(RowRule):
    """The answer promises a cure, vouches for effect or safety, or recommends a folk or secret remedy."""

    kind: Literal["cure_all"] = "cure_all"

    def broken_by(self, document: Document) -> bool:
        """Whether a claim stands there that is neither denied nor doubted."""
        return _claims_cure(answer_of(document))


class Advertising(RowRule):
    """The answer sells something."""

    kind: Literal["advertising"] = "advertising"

    def broken_by(self, document: Document) -> bool:
        """Whether words of selling stand there."""
        answer = answer_of(document)
        return any(pattern.search(answer) for pattern in _patterns("advertising"))


class Contact(RowRule):
    """The answer holds a phone number, an account or an address on the web, or asks to be contacted."""

    kind: Literal["contact"] = "contact"

    def broken_by(self, document: Document) -> bool:
        """Whether contact details were left in the answer."""
        answer = answer_of(document)
        if any(found.type in ("mobile", "landline", "email") for found in find_identifiers(answer)):
            return True
        return any(pattern.search(answer) for pattern in _patterns("contact"))


class Contradiction(Settings):
    """An answer opens with yes and goes on with no, or a question has a yes in one row and a no in another."""

    kind: Literal["contradiction"] = "contradiction"

    def __call__(self, documents: Sequence[Document]) -> list[bool]:
        """For each document, whether it contradicts itself or another."""
        openings = [_opening(answer_of(document)) for document in documents]
        by_question: dict[str, set[str]] = defaultdict(set)
        for document, opening in zip(documents, openings, strict=True):
            if opening and question_of(document):
                by_question[_letters(question_of(document))].add(opening)
        return [
            opening == "both" or bool(opening and len(by_question[_letters(question_of(document))]) > 1)
            for document, opening in zip(documents, openings, strict=True)
        ]


class DoseWithoutUnit(RowRule):
    """A dose is named without its unit: "每次2.5，每日三次", "take 500 twice daily"."""

    kind: Literal["dose_without_unit"] = "dose_without_unit"

    def broken_by(self, document: Document) -> bool:
        """Whether a number stands where a dose does, and no unit behind it."""
        return bool(_dose().search(answer_of(document)))


class Elsewhere(RowRule):
    """The answer only says to ask or look elsewhere."""

    kind: Literal["elsewhere"] = "elsewhere"
    min_left: int = Field(default=8, ge=1)
    """Fewest letters that must be left when referrals and courtesy are taken away."""

    def broken_by(self, document: Document) -> bool:
        """Whether a referral is there and hardly anything else."""
        answer = answer_of(document)
        if document.options or len(answer) > _LONGEST_REFERRAL:
            return False
        left = _without(answer, _patterns("elsewhere"))
        left = "".join(_without(sentence, _patterns("boilerplate")) for sentence in _SENTENCE.split(left))
        return len(left) < len(answer) and len(_letters(left)) < self.min_left


class Truncated(RowRule):
    """The answer ends in a comma, an open bracket, or a word that something must follow."""

    kind: Literal["truncated"] = "truncated"

    def broken_by(self, document: Document) -> bool:
        """Whether the answer was cut off."""
        return not document.options and bool(_truncated().search(answer_of(document)[-_LONGEST_ENDING:]))


Rule = (
    Length
    | Repetition
    | Language
    | Boilerplate
    | CureAll
    | Advertising
    | Contact
    | Contradiction
    | DoseWithoutUnit
    | Elsewhere
    | Truncated
)
QualityRule = Annotated[Rule, Field(discriminator="kind")]
ALL_RULES: tuple[Rule, ...] = tuple(rule() for rule in get_args(Rule))
"""Every rule as it stands by default, in the order in which a drop is counted."""

_SHORTEST_SENTENCE = 6
_LATIN_LETTERS = 5
_LONGEST_ENDING = 20
_LONGEST_REFERRAL = 200
_MARKS = " \t，。！？；：、,.!?;:()（）\"'“”…~-"
_SENTENCE = re.compile(r"[。！？!?；;\n]+|\.(?=\s|$)")
_STUCK = re.compile(r"(.{1,20}?)\1{5,}")


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _without(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub("", text)
    return text


def _opening(answer: str) -> str:
    """What the answer's first two sentences say: yes, no, both, or nothing of the kind."""
    table = _table()["opening"]
    said = [word for sentence in _sentences(answer)[:2] for word in ("yes", "no") if re.match(table[word], sentence)]
    return "both" if len(set(said)) > 1 else "".join(said[:1])


def _claims_cure(answer: str) -> bool:
    return any(
        not _taken_back(answer, match) and not (unless and unless.search(answer[_near(match)]))
        for claim, unless in _claims()
        for match in claim.finditer(answer)
    )


def _taken_back(answer: str, match: re.Match[str]) -> bool:
    """Whether the claim is denied before it in its clause, or doubted behind it."""
    denials, doubts = _denials()
    before = re.split(r"[，。！？；,.!?;\n]", answer[max(0, match.start() - _REACH) : match.start()])[-1]
    behind = re.split(r"[，。！；,.!;\n]", answer[match.end() : match.end() + _REACH])[0]
    return bool(denials.search(before) or doubts.search(behind))


def _near(match: re.Match[str]) -> slice:
    return slice(max(0, match.start() - _NEAR), match.end() + _NEAR)


_NEAR = 40
_REACH = 14


@cache
def _patterns(name: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, _table()[name]["patterns"]))


@cache
def _claims() -> tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...]:
    rows = _table()["cure_all"]["claim"]
    return tuple((re.compile(row["pattern"]), re.compile(row["unless"]) if "unless" in row else None) for row in rows)


@cache
def _denials() -> tuple[re.Pattern[str], re.Pattern[str]]:
    claims = _table()["claims"]
    return re.compile(claims["denials"], re.IGNORECASE), re.compile(claims["doubts"], re.IGNORECASE)


@cache
def _dose() -> re.Pattern[str]:
    table = _table()["dose"]
    return re.compile(table["before"] + table["number"] + table["after"], re.MULTILINE)


@cache
def _truncated() -> re.Pattern[str]:
    return re.compile(_table()["truncated"]["endings"], re.IGNORECASE)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data.quality") / "rules.toml").read_text(encoding="utf-8"))
