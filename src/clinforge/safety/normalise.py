"""One spelling for many: width, zero-width characters, traditional characters, case and spaces.

A line break or a space between Chinese characters may split a word or separate two statements; nobody can tell
which. So a text has two readings, one for each, and a red flag in either counts.
"""

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any, cast

_CJK = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_GAP = re.compile(r"\s+")
_INSIDE_CHINESE = re.compile(rf"(?<=[{_CJK}])\s+(?=[{_CJK}])")
_BESIDE_CHINESE = re.compile(rf"(?<=[{_CJK}])\s+|\s+(?=[{_CJK}])")
_LINE = re.compile(r"[^\S\n]*\n\s*")
_PUNCTUATION = str.maketrans("’‘`´“”。；：！？，（）【】—–‐‑", "''''\"\".;:!?,()()----")
_SIMPLE_FALLBACK = str.maketrans(
    "胸痛壓迫頭暈嘔吐氣難無沒發燒熱殺車禍傷過喉嚨腫緊腦側齒話說歪臉斷續孕婦懷產後嬰兒藥農誤劇驟歲個",
    "胸痛压迫头晕呕吐气难无没发烧热杀车祸伤过喉咙肿紧脑侧齿话说歪脸断续孕妇怀产后婴儿药农误剧骤岁个",
)
"""Only for installations without opencc (it comes with the `serve` extra): the commonest characters of the rules."""


def readings(text: str) -> tuple[str, ...]:
    """The readings of a text: spaces and line breaks taken as nothing, and taken as the end of a statement."""
    plain = _plain(text)
    joined = _GAP.sub(" ", _BESIDE_CHINESE.sub("", plain)).strip()
    separate = _INSIDE_CHINESE.sub(",", _LINE.sub(". ", plain))
    separate = _GAP.sub(" ", _BESIDE_CHINESE.sub("", separate)).strip()
    return (joined,) if joined == separate else (joined, separate)


def is_chinese(text: str) -> bool:
    """Whether Chinese characters make up a fifth of the letters or more: which language to answer in first."""
    letters = [character for character in text if character.isalpha()]
    return 5 * sum(_is_cjk(character) for character in letters) >= max(1, len(letters))


def _is_cjk(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def _plain(text: str) -> str:
    """Widths unified, invisible characters and combining marks gone, simplified, lower case, ASCII punctuation."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(character for character in text if unicodedata.category(character) not in _INVISIBLE)
    text = "".join(_SPACES.get(character, character) for character in text)
    return _simplifier()(text).lower().translate(_PUNCTUATION)


_INVISIBLE = frozenset({"Cf", "Mn", "Me", "Cs", "Co", "Cn"})
_SPACES = {"\x00": "", "\r": "\n", "\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}


@functools.cache
def _simplifier() -> Callable[[str], str]:
    try:
        import opencc
    except ImportError:
        return lambda text: text.translate(_SIMPLE_FALLBACK)
    return cast("Callable[[str], str]", cast("Any", opencc).OpenCC("t2s").convert)
