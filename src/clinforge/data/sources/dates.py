"""Dates as hospital tables write them, to ISO 8601, as precise as they are."""

import re
from datetime import datetime

_WRITTEN = re.compile(
    r"(?P<year>\d{4})"
    r"(?:[-/.年](?P<month>\d{1,2})(?:[-/.月](?P<day>\d{1,2})日?|月)?|年)?"
    r"(?:(?:\s*T\s*|\s+|(?<=日))(?P<hour>\d{1,2})[:时](?P<minute>\d{2})分?(?::?(?P<second>\d{2})(?:[.,]\d+)?秒?)?"
    r"\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)
_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?")
_PARTS = ("year", "month", "day", "hour", "minute", "second")


def iso_date(text: str, pattern: str = "") -> str:
    """A date or time that begins with its year (2020-01-31, 2020/1/31 8:05, 20200131, 2020年1月31日), in ISO 8601.

    `pattern` (of `strptime`) reads any other form. Raises ValueError, without the text, if it is not such a date.
    """
    text = text.strip()
    if pattern:
        return _by_pattern(text, pattern)
    found = _DIGITS.fullmatch(text)
    if found:
        return _iso(found.groups())
    found = _WRITTEN.fullmatch(text)
    if not found or (found["hour"] and not found["day"]):
        raise ValueError("not a date that begins with its year")
    return _iso(found.group(*_PARTS)) + (found["zone"] or "")


def _by_pattern(text: str, pattern: str) -> str:
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 -- tables give local time without a zone
    except ValueError:
        raise ValueError(f"not a date of the form {pattern}") from None
    return moment.isoformat() if "%H" in pattern or "%I" in pattern else moment.date().isoformat()


def _iso(parts: tuple[str | None, ...]) -> str:
    numbers = [int(part) for part in parts if part]
    two = [f"{number:02}" for number in numbers]
    try:
        year, month, day, hour, minute, second = [*numbers, *(0, 1, 1, 0, 0, 0)[len(numbers) :]]
        datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 -- only to see whether there is such a moment
    except ValueError:
        raise ValueError("not a day or time that exists") from None
    return "-".join(two[:3]) + ("T" + ":".join(two[3:]) if two[3:] else "")
