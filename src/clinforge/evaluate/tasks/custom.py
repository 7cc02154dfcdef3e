"""Questions a user brings along, one JSON object a line.

    {"id": "q1", "prompt": "...", "choices": ["a", "b"], "answer": 1}       scored by option text
    {"id": "q2", "messages": [{"role": "user", "content": "..."}], "reference": "..."}      scored as free text

A broken row is reported by file, line and field and set aside; the rest goes on.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import Field, StrictInt, ValidationError

from clinforge.errors import InputError
from clinforge.records import Lang, Message, Record, Sample, read_json_lines


class CustomRow(Record):
    """One line of the file."""

    id: str | StrictInt
    prompt: str | None = Field(default=None, min_length=1)
    messages: tuple[Message, ...] | None = Field(default=None, min_length=1)
    choices: tuple[str, ...] | None = Field(default=None, min_length=2)
    answer: StrictInt | None = None
    """Position of the right choice, from 0."""
    reference: str | None = Field(default=None, min_length=1)
    family: str = ""
    """Rows of one family (a case, a passage) are resampled together."""


class _FieldError(ValueError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"field '{field}': {message}")


def read_custom(path: Path) -> tuple[list[Sample], list[str]]:
    """Read a custom file: (samples, one fault per row set aside).

    The file's name without its ending becomes the task; where a file holds both forms, its free-text rows become a
    task of their own (NAME-text), because a share of right choices and a mean F1 have no common scale.

    Raises InputError if no row is usable.
    """
    faults: list[str] = []
    samples: dict[str, Sample] = {}
    for number, row in read_json_lines(path, faults):
        try:
            sample = _sample(row, task=path.stem, source=path.name)
        except _FieldError as fault:
            faults.append(f"{path}:{number} {fault}")
            continue
        if sample.id in samples:
            faults.append(f"{path}:{number} field 'id': used by an earlier row.")
        else:
            samples[sample.id] = sample
    if not samples:
        raise InputError(
            f"{path} has no usable row." + "".join(f"\n  {fault}" for fault in faults[:10]),
            hint='A row looks like {"id": "q1", "prompt": "...", "choices": ["a", "b"], "answer": 0}'
            ' or {"id": "q2", "prompt": "...", "reference": "..."}.',
        )
    chinese = sum(bool(re.search("[\u4e00-\u9fff]", sample.prompt[-1].content)) for sample in samples.values())
    lang: Lang = "zh" if 2 * chinese > len(samples) else "en"  # one for the file, so that it stays one task
    mixed = len({bool(sample.options) for sample in samples.values()}) > 1
    return [
        sample.model_copy(
            update={"lang": lang, "task": f"{path.stem}-text" if mixed and not sample.options else path.stem}
        )
        for sample in samples.values()
    ], faults


def _sample(raw: dict[str, Any], *, task: str, source: str) -> Sample:
    try:
        row = CustomRow.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise _FieldError(".".join(str(part) for part in first["loc"]), f"{first['msg']}.") from None
    prompt = _prompt(row)
    answer = _answer(row)
    _refuse_broken_text(raw)
    return Sample(
        id=f"{task}/{row.id}",
        task=task,
        lang="en",
        split="test",
        prompt=prompt,
        answer=answer,
        options=row.choices or (),
        family_id=row.family,
        source=source,
    )


def _prompt(row: CustomRow) -> tuple[Message, ...]:
    if (row.prompt is None) == (row.messages is None):
        raise _FieldError("prompt", "give either 'prompt' or 'messages'.")
    messages = row.messages or (Message(role="user", content=row.prompt or ""),)
    if messages[-1].role != "user":
        raise _FieldError("messages", "the last message must be the user's.")
    return messages


def _answer(row: CustomRow) -> str:
    if (row.choices is None) == (row.reference is None):
        raise _FieldError("choices", "give either 'choices' with 'answer', or 'reference'.")
    if row.reference is not None:
        if row.answer is not None:
            raise _FieldError("answer", "belongs to 'choices'; a 'reference' row has none.")
        return row.reference
    choices = row.choices or ()
    if len({choice.strip() for choice in choices}) < len(choices) or not all(choice.strip() for choice in choices):
        raise _FieldError("choices", "empty or repeated choice.")
    if row.answer is None or not 0 <= row.answer < len(choices):
        raise _FieldError("answer", f"must be the position of the right choice, 0 to {len(choices) - 1}.")
    return choices[row.answer]


def _refuse_broken_text(raw: dict[str, Any]) -> None:
    """Half a surrogate pair is legal JSON but no text: it cannot be tokenised or written back."""
    for field, value in raw.items():
        try:
            "".join(_strings(value)).encode()
        except UnicodeEncodeError:
            raise _FieldError(field, "holds half a surrogate pair.") from None


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(cast("dict[str, object]", value).values())
    if isinstance(value, list):
        return [text for item in cast("Sequence[object]", value) for text in _strings(item)]
    return []
