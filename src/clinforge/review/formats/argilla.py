"""Argilla's JSON records, as `rg.Dataset.records.to_json` writes them and `from_json` reads them (Argilla 2).

The dataset needs a text field `text` and four questions: `decision`, `reason` (labels), `edited`, `note` (texts, not
required). What Argilla has no place for goes through `metadata`.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from clinforge.review.formats.rows import Answer, Json, Row, part, read_array

_QUESTIONS = ("decision", "reason", "edited", "note")
_KEPT = ("reviewer", "at")
_FLAGS = ("simulated", "blind")
_USERS = uuid.uuid5(uuid.NAMESPACE_URL, "clinforge:reviewer")


def write(rows: Iterable[Row]) -> str:
    """The file's text."""
    return json.dumps([_record(row) for row in rows], ensure_ascii=False, indent=1) + "\n"


def _record(row: Row) -> Json:
    entry = row.entry
    # Argilla's metadata holds texts and numbers only.
    metadata: Json = {
        name: value if isinstance(value, str) else int(value) for name, value in entry.model_dump().items()
    }
    responses: dict[str, list[Json]] = {}
    if row.verdict is not None:
        verdict = row.verdict.model_dump()
        metadata |= {name: verdict[name] for name in _KEPT} | {name: int(verdict[name]) for name in _FLAGS}
        # Argilla knows users by UUID only.
        user = str(uuid.uuid5(_USERS, row.verdict.reviewer))
        responses = {name: [{"value": verdict[name], "user_id": user}] for name in _QUESTIONS if verdict[name]}
    return {
        "id": f"{entry.item}:{entry.item_id}",
        "fields": {"text": row.text},
        "metadata": metadata,
        "suggestions": {},
        "responses": responses,
        "vectors": {},
    }


def read(path: Path, annotator: str, faults: list[str]) -> Iterator[Answer]:
    """Records with a response to `decision`. Of several users' responses the reviewer's own is taken."""
    for place, record in read_array(path, faults):
        metadata: Json = part(record, "metadata", dict, place, faults)
        responses: Json = part(record, "responses", dict, place, faults)
        answers = {
            name: [one for one in part(responses, name, list, place, faults) if _counts(one)] for name in _QUESTIONS
        }
        users = {str(one.get("user_id")) for given in answers.values() for one in given}
        if annotator:
            users &= {annotator}
        if len(users) > 1:
            faults.append(f"{place} field 'responses': of {len(users)} users; say whose with annotator=USER_ID.")
        elif users:
            values = _values(record, metadata)
            values |= {
                name: one["value"]
                for name, given in answers.items()
                for one in given
                if str(one.get("user_id")) in users
            }
            yield Answer(place, values)


def _counts(response: Any) -> bool:  # noqa: ANN401 -- whatever stands in the file
    return isinstance(response, dict) and "value" in response


def _values(record: Json, metadata: Json) -> Json:
    item, _, item_id = str(record.get("id", "")).partition(":")
    values: Json = {"item": item, "item_id": item_id}
    values |= {name: metadata[name] for name in _KEPT if name in metadata}
    values |= {name: bool(metadata[name]) for name in _FLAGS if name in metadata}
    return values
