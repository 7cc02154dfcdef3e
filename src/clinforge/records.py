"""The nouns that stages hand to each other in memory. Frozen, and free of heavy libraries."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from clinforge.errors import InputError

Lang = Literal["en", "zh"]
Role = Literal["system", "user", "assistant"]
Split = Literal["train", "validation", "test"]
ItemKind = Literal["fact", "sample"]


class Record(BaseModel):
    """Base of all records: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(Record):
    """One statement of a knowledge source: (subject, predicate, object)."""

    id: str
    subject: str
    predicate: str
    object: str
    lang: Lang
    source: str
    """Key of the source's row in the licence table, e.g. `cmekg`."""

    @classmethod
    def of(cls, subject: str, predicate: str, value: str, lang: Lang, source: str) -> "Fact":
        """A fact whose id is the hash of its content."""
        key = content_hash([subject, predicate, value, lang, source])[:16]
        return cls(id=key, subject=subject, predicate=predicate, object=value, lang=lang, source=source)


class Message(Record):
    """One turn of a conversation."""

    role: Role
    content: str


Conversation = tuple[Message, ...]


class Section(Record):
    """A part of a document under its headings; offsets into the document's text."""

    path: tuple[str, ...]
    """Headings from the outermost to its own."""
    start: int
    end: int
    page: int | None = None
    """Page on which it starts, counted from 1, where the source has pages."""


class Document(Record):
    """A text as a source gave it, before anything is made of it.

    A literature record, a clinical note and a guideline have `text` with sections; a question-answer set has
    `conversation` besides, and its `text` is what the turns say, one after the other.
    """

    id: str
    text: str
    lang: Lang
    source: str
    """Key of the source's row in the licence table, or the name a recipe gave to files of its own."""
    source_id: str
    """What the source itself calls it: a PMID, a note's row, `FILE:LINE`. Never a patient's number in clear."""
    title: str = ""
    sections: tuple[Section, ...] = ()
    conversation: Conversation = ()
    """Turns up to and including the answer."""
    options: tuple[str, ...] = ()
    """Of a choice question; the last turn is one of them."""
    rejected: str = ""
    """The answer that was judged worse, in preference pairs."""
    patient_id: str = ""
    """Keyed hash: a patient's documents never stand in two splits."""
    visit_id: str = ""
    """Keyed hash."""
    date: str = ""
    """ISO 8601, as precise as the source is."""
    licence: str = ""
    version: str = ""
    """Release or revision of the source."""
    retrieved_at: str = ""
    """ISO 8601, where it was fetched."""
    meta: dict[str, Any] = {}
    """What else the source says, in the source's words: MeSH terms, DOI, note category, department."""


class Sample(Record):
    """One question with its answer: a row of a dataset.

    A choice question has `options`, of which `answer` is one; free text has none.
    """

    id: str
    task: str
    lang: Lang
    split: Split
    prompt: Conversation
    answer: str
    options: tuple[str, ...] = ()
    fact_ids: tuple[str, ...] = ()
    family_id: str = ""
    """Disease or term family; a family never stands in two splits."""
    template_id: str = ""
    source: str = ""
    licence: str = ""
    document_ids: tuple[str, ...] = ()
    """Documents it was made from, where it rests on texts and not on facts."""


class Verdict(Record):
    """One reviewer's decision on a fact or a sample."""

    item: ItemKind
    item_id: str
    reviewer: str
    decision: Literal["accept", "edit", "reject", "escalate", "undo"]
    """`undo` takes back the reviewer's last verdict on the item."""
    reason: str = ""
    """Key of the reason chosen, e.g. `wrong_dose`; required unless accepted or undone."""
    note: str = ""
    edited: str = ""
    """The text in its place, if edited."""
    at: str
    """ISO 8601 with time zone."""
    simulated: bool = False
    """Made by a program in a trial, not by a person."""
    blind: bool = True
    """Given without sight of the other reviewers' verdicts on the item: only such verdicts measure agreement."""


class Completion(Record):
    """What a model wrote."""

    text: str
    finish_reason: Literal["stop", "length", "cancelled"]
    prompt_tokens: int
    completion_tokens: int


class OptionScores(Record):
    """Log-probability (nats) of each option's text given the prompt, end-of-turn token included."""

    logprobs: tuple[float, ...]
    num_tokens: tuple[int, ...]


class Score(Record):
    """One system's answer to one test sample."""

    sample_id: str
    task: str
    system: str
    family_id: str
    target: str
    prediction: str
    correct: bool
    confidence: float | None = None
    """Softmax of the options' log-probabilities at the prediction, 0-1."""
    value: float | None = None
    """Graded score of a free-text answer, 0-1; a choice question has none."""


RecordT = TypeVar("RecordT", bound=Record)


def content_hash(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """SHA-256 of the canonical JSON of `value`: equal content, equal hash, whatever the key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_jsonl(path: Path, rows: Iterable[Record]) -> int:
    """Write one JSON object a line; return the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(row.model_dump_json(exclude_defaults=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path, kind: type[RecordT]) -> Iterator[RecordT]:
    """Read records of one kind; the first bad row raises, naming file, line and field."""
    for number, row in read_json_lines(path):
        try:
            yield kind.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "(row)"
            raise InputError(f"{path}:{number} field '{field}': {first['msg']}") from None


def read_json_lines(path: Path, faults: list[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read (line number, object) pairs; blank lines are skipped, a broken line raises with its number.

    With `faults`, a broken line is noted there instead and the rest of the file is read.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file.")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, _json_object(line, f"{path}:{number}")
            except InputError as error:
                if faults is None:
                    raise
                faults.append(str(error))


def _json_object(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not UTF-8 at byte {error.start}.", hint="Save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{place} column {error.colno}: not JSON ({error.msg}).") from None
    except (ValueError, RecursionError):
        raise InputError(f"{place}: a number too long or brackets nested too deep.") from None
    if not isinstance(row, dict):
        raise InputError(f"{place}: a row must be a JSON object, not {type(row).__name__}.")
    return cast("dict[str, Any]", row)
