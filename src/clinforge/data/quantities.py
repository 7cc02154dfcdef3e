"""The numbers a text states, with their units, so that a claim's numbers can be looked for in its source.

Covers: integers, decimals, thousands, mixed fractions, powers of ten, ratios (120/80), ranges, percentages, units with
conversion (0.5 g = 500 mg), rates (mg/kg, /day), number words before units in Chinese and everywhere in English,
prescription abbreviations (bid), Roman grades, names that hold digits (B12).
Does not cover: Chinese numerals without a unit (三叉神经 is no number), ordinals in words, dates as dates, sums. What
is written in a way this module does not know is missed in a source and then refused in a claim: it errs to refuse.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, cast

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_VULGAR = re.compile("[¼½¾⅐-⅞]")
_DASHES = str.maketrans("−‐‑–—～", "-----~")
_NUMBER = re.compile(
    r"""
    (?P<name>(?<![a-z\d.])(?!x\d)[a-z]+\d+[a-z\d]*(?:\.\d+)*)                                # b12, hba1c
    | (?P<sign>(?<![\w)\]%.-])-)?
      (?:
        (?P<whole>\d+)[ ](?P<part>\d+/\d+)(?![\d/])                               # 1 1/2
        | (?P<ratio>\d+(?:\.\d+)?(?:/\d+(?:\.\d+)?)+)                              # 120/80
        | (?P<digits>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)
          (?:\s*[x×*·]\s*10\^(?P<exponent>-?\d+))?                                 # 4.5 x 10^9
          (?:\s*(?P<myriad>[百千万亿])(?![克米帕卡焦]))?                              # 3万
      )
      (?P<power>\^-?\d+)?
    """,
    re.VERBOSE,
)
_RANGE = re.compile(r"\s*(?:-|~|to|or|and|至|到|或|和|与|、)\s*")
_ROMAN = re.compile(
    r"\b(?:grade|stage|type|class|phase|level|factor|nyha)\s+(?P<before>[ivx]{1,5})[ab]?\b"
    r"|(?<![a-z])(?P<after>[ivx]{1,5})\s*[级期型度类]"
)
_CHINESE = re.compile("(?:百分之)?[零〇一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+)?|半")
_ONCE = re.compile(
    r"\b(?:(?P<one>once)(?=\s+(?:a|per|every|each|in|daily|weekly|nightly|monthly|yearly)\b)|(?P<two>twice)|(?P<three>thrice))\b"
)
_PER = re.compile(r"\s*(?:/|per\s+|an?\s+|every\s+|each\s+|每)\s*")
_JOIN = re.compile(r"[\s-]*多?(?:个(?=月|小时|疗程|星期|礼拜|单位|钟头))?\s*")
_LONGEST = 40
_MALFORMED = re.compile(r",\d{4}|^[1-9]\d{3,},\d{3}(?!\d)")
"""`1,0000`: neither thousands nor decimals."""
_AFTER_BODY = re.compile(r"\s*(?:体重|body weight)?")


@dataclass(frozen=True)
class Quantity:
    """One number of a text. `unit` is the base unit and what it is divided by (`g/g`), '' where there is none."""

    raw: Fraction | str
    """The number as written; a text for ratios (`120/80`) and names (`b12`)."""
    value: Fraction | str
    """The number in base units."""
    unit: str
    per: str
    """Unit of time in `… a day`, '' where there is none."""
    start: int
    end: int
    """Offsets into the normalised text; only their order means anything to others."""

    def states(self, claim: "Quantity") -> bool:
        """Whether this quantity of a source says what `claim` says."""
        if not claim.unit:
            return claim.raw == self.raw
        agree = not claim.per or not self.per or claim.per == self.per
        return agree and claim.unit == self.unit and claim.value == self.value


def quantities(text: str) -> list[Quantity]:
    """All quantities of a text, in order."""
    plain = _plain(text)
    found: list[Quantity] = []
    for quantity in sorted(_candidates(plain), key=lambda quantity: (quantity.start, -quantity.end)):
        if not found or quantity.start >= found[-1].end:
            found.append(quantity)
    return _with_range_units(found, plain)


def is_unit(word: str) -> bool:
    """Whether a word names a unit by which quantities are compared."""
    return word.lower() in _bases()


def missing(claimed: Sequence[Quantity], stated: Sequence[Quantity]) -> list[Quantity]:
    """Quantities of a claim that a source does not state."""
    return [claim for claim in claimed if not any(known.states(claim) for known in stated)]


def _plain(text: str) -> str:
    text = _SUPERSCRIPT.sub(lambda found: "^" + found.group().translate(_SUPERSCRIPTS), text)
    text = _VULGAR.sub(lambda found: " " + found.group(), text)  # 1½ would become 11⁄2
    text = unicodedata.normalize("NFKC", text).translate(_DASHES).replace("\u2044", "/").lower()
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r"(?<=\d)·(?!10\^)(?=\d)", ".", text)  # 0·5, as The Lancet prints it


def _candidates(text: str) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        yield _number(text, match)
    yield from _worded(text)
    for match in _ROMAN.finditer(text):
        numeral = match["before"] or match["after"]
        group = "before" if match["before"] else "after"
        yield _measured(text, Fraction(_roman(numeral)), match.span(group))
    for match in _ONCE.finditer(text):
        value = Fraction(1 if match["one"] else 2 if match["two"] else 3)
        yield _with_unit(text, value, match.span(), "time")
    for match in re.finditer(
        "|".join(rf"(?<![a-z.]){re.escape(word)}(?![a-z])" for word in _table()["frequency"]), text
    ):
        times = Fraction(_table()["frequency"][match.group()])
        yield Quantity(times, times, "time", "d", *match.span())


def _number(text: str, match: re.Match[str]) -> Quantity:
    is_code = len(match.group()) > _LONGEST or "/0" in match.group() or _MALFORMED.search(match.group())
    if match["name"] or is_code:
        return Quantity(match.group(), match.group(), "", "", *match.span())
    if match["ratio"]:
        return _ratio(text, match)
    if match["whole"]:
        value = int(match["whole"]) + Fraction(match["part"])
    else:
        value = _decimal(match["digits"]) * _table()["chinese"].get(match["myriad"], 1)
        value *= Fraction(10) ** _bounded(match["exponent"] or "0")
    if match["power"] and value:
        value **= _bounded(match["power"][1:])
    return _measured(text, -value if match["sign"] else value, match.span())


def _ratio(text: str, match: re.Match[str]) -> Quantity:
    parts = [Fraction(part) for part in match["ratio"].split("/")]
    if len(parts) == 2 and 0 < parts[0] < parts[1] <= 10:
        return _measured(text, parts[0] / parts[1], match.span())  # half a tablet
    measured = _measured(text, Fraction(1), match.span())
    written = "/".join(str(float(part)) for part in parts)
    return replace(measured, raw=written, value=written)


def _worded(text: str) -> Iterator[Quantity]:
    """Numbers written in words."""
    for match in _english().finditer(text):
        value = _english_value(match.group())
        measured = _measured(text, Fraction(value), match.span())
        if value != 1 or measured.unit:
            yield measured
    for match in re.finditer(r"\bhalf\b(?: an?\b)?", text):
        measured = _measured(text, Fraction(1, 2), match.span())
        if measured.unit:
            yield measured
    for match in _CHINESE.finditer(text):
        value = _chinese_value(match.group().removeprefix("百分之"))
        if match.group().startswith("百分之"):
            yield Quantity(value, value, "%", "", *match.span())
            continue
        measured = _measured(text, value, match.span())
        article = measured.unit == "count" and value == 1
        if measured.unit and not article:
            yield measured


def _measured(text: str, value: Fraction, span: tuple[int, int]) -> Quantity:
    """The number with the unit that follows it, if one does."""
    gap = _JOIN.match(text, span[1])
    start = gap.end() if gap else span[1]
    unit = _units().match(text, start)
    before = _before().search(text, max(0, span[0] - 12), span[0])
    rate = before.group(1) if before else ""
    if unit is None:
        per = _bases()[rate][0] if rate in _times() else ""
        return Quantity(value, value, "", per, *span)
    base, factor = _bases()[unit.group()]
    found = _with_unit(text, value * factor, (span[0], unit.end()), base)
    found = replace(found, raw=value)
    if not rate:
        return found
    below, divisor = _bases()[rate]
    if rate in _times():
        return replace(found, per=found.per or below)
    return replace(found, unit=f"{found.unit}/{below}", value=value * factor / divisor)


def _with_unit(text: str, value: Fraction, span: tuple[int, int], unit: str) -> Quantity:
    """Read what the unit is divided by, and how often."""
    end, per = span[1], ""
    while True:
        often = _often().match(text, end)
        if often:
            per, end = per or _table()["often"][often.group().strip(" ,")], often.end()
            continue
        link = _PER.match(text, end)
        below = _units().match(text, link.end()) if link else None
        if below is None:
            return Quantity(value, value, unit, per, span[0], end)
        base, factor = _bases()[below.group()]
        if below.group() in _times():
            per = per or base
        else:
            unit, value = f"{unit}/{base}", value / factor
        rest = _AFTER_BODY.match(text, below.end())
        end = rest.end() if rest and rest.group().strip() else below.end()


def _with_range_units(found: list[Quantity], text: str) -> list[Quantity]:
    """In `5-10 mg` the first number has the second's unit."""
    done: list[Quantity] = []
    for quantity in reversed(found):
        after = done[-1] if done else None
        if after and after.unit and not quantity.unit and isinstance(quantity.raw, Fraction):
            quantity = _ranged(quantity, after, text)
        done.append(quantity)
    return done[::-1]


