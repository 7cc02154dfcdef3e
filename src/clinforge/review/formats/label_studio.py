"""Label Studio's JSON tasks, with the labelling interface they need.

Format: https://labelstud.io/guide/task_format.html. What Label Studio has no place for (reviewer, blinding, trial) goes
through `data`, which it hands back as it was.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from clinforge.review.decisions import all_reasons
from clinforge.review.formats.rows import DECISIONS, Answer, Json, Row, part, read_array

_TEXTS = ("note", "edited")
_KEPT = ("reviewer", "simulated", "blind")


def interface() -> str:
    """The labelling interface (XML) to paste into the project's settings."""
    decisions = "".join(f"    <Choice value={quoteattr(name)}/>\n" for name in DECISIONS)
    reasons = "".join(
        f"    <Choice value={quoteattr(one.key)} hint={quoteattr(f'{one.en} / {one.zh}')}/>\n"
        for one in all_reasons().values()
    )
    return (
        '<View>\n  <Header value="$why"/>\n  <Text name="text" value="$text"/>\n'
        f'  <Choices name="decision" toName="text" choice="single" required="true">\n{decisions}  </Choices>\n'
        f'  <Choices name="reason" toName="text" choice="single">\n{reasons}  </Choices>\n'
        '  <TextArea name="edited" toName="text" maxSubmissions="1" placeholder="Corrected text / 更正后的文本"/>\n'
        '  <TextArea name="note" toName="text" maxSubmissions="1" placeholder="Note / 备注"/>\n</View>\n'
    )


def write(rows: Iterable[Row]) -> str:
    """The file's text."""
    return json.dumps([_task(row) for row in rows], ensure_ascii=False, indent=1) + "\n"


def _task(row: Row) -> Json:
    entry = row.entry
    data: Json = {**entry.model_dump(), "text": row.text, "why": f"{entry.stratum} {entry.detail}".strip()}
    if row.verdict is None:
        return {"data": data}
    verdict = row.verdict.model_dump()
    data |= {name: verdict[name] for name in _KEPT}
    result = [_choice(name, verdict[name]) for name in ("decision", "reason") if verdict[name]]
    result += [_text(name, verdict[name]) for name in _TEXTS if verdict[name]]
    return {"data": data, "annotations": [{"result": result, "created_at": verdict["at"], "was_cancelled": False}]}


def _choice(name: str, value: str) -> Json:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [value]}}


def _text(name: str, value: str) -> Json:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [value]}}


def read(path: Path, annotator: str, faults: list[str]) -> Iterator[Answer]:
    """Annotated tasks; skipped ones are left out. Of several annotators' answers the reviewer's own is taken."""
    for place, task in read_array(path, faults):
        data: Json = part(task, "data", dict, place, faults)
        annotations = [one for one in part(task, "annotations", list, place, faults) if _counts(one)]
        if annotator:
            annotations = [one for one in annotations if annotator in _names(one.get("completed_by"))]
        if len(annotations) > 1:
            faults.append(f"{place} field 'annotations': {len(annotations)} of them; say whose with annotator=ID.")
        elif annotations:
            yield Answer(place, _values(data, annotations[0]))


def _counts(annotation: Any) -> bool:  # noqa: ANN401 -- whatever stands in the file
    return isinstance(annotation, dict) and not annotation.get("was_cancelled") and bool(annotation.get("result"))


def _names(completed_by: Any) -> set[str]:  # noqa: ANN401 -- an id or an object with id and e-mail
    given = completed_by.values() if isinstance(completed_by, dict) else [completed_by]
    return {str(one) for one in given if one is not None}


def _values(data: Json, annotation: Json) -> Json:
    values: Json = {name: data[name] for name in ("item", "item_id", *_KEPT) if name in data}
    for row in annotation["result"]:
        given = row.get("value") if isinstance(row, dict) else None
        if isinstance(given, dict) and row.get("from_name") in ("decision", "reason", *_TEXTS):
            texts = given.get("choices") or given.get("text") or [""]
            values[row["from_name"]] = texts[0] if isinstance(texts, list) else texts
    if at := annotation.get("updated_at") or annotation.get("created_at"):
        values["at"] = at
    return values
