"""Elements of FHIR R4 resources as words: concepts, quantities, values, ages, narratives."""

import functools
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any, cast

from clinforge.data.sources.fhir_files import Resource
from clinforge.records import Lang

Words = dict[str, Any]
_OLDEST = 89
"""Ages above it can tell who a person is (45 CFR 164.514(b)(2)(i)(C)); they are given as one group."""
_DAY = len("2020-01-31")
_SPACES = re.compile(" {2,}")
_BLOCKS = frozenset({
    "p", "div", "br", "li", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "pre",
    "blockquote", "caption",
})  # fmt: skip
_UNSEEN = frozenset({"script", "style", "head"})


@functools.cache
def words(lang: Lang) -> Words:
    """Our own words in a language."""
    return _table()[lang]


@functools.cache
def _table() -> dict[str, Words]:
    return tomllib.loads((files("clinforge.data.sources") / "fhir_words.toml").read_text(encoding="utf-8"))


def concept(value: Resource | None) -> str:
    """A CodeableConcept: its text, else the display that its author saw, else system and code; empty if it has none."""
    if not value:
        return ""
    codings: list[Resource] = sorted(value.get("coding", []), key=lambda coding: not coding.get("userSelected", False))
    shown = (coding["display"] for coding in codings if coding.get("display"))
    return (value.get("text") or next(shown, "") or next(map(coding_text, codings), "")).strip()


def coding_text(coding: Resource) -> str:
    """A Coding without display: `LOINC 718-7`."""
    system = coding.get("system", "")
    return f"{_table()['systems'].get(system, system)} {coding.get('code', '')}".strip()


def code_of(value: Resource | None) -> str:
    """The first code of a CodeableConcept."""
    return next((coding["code"] for coding in (value or {}).get("coding", []) if "code" in coding), "")


def meaning(value: Resource | None, known: dict[str, str]) -> str:
    """A concept in our words where its code is known, else in its own."""
    code = code_of(value)
    return known[code] if code in known else concept(value)


def quantity(value: Resource) -> str:
    """A Quantity with comparator and unit, the number digit by digit as it was given."""
    number = f"{value.get('comparator', '')}{value.get('value', '')}"
    return f"{number} {value.get('unit') or value.get('code', '')}".strip()


def span(value: Resource) -> str:
    """A Range, e.g. `3.5-5.1 mmol/L`; open at a side that is not given."""
    low, high = value.get("low"), value.get("high")
    if low and high:
        same = (low.get("unit") or low.get("code")) == (high.get("unit") or high.get("code"))
        return f"{low.get('value', '') if same else quantity(low)}-{quantity(high)}"
    return f"≥ {quantity(low)}" if low else f"≤ {quantity(high)}" if high else ""


def observed(value: Resource, lang: Lang) -> str | None:
    """The value[x] of an Observation or one of its components; None if it has none of a kind that is read here."""
    own = words(lang)
    kinds: dict[str, Callable[[Any], str]] = {
        "valueQuantity": quantity,
        "valueCodeableConcept": concept,
        "valueString": str,
        "valueBoolean": lambda truth: own["yes"] if truth else own["no"],
        "valueInteger": str,
        "valueRange": span,
        "valueRatio": lambda ratio: f"{quantity(ratio.get('numerator', {}))}:{quantity(ratio.get('denominator', {}))}",
        "valueTime": str,
    }
    return next((read(value[kind]).strip() for kind, read in kinds.items() if kind in value), None)


def age(birth: str, day: str, lang: Lang) -> str:
    """Age on a day: years, below two years months, below one month days; `about` where a date is not complete.

    Empty if a date is missing or the day is before birth.
    """
    own = words(lang)
    if not birth or not day or day[:_DAY] < birth[: len(day[:_DAY])]:
        return ""
    if len(birth) < _DAY or len(day) < _DAY:
        years = int(day[:4]) - int(birth[:4])
        return own["over_89"] if years > _OLDEST else own["about"].format(counted(own["years"], years))
    born, then = date.fromisoformat(birth[:_DAY]), date.fromisoformat(day[:_DAY])
    months = 12 * (then.year - born.year) + then.month - born.month - (then.day < born.day)
    if months >= 24:
        return own["over_89"] if months // 12 > _OLDEST else counted(own["years"], months // 12)
    return counted(own["months"], months) if months else counted(own["days"], (then - born).days)


def counted(forms: Sequence[str], number: int) -> str:
    """A number with its noun; `forms` are for one and for any other number."""
    return forms[number != 1].format(number)


def days_between(start: str, end: str) -> int | None:
    """Whole days from one date or time to another; None if either is less precise than a day."""
    if len(start) < _DAY or len(end) < _DAY:
        return None
    return (date.fromisoformat(end[:_DAY]) - date.fromisoformat(start[:_DAY])).days


def narrative(xhtml: str) -> str:
    """The text of an XHTML narrative or an HTML page: a line for each block and row, a tab between cells."""
    reader = _Narrative()
    reader.feed(xhtml)
    reader.close()
    text = _SPACES.sub(" ", "".join(reader.parts))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


class _Narrative(HTMLParser):
    """Collects text; fetches nothing and runs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unseen = self.kept = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 -- the signature is given
        """Begin a line at a block."""
        self.unseen += tag in _UNSEEN
        self.kept += tag == "pre"
        if tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append("\t")

    def handle_endtag(self, tag: str) -> None:
        """End a line at a block."""
        self.unseen -= tag in _UNSEEN and self.unseen > 0
        self.kept -= tag == "pre" and self.kept > 0
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep what a reader sees."""
        if not self.unseen:
            self.parts.append(data if self.kept else data.replace("\n", " "))


def strings_in(value: object) -> Iterator[str]:
    """What a resource says in words rather than codes: displays, texts, titles, values."""
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from strings_in(item)
    elif isinstance(value, dict):
        for key, item in cast("Resource", value).items():
            if key in ("display", "text", "title", "valueString", "div") and isinstance(item, str):
                yield narrative(item) if key == "div" else item
            elif key not in ("contained", "subject", "performer", "author", "participant"):
                yield from strings_in(item)
