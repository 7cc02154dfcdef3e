"""Find identifiers that have a shape.

Covers: Chinese identity cards (18 characters with a possible date of birth), Chinese mobile and landline numbers, US
phone and social security numbers, e-mail addresses, and record numbers that stand behind a label (住院号, MRN, ...).
Full-width digits are read as digits.

Does not cover: names, addresses, dates, ages, licence plates, unlabelled record numbers, numbers written in words, or
identifiers broken over lines. Finding nothing does not show that a text is free of identifiers.
"""

import re
from collections.abc import Iterator
from typing import Literal

from clinforge.records import Record

IdentifierType = Literal["id_card", "mobile", "landline", "email", "ssn", "record_number"]

_SHAPES: tuple[tuple[IdentifierType, re.Pattern[str]], ...] = (
    (
        "id_card",
        re.compile(r"(?<!\d)[1-8]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"),
    ),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")),
    ("mobile", re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)")),
    ("landline", re.compile(r"(?<!\d)0\d{2,3}[- ]\d{7,8}(?!\d)|(?<!\d)(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?!\d)")),
    ("ssn", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    (
        "record_number",
        re.compile(
            r"(?:住院号|病案号|病历号|门诊号|就诊卡号|身份证号?|MRN|medical record (?:number|no\.?))"
            r"\s*(?:[:：#是为]|is)?\s*(?=[A-Za-z0-9-]*\d)[A-Za-z0-9-]{4,}",
            re.IGNORECASE,
        ),
    ),
)
_TO_ASCII = str.maketrans("０１２３４５６７８９＠．－Ｘｘ", "0123456789@.-Xx")


class Identifier(Record):
    """One finding; `start` and `end` are Python string offsets. The text itself is not carried."""

    start: int
    end: int
    type: IdentifierType


def find_identifiers(text: str) -> list[Identifier]:
    """All findings in order of position; of two that overlap the one listed first in this module stays."""
    found: list[Identifier] = []
    for identifier in _candidates(text.translate(_TO_ASCII)):
        if all(identifier.end <= other.start or other.end <= identifier.start for other in found):
            found.append(identifier)
    return sorted(found, key=lambda identifier: identifier.start)


def _candidates(text: str) -> Iterator[Identifier]:
    for kind, shape in _SHAPES:
        for match in shape.finditer(text):
            yield Identifier(start=match.start(), end=match.end(), type=kind)
