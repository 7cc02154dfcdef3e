"""The layouts of question-answer sets: what a row of each says, as turns of a conversation.

    LAYOUTS["alpaca"](row, reading) ─▶ Turns(conversation, options, rejected)

A layout is a function of one row. It raises RowError, naming the column, for a row that says nothing definite: an
answer that is missing, an option that does not exist, a speaker nobody knows. The names of columns and speakers stand
in `layouts.toml`.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from clinforge.encoding import is_damaged
from clinforge.records import Conversation, Message, Role
from clinforge.rows import Row

LayoutName = Literal[
    "preference",
    "pubmedqa",
    "choices",
    "dialogue_note",
    "reasoning",
    "messages",
    "sharegpt",
    "chatdoctor",
    "alpaca",
    "prompt_completion",
    "question_answer",
]
AnswerForm = Literal["letter", "index", "text", ""]
THINKING = "<think>\n{reasoning}\n</think>\n\n{answer}"
"""Reasoning stands before its answer in the marks that DeepSeek-R1 and Qwen use."""
DECISIONS = ("yes", "no", "maybe")
_SPEAKER_MARKS = re.compile(r"<(user|bot)>\s*[:：]|^(Human|Assistant):", re.IGNORECASE | re.MULTILINE)
"""Turns written into one text: `<user>: ... <bot>: ...` and `Human: ... Assistant: ...`."""
_LETTERS = re.compile(r"[(（\s]*([A-Za-z](?:[\s,，、;]*[A-Za-z]){0,5})[)）.\s]*")
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class RowError(ValueError):
    """A row that cannot be read; names the column, never the text."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"field '{field}': {message}")


@dataclass(frozen=True)
class Turns:
    """What a row says."""

    conversation: Conversation
    options: tuple[str, ...] = ()
    rejected: str = ""


@dataclass(frozen=True)
class Reading:
    """How the columns of one file are read."""

    fields: Mapping[str, str]
    """Part of a row -> column."""
    options: tuple[str, ...] = ()
    """Columns of a choice question's options, where each has its own."""
    answers: AnswerForm = ""
    """How a choice question names its answer."""
    first_option: int = 0
    """Number of the first option where the answer is a number."""

    def value(self, row: Row, part: str) -> object:
        """A part of a row; None where the file has no column for it."""
        return row.get(self.fields[part]) if part in self.fields else None

    def text(self, row: Row, part: str) -> str:
        """A part that must be there."""
        text = self.optional(row, part)
        if not text:
            raise RowError(self.fields.get(part, part), "is empty.")
        return text

    def optional(self, row: Row, part: str) -> str:
        """A part, or ''."""
        return text_of(self.value(row, part), self.fields.get(part, part))


Layout = Callable[[Row, Reading], Turns]


@cache
def names() -> dict[str, Any]:
    """The table of names."""
    return tomllib.loads((files("clinforge.data.sources") / "layouts.toml").read_text(encoding="utf-8"))


def text_of(value: object, field: str) -> str:
    """A cell as text: '' for nothing, numbers as written, a list of one text as that text."""
    if isinstance(value, list) and len(cast("list[object]", value)) == 1:
        value = cast("list[object]", value)[0]
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        count = f" of {len(cast('list[object]', value))}" if isinstance(value, list) else ""
        raise RowError(field, f"must be one text, not a {type(value).__name__}{count}.")
    if is_damaged(value):
        raise RowError(field, "holds characters that could not be decoded.")
    return value.strip()


def _preference(row: Row, reading: Reading) -> Turns:
    before = _prompt(reading.value(row, "prompt"), reading.fields.get("prompt", "prompt"))
    chosen = _side(row, reading, "chosen")
    rejected = _side(row, reading, "rejected")
    if chosen[:-1] != rejected[:-1]:
        raise RowError(reading.fields["rejected"], "answers another conversation than the chosen one.")
    if len(chosen) == 1:
        chosen = [*before, *chosen]
    if chosen[-1].content == rejected[-1].content:
        raise RowError(reading.fields["rejected"], "is the same as the chosen answer.")
    return Turns(_conversation(_system(row, reading) + chosen, reading.fields["chosen"]), rejected=rejected[-1].content)


def _prompt(value: object, field: str) -> list[Message]:
    value = _loaded_messages(value)
    if isinstance(value, list | dict):
        return _messages(value, field)
    text = text_of(value, field)
    return _marked(text) or _said("user", text)


def _side(row: Row, reading: Reading, part: str) -> list[Message]:
    """One answer of a pair: a text, a message, or a conversation that ends with it."""
    field, value = reading.fields[part], _loaded_messages(reading.value(row, part))
    if isinstance(value, list | dict):
        turns = _messages(value, field)
    else:
        text = reading.text(row, part)
        turns = _marked(text) or [Message(role="assistant", content=text)]
    if not turns or turns[-1].role != "assistant":
        raise RowError(field, "does not end with an answer.")
    return turns


