"""How often a medicine is taken, in one form per language: bid, twice a day -> twice daily; 一天两次 -> 每日2次.

Spellings, their sources, and those that stay because they are ambiguous stand in `frequencies.toml`. A frequency in
words keeps the language it is written in; an abbreviation takes that of the text. Not covered: misspelt
abbreviations, those run together with what precedes ("100mgqd"), those behind a medicine's name alone, counts above 12.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from clinforge.records import Lang
from clinforge.text import Edit

_EN_NUMBER = r"(?:[0-9]{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|twelve)"
_ZH_NUMBER = r"(?:[0-9]{1,2}|[一二两三四五六七八九十])"
_EN_COUNT = rf"({_EN_NUMBER})(?: ?(?:-|–|to) ?({_EN_NUMBER}))?"
_ZH_COUNT = rf"({_ZH_NUMBER})(?: ?[-–~～至到] ?({_ZH_NUMBER}))?"
_OTHER_NUMBER = "0-9一二两三四五六七八九十第"
_ONE_TIME = r" *[一1] *次(?!性)"
_MONTH = "个?月"


def find_frequencies(text: str, lang: Lang) -> list[Edit]:
    """Every frequency of a text with its one form, those already in it included; in order, without overlap."""
    found = [*_in_words(text), *_every_so_often(text, lang), *_abbreviations(text, lang, "always")]
    ends = {end for _, end, _ in found} | {match.end() for match in _anchor().finditer(text)}
    for edit in _abbreviations(text, lang, "after_dose"):
        if _stands_after(text, edit[0], ends):
            found.append(edit)
            ends.add(edit[1])
    return list(_apart(found))


def _stands_after(text: str, place: int, ends: set[int]) -> bool:
    """Whether nothing but a few separators lies between `place` and what gives an abbreviation its meaning."""
    for start in range(place, max(-1, place - _WIDEST_GAP), -1):
        if start in ends:
            return True
        if start and text[start - 1] not in " \t,;，；、()（）/+":
            return False
    return False


_WIDEST_GAP = 6


def _apart(edits: Iterable[Edit]) -> Iterator[Edit]:
    done = 0
    for start, end, form in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= done:
            yield start, end, form
            done = end


# --- in words


def _in_words(text: str) -> Iterator[Edit]:
    for pattern, form in _SHAPES:
        for match in pattern.finditer(text):
            new = form(match)
            yield match.start(), match.end(), new[0].upper() + new[1:] if match.group()[0].isupper() else new
    for match in _canonical().finditer(text):
        yield match.start(), match.end(), match.group()


def _times_en(match: re.Match[str]) -> str:
    word, low, high, unit = match.groups()
    count = {"once": 1, "twice": 2, "thrice": 3}[word.lower()] if word else _number(low)
    adverb = _table()["en_adverbs"][_unit(unit)]
    if high:
        return f"{count}-{_number(high)} times {adverb}"
    return f"{_TIMES.get(count, f'{count} times')} {adverb}"


_TIMES = {1: "once", 2: "twice", 3: "three times", 4: "four times"}


def _every_en(match: re.Match[str]) -> str:
    return _every(match, "en")


def _times_zh(match: re.Match[str]) -> str:
    unit, low, high = match.groups()
    return f"每{_zh_unit(unit)}{_range(low, high)}次"


def _per_zh(match: re.Match[str]) -> str:
    low, high, unit = match.groups()
    return f"每{_zh_unit(unit)}{_range(low, high)}次"


def _every_zh(match: re.Match[str]) -> str:
    return _every(match, "zh")


def _every(match: re.Match[str], lang: Lang) -> str:
    low, high, unit = match.groups()
    count = _range(low, high)
    if lang == "zh":
        months = "个" if _unit(unit) == "month" else ""  # 每3月1次 would be every March
        return f"每{count}{months}{_zh_unit(unit)}1次"
    return f"every {count} {_unit(unit)}{'' if count == '1' else 's'}"


def _range(low: str, high: str | None) -> str:
    return f"{_number(low)}-{_number(high)}" if high else str(_number(low))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _table()["numbers"][text.lower()]


def _unit(text: str) -> str:
    return _table()["units"][text.lower()]


def _zh_unit(text: str) -> str:
    return _table()["zh_units"][_unit(text)]


_SHAPES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(
            rf"(?i)(?<![a-z0-9.])(?:(once|twice|thrice)|{_EN_COUNT} ?(?:times?|x))"
            r"(?: (?:a|per|each|every) | ?/ ?| (?=\w+ly))(day|week|month|daily|weekly|monthly)(?![a-z])"
        ),
        _times_en,
    ),
    (
        re.compile(rf"(?i)(?<![a-z])every {_EN_COUNT} (hours?|hrs?|minutes?|mins?|days?|weeks?|months?)(?![a-z])"),
        _every_en,
    ),
    (
        re.compile(rf"(?:每|(?<![{_OTHER_NUMBER}月每隔.])[一1])(日|天|周|星期|个月) *{_ZH_COUNT} *次(?!性)"),
        _times_zh,
    ),
    (re.compile(rf"每(月) *{_ZH_COUNT} *次(?!性)"), _times_zh),
    (re.compile(rf"(?<![{_OTHER_NUMBER}.~～至到-]){_ZH_COUNT} *次 */ *(日|天|周|月)"), _per_zh),
    (re.compile(rf"每 *{_ZH_COUNT} *(个?小时|h|分钟|天|日|周|星期|{_MONTH}){_ONE_TIME}"), _every_zh),
    (re.compile(rf"(?<![{_OTHER_NUMBER}.~～至到-])1 *次 */ *{_ZH_COUNT} *(个?小时|h|天|日|周)"), _every_zh),
    (re.compile(rf"每个?小时{_ONE_TIME}"), lambda _: "每小时1次"),
    (re.compile(rf"每?隔一?[日天]{_ONE_TIME}"), lambda _: "隔日1次"),
    (re.compile(rf"每晚睡前{_ONE_TIME}"), lambda _: "每晚睡前1次"),
    (re.compile(rf"每天?晚上?{_ONE_TIME}"), lambda _: "每晚1次"),
    (re.compile(rf"每(?:天?早上?|晨){_ONE_TIME}"), lambda _: "每晨1次"),
)


# --- abbreviations


def _every_so_often(text: str, lang: Lang) -> Iterator[Edit]:
    for match in _EVERY_CODE.finditer(text):
        yield match.start(), match.end(), _every(match, lang)


def _abbreviations(text: str, lang: Lang, kind: Literal["always", "after_dose"]) -> Iterator[Edit]:
    pattern, forms = _codes(kind)
    for match in pattern.finditer(text):
        code, end = match.group(), match.end()
        if lang == "en" and code.endswith(".") and _SENTENCE_END.match(text, end):
            end -= 1  # the point also ends the sentence
        yield match.start(), end, forms[code.rstrip(".")][lang]


_EVERY_CODE = re.compile(
    r"(?i)(?<![a-z0-9])q\.? ?([0-9]{1,2})(?: ?(?:-|–|~|to) ?([0-9]{1,2}))? ?"
    r"(h|hrs?|hours?|mins?|minutes?|d|days?|w|wks?|weeks?)(?![a-z0-9])"
)
_SENTENCE_END = re.compile(r"\s*$|\s*\n|\s+[A-Z][a-z]")


@cache
def _codes(kind: str) -> tuple[re.Pattern[str], dict[str, dict[Lang, str]]]:
    """Pattern of all abbreviations of a kind, and their forms by abbreviation (without its last point)."""
    forms: dict[str, dict[Lang, str]] = {}
    for row in _table()["code"]:
        for code in row.get(kind, ()):
            forms[code.rstrip(".")] = {"en": row["en"], "zh": row["zh"]}
    listed = "|".join(
        re.escape(code) + (r"\.?" if "." in code else "") for code in sorted(forms, key=len, reverse=True)
    )
    return re.compile(rf"(?<![A-Za-z0-9.])(?:{listed})(?![A-Za-z0-9])"), forms


@cache
def _canonical() -> re.Pattern[str]:
    forms = {row[lang] for row in _table()["code"] for lang in ("en", "zh")}
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))


@cache
def _anchor() -> re.Pattern[str]:
    """Amounts and routes."""
    table = _table()["anchors"]
    amounts, routes = ("|".join(map(re.escape, sorted(table[key], key=len, reverse=True))) for key in table)
    return re.compile(rf"(?i)[0-9] ?(?:{amounts})(?![a-z])|(?<![a-z])(?:{routes})(?![a-z])")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data") / "frequencies.toml").read_text(encoding="utf-8"))
