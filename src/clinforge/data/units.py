"""Units that follow a number, in one spelling per language; the spellings stand in `units.toml` with their UCUM codes.

The number is never touched and no value is converted. Not covered: units without a number, units before it, and
compound units that the table does not list (they stay whole).
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from clinforge.records import Lang
from clinforge.text import Edit


def find_units(text: str, lang: Lang) -> Iterator[Edit]:
    """Every unit of the table behind a number, with the space before it and its one spelling."""
    pattern, rows = _spellings()
    for match in pattern.finditer(text):
        row = rows[match[2]]
        gap = " " if row.get("word") and lang == "en" else match[1]
        yield match.start(), match.end(), gap + row[lang]


def ucum_code(spelling: str) -> str | None:
    """The UCUM code of a unit's spelling; None when the table has none."""
    row = _spellings()[1].get(spelling)
    return None if row is None else row["ucum"]


@cache
def _spellings() -> tuple[re.Pattern[str], dict[str, dict[str, Any]]]:
    table = tomllib.loads((files("clinforge.data") / "units.toml").read_text(encoding="utf-8"))
    rows: dict[str, dict[str, Any]] = {}
    patterns: dict[str, str] = {}
    for row in table["unit"]:
        for written in (*row["spellings"], row["en"], row["zh"]):
            spelling, *unless = written.split("!")
            rows[spelling] = row
            patterns.setdefault(spelling, re.escape(spelling) + "".join(f"(?!{re.escape(word)})" for word in unless))
    listed = "|".join(patterns[spelling] for spelling in sorted(patterns, key=len, reverse=True))
    return re.compile(rf"(?<=[0-9])([ \t]?)({listed})(?![A-Za-z0-9/^²³])"), rows