def _pubmedqa(row: Row, reading: Reading) -> Turns:
    """Yes, no or maybe to a question about an abstract; with `answer: LONG_ANSWER` the conclusion in words."""
    field = reading.fields["contexts"]
    value = reading.value(row, "contexts")
    if isinstance(value, dict):  # the hub's copy wraps them once more
        value = cast("Row", value).get("contexts")
    paragraphs = [text_of(part, field) for part in cast("list[object]", value)] if isinstance(value, list) else []
    question = "\n".join([*filter(None, paragraphs), reading.text(row, "question")])
    answer = reading.text(row, "answer")
    return Turns(_pair(question, answer), options=DECISIONS if answer in DECISIONS else ())


def _choices(row: Row, reading: Reading) -> Turns:
    options = options_of(row, reading)
    field = reading.fields["answer"]
    answer = _answer_of(reading, reading.text(row, "answer"), options)
    texts = tuple(options.values())
    if len(texts) < 2 or len(set(texts)) < len(texts):
        raise RowError(reading.fields.get("options", "options"), "must be two or more different texts.")
    if answer not in texts:
        raise RowError(field, "is none of the options.")
    return Turns(_pair(reading.text(row, "question"), answer), options=texts)


def options_of(row: Row, reading: Reading) -> dict[str, str]:
    """Letter -> text of a choice question's options; empty ones, which some sets pad with, are left out."""
    if reading.options:
        texts = {_CAPITALS[i]: text_of(row.get(column), column) for i, column in enumerate(reading.options)}
    else:
        texts = _option_texts(_loaded(reading.value(row, "options")), reading.fields.get("options", "options"))
    return {letter: text for letter, text in texts.items() if text}


def _option_texts(value: object, field: str) -> dict[str, str]:
    if isinstance(value, dict):
        table = cast("Row", value)
        if isinstance(table.get("text"), list):  # {"label": ["A", "B"], "text": ["...", "..."]}
            value = table["text"]
        else:
            return {key.strip().upper(): text_of(text, field) for key, text in table.items()}
    if not isinstance(value, list) or len(cast("list[object]", value)) > len(_CAPITALS):
        raise RowError(field, "must be a list of texts, or an object of letters and texts.")
    return {_CAPITALS[i]: _option_text(item, field) for i, item in enumerate(cast("list[object]", value))}


def _option_text(item: object, field: str) -> str:
    """An option, given as a text or as `{"key": "A", "value": "..."}`."""
    if isinstance(item, dict):
        table = cast("Row", item)
        item = next((table[name] for name in ("value", "text", "content") if name in table), None)
    return text_of(item, field)


def _answer_of(reading: Reading, given: str, options: Mapping[str, str]) -> str:
    field = reading.fields["answer"]
    if reading.answers == "letter":
        letters = letters_in(given)
        if len(letters) > 1:
            raise RowError(field, f"names {len(letters)} right options; only questions with one are read.")
        return options.get(letters, "")
    if reading.answers == "index":
        position = int(given) - reading.first_option if is_index(given) else -1
        return options.get(_CAPITALS[position], "") if 0 <= position < len(_CAPITALS) else ""
    return given


def letters_in(given: str) -> str:
    """The letters of an answer such as `B`, `(b)` or `A, C`; '' for anything else."""
    found = _LETTERS.fullmatch(given)
    return "".join(char for char in found[1].upper() if char in _CAPITALS) if found else ""


def is_index(given: str) -> bool:
    """Whether an answer is a whole number."""
    return re.fullmatch(r"-?\d{1,3}", given) is not None


def _dialogue_note(row: Row, reading: Reading) -> Turns:
    return Turns(_pair(reading.text(row, "dialogue"), reading.text(row, "note")))


def _reasoning(row: Row, reading: Reading) -> Turns:
    answer = THINKING.format(reasoning=reading.text(row, "reasoning"), answer=reading.text(row, "answer"))
    return Turns(_pair(reading.text(row, "question"), answer))


def _turns(row: Row, reading: Reading) -> Turns:
    """OpenAI messages and ShareGPT conversations: they differ in the names of roles and keys only."""
    field = reading.fields["turns"]
    turns = _messages(_loaded(reading.value(row, "turns")), field)
    return Turns(_conversation(_system(row, reading) + turns, field))


def _chatdoctor(row: Row, reading: Reading) -> Turns:
    """ChatDoctor says the same instruction in every row, so it is the system's; the patient speaks in `input`."""
    system = Message(role="system", content=reading.text(row, "instruction"))
    return Turns((system, *_pair(reading.text(row, "input"), reading.text(row, "output"))))


def _alpaca(row: Row, reading: Reading) -> Turns:
    asked = [reading.text(row, "instruction"), reading.optional(row, "input")]
    turns = _marked(asked[0]) if not asked[1] else []
    turns = turns or _said("user", "\n".join(filter(None, asked)))
    turns += _said("assistant", reading.text(row, "output"))
    return Turns(_conversation(_system(row, reading) + _history(row, reading) + turns, reading.fields["output"]))