def _ranged(quantity: Quantity, after: Quantity, text: str) -> Quantity:
    if not _RANGE.fullmatch(text, quantity.end, after.start) or not isinstance(after.raw, Fraction) or not after.raw:
        return quantity
    raw, value = cast("Fraction", quantity.raw), cast("Fraction", after.value)
    return replace(quantity, value=raw * value / after.raw, unit=after.unit, per=quantity.per or after.per)


def _decimal(digits: str) -> Fraction:
    """`1,000` is a thousand, `0,5` a half, as in Europe."""
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", digits):
        return Fraction(digits.replace(",", ""))
    return Fraction("0" + digits.replace(",", ".") if digits[0] in ".," else digits.replace(",", "."))


def _bounded(exponent: str) -> int:
    return max(-99, min(99, int(exponent)))


def _roman(numeral: str) -> int:
    values = [{"i": 1, "v": 5, "x": 10}[letter] for letter in numeral]
    return sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))


def _english_value(words: str) -> int:
    total = group = 0
    for word in re.findall("[a-z]+", words):
        value = _table()["english"].get(word, 0)
        if value == 100:
            group = max(group, 1) * 100
        elif value > 100:
            total, group = total + max(group, 1) * value, 0
        else:
            group += value
    return total + group


def _chinese_value(numeral: str) -> Fraction:
    if numeral == "半":
        return Fraction(1, 2)
    values: dict[str, int] = _table()["chinese"]
    whole, _, decimals = numeral.partition("点")
    total = section = digit = 0
    for character in whole:
        value = values[character]
        if value >= 10000:
            total, section, digit = (total + section + digit) * value, 0, 0
        elif value >= 10:
            section, digit = section + (digit or 1) * value, 0
        else:
            digit = digit * 10 + value
    tail = "".join(str(values[character]) for character in decimals)
    return Fraction(total + section + digit) + (Fraction(int(tail), 10 ** len(tail)) if tail else 0)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data") / "quantities.toml").read_text(encoding="utf-8"))


