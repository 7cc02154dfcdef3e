"""One item a line, for a spreadsheet-minded colleague or a script: fill in `verdict`."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from clinforge.records import read_json_lines
from clinforge.review.formats.rows import Answer, Json, Row, part


def write(rows: Iterable[Row]) -> str:
    """The file's text."""
    return "".join(json.dumps(_line(row), ensure_ascii=False) + "\n" for row in rows)


def _line(row: Row) -> Json:
    own = row.verdict.model_dump() if row.verdict else {"decision": "", "reason": "", "note": "", "edited": ""}
    return {**row.entry.model_dump(), "content": row.view, "verdict": own}


def read(path: Path, _annotator: str, faults: list[str]) -> Iterator[Answer]:
    """Lines in which a decision was filled in."""
    for number, row in read_json_lines(path, faults):
        place = f"{path}:{number}"
        verdict: Json = part(row, "verdict", dict, place, faults)
        if verdict.get("decision"):
            yield Answer(place, {"item": row.get("item"), "item_id": row.get("item_id"), **verdict})