def _history(row: Row, reading: Reading) -> list[Message]:
    field, value = reading.fields.get("history", "history"), _loaded(reading.value(row, "history"))
    if not value:
        return []
    turns: list[Message] = []
    for pair in cast("list[object]", value) if isinstance(value, list) else [value]:
        if not isinstance(pair, list) or len(cast("list[object]", pair)) != 2:
            raise RowError(field, "must be a list of question-answer pairs.")
        asked, answered = cast("list[object]", pair)
        turns += _said("user", text_of(asked, field)) + _said("assistant", text_of(answered, field))
    return turns


def _prompt_completion(row: Row, reading: Reading) -> Turns:
    asked = _prompt(reading.value(row, "prompt"), reading.fields["prompt"])
    turns = asked + _side(row, reading, "completion")
    return Turns(_conversation(_system(row, reading) + turns, reading.fields["completion"]))


def _question_answer(row: Row, reading: Reading) -> Turns:
    """A title that the question does not repeat is its first line: often it is what is really asked."""
    title, question = reading.optional(row, "title"), reading.text(row, "question")
    asked = question if title in question else f"{title}\n{question}"
    return Turns(_pair(asked, reading.text(row, "answer")))


def _pair(question: str, answer: str) -> Conversation:
    return Message(role="user", content=question), Message(role="assistant", content=answer)


def _said(role: Role, text: str) -> list[Message]:
    return [Message(role=role, content=text)] if text else []


def _system(row: Row, reading: Reading) -> list[Message]:
    return _said("system", reading.optional(row, "system"))


def _conversation(turns: Sequence[Message], field: str) -> Conversation:
    roles = [turn.role for turn in turns]
    if "user" not in roles:
        raise RowError(field, "nobody asks anything.")
    if roles[-1] != "assistant":
        raise RowError(field, "does not end with an answer.")
    if "system" in roles[1:]:
        raise RowError(field, "the system speaks in the midst of it.")
    return tuple(turns)


def _marked(text: str) -> list[Message]:
    """Turns of a text that begins with a speaker's mark; [] if it does not."""
    text = text.strip()
    marks = list(_SPEAKER_MARKS.finditer(text))
    if not marks or marks[0].start() != 0:
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    turns: list[Message] = []
    for mark, end in zip(marks, ends, strict=True):
        turns += _said(_role(mark[1] or mark[2]), text[mark.end() : end].strip())
    return turns


def _role(speaker: str, field: str = "") -> Role:
    for role in ("user", "assistant", "system"):
        if speaker.strip().casefold() in names()["speakers"][role]:
            return role
    raise RowError(field, "names a speaker that is neither user, assistant nor system.")


def _messages(value: object, field: str) -> list[Message]:
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        raise RowError(field, "must be a list of messages.")
    return [_message(item, f"{field}[{place}]") for place, item in enumerate(cast("list[object]", items))]


def _message(item: object, field: str) -> Message:
    """A message with `role` and `content`, `from` and `value`, or `speaker` and `text`."""
    table = cast("Row", item) if isinstance(item, dict) else {}
    speaker = next((table[name] for name in ("role", "from", "speaker") if name in table), None)
    content = next((table[name] for name in ("content", "value", "text") if name in table), None)
    if not isinstance(speaker, str):
        raise RowError(field, "does not say who speaks.")
    if isinstance(content, list):
        content = "\n".join(_part(part, field) for part in cast("list[object]", content))
    text, reasoning = text_of(content, field), text_of(table.get("reasoning_content"), field)
    if not text:
        raise RowError(field, "is empty.")
    if reasoning:
        text = THINKING.format(reasoning=reasoning, answer=text)
    return Message(role=_role(speaker, field), content=text)


def _part(part: object, field: str) -> str:
    table = cast("Row", part) if isinstance(part, dict) else {}
    if table.get("type") != "text":
        raise RowError(field, "holds something other than text, for example a picture.")
    return text_of(table.get("text"), field)


def _loaded_messages(value: object) -> object:
    """Messages that a cell holds as JSON; any other text stays a text, also one that happens to be JSON."""
    loaded = _loaded(value)
    first = cast("list[object]", loaded)[:1] if isinstance(loaded, list) else [loaded]
    speaks = any(isinstance(item, dict) and {"role", "from", "speaker"} & item.keys() for item in first)
    return loaded if speaks or not isinstance(value, str) else value


def _loaded(value: object) -> object:
    """A list or object that a table's cell holds as JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


LAYOUTS: dict[LayoutName, Layout] = {
    "preference": _preference,
    "pubmedqa": _pubmedqa,
    "choices": _choices,
    "dialogue_note": _dialogue_note,
    "reasoning": _reasoning,
    "messages": _turns,
    "sharegpt": _turns,
    "chatdoctor": _chatdoctor,
    "alpaca": _alpaca,
    "prompt_completion": _prompt_completion,
    "question_answer": _question_answer,
}
"""Every layout's reader, in the order in which they are tried."""