@cache
def _bases() -> dict[str, tuple[str, Fraction]]:
    """Name of a unit -> (base unit, factor)."""
    rows = _table()["unit"]
    return {name: (row["base"], Fraction(row.get("factor", "1"))) for row in rows for name in row["names"]}


@cache
def _times() -> frozenset[str]:
    periods = ("s", "min", "h", "d", "week", "month", "year")
    return frozenset(name for name, (base, _) in _bases().items() if base in periods)


@cache
def _units() -> re.Pattern[str]:
    """A unit's name, longest first; a Latin one ends where its word ends."""
    return re.compile(_alternatives(_bases()))


@cache
def _before() -> re.Pattern[str]:
    """`每公斤体重` or `每日` right before a number."""
    return re.compile(rf"每\s*({_alternatives(_bases())})\s*(?:体重)?\s*(?:给予|给|用|予|约|服)?\s*$")


@cache
def _often() -> re.Pattern[str]:
    return re.compile(rf"[ ,]*\b(?:{'|'.join(_table()['often'])})\b")


@cache
def _english() -> re.Pattern[str]:
    word = "|".join(_table()["english"])
    joint = "[ -]|(?:(?<=hundred)|(?<=thousand)|(?<=million)) and "
    return re.compile(rf"\b(?:{word})(?:(?:{joint})(?:{word}))*\b")


def _alternatives(names: dict[str, tuple[str, Fraction]]) -> str:
    ordered = sorted(names, key=lambda name: (-len(name), name))
    return "|".join(
        re.escape(name) + (r"(?![a-z\d])" if name[-1].isascii() and name[-1].isalnum() else "") for name in ordered
    )
