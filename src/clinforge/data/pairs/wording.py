"""What models are asked, and the word lists replies are read with; all of it stands in `prompts.toml`."""

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any

from clinforge.data.draw import digest
from clinforge.data.pairs.passages import Passage
from clinforge.records import Conversation, Message, content_hash


def writer_prompt(passage: Passage, count: int) -> Conversation:
    """Ask for pairs on a passage. The text stands between marks that do not occur in it."""
    words = _table()["writer"][passage.lang]
    mark = _mark(passage.text)
    user = words["user"].format(count=count, title=passage.title, mark=mark, text=passage.text)
    return (Message(role="system", content=words["system"]), Message(role="user", content=user))


def judge_prompt(passage: Passage, question: str, answer: str) -> Conversation:
    """Ask whether a passage supports an answer."""
    words = _table()["judge"][passage.lang]
    mark = _mark(passage.text + question + answer)
    user = words["user"].format(mark=mark, text=passage.text, question=question, answer=answer)
    return (Message(role="system", content=words["system"]), Message(role="user", content=user))


def wording_hash() -> str:
    """Hash of what writers and judges are asked."""
    table = _table()
    return content_hash([table["writer"], table["judge"]])[:16]


def read_verdict(text: str) -> bool | None:
    """The judge's yes or no; None when it said neither, or both."""
    words = _table()["judge"]["words"]
    said = re.sub(r"(?s)<think>.*?(?:</think>|$)", "", text).strip().lower()
    first = re.split(r"[\s,.;:!?，。；：！？、*\"'`]+", said.strip("*\"'` "))[0]
    if first in words["yes"]:
        return True
    return False if first in words["no"] else None


def field_names() -> dict[str, str]:
    """Name in a reply -> our name of the field."""
    return {name: field for field, names in _table()["fields"].items() for name in names}


def points_to_text(text: str, *, is_answer: bool) -> bool:
    """Whether a question or an answer sends the reader to the text."""
    plain = unicodedata.normalize("NFKC", text).lower().strip()
    return any(pattern.search(plain) for pattern in _patterns("pointing", "either")) or (
        is_answer and any(pattern.search(plain) for pattern in _patterns("pointing", "answer"))
    )


def instructs_a_model(text: str) -> bool:
    """Whether a text speaks to a model instead of a reader."""
    plain = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).lower())
    return any(pattern.search(plain) for pattern in _patterns("instructions", "patterns"))


def count_negations(text: str) -> int:
    """Number of negating words in a text."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return len(_negations().findall(plain))


def turned(claim: str, source: str) -> bool:
    """Whether a claim has a word of which the source has only the opposite: above for below, left for right."""
    has = [[bool(side.search(_folded(text))) for side in pair] for text in (claim, source) for pair in _opposites()]
    claims, sources = has[: len(_opposites())], has[len(_opposites()) :]
    return any(
        claimed[side] and not stated[side] and stated[1 - side]
        for claimed, stated in zip(claims, sources, strict=True)
        for side in (0, 1)
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _mark(text: str) -> str:
    """A line that the text cannot hold: it is the text's own hash."""
    return f"=== {digest('mark', text)[:12]} ==="


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data.pairs") / "prompts.toml").read_text(encoding="utf-8"))


@cache
def _patterns(section: str, key: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in _table()[section][key])


@cache
def _opposites() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    def words(side: list[str]) -> re.Pattern[str]:
        return re.compile("|".join((r"\b" if word[0].isascii() else "") + re.escape(word) for word in side))

    return tuple((words(row["one"]), words(row["other"])) for row in _table()["opposites"])


@cache
def _negations() -> re.Pattern[str]:
    table = _table()["negation"]
    latin = "|".join(re.escape(word) for word in table["latin"])
    return re.compile(rf"(?<![a-z])(?:{latin})(?![a-z])|{'|'.join(table['chinese'])}")
