"""What bytes and letters say: the encoding of a text file, and the language of a text."""

import codecs
import re
from collections.abc import Callable
from typing import Annotated, BinaryIO

from pydantic import AfterValidator

from clinforge.errors import InputError
from clinforge.records import Lang

DAMAGED = "\ufffd"
"""Stands where bytes could not be decoded; a row that holds it is damaged."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20
_JUDGED = 20_000
"""Characters beyond ASCII that are looked at; more would not change the verdict."""
_LEAST_UTF8 = 0.9
_LEAST_CHINESE = 0.7
_MOST_ACCENTS = 0.25
"""In cp1252 accents and curly quotes are rare among letters; a file full of them is something else."""
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_LATIN_WORD = re.compile("[A-Za-z]+")


def language_of(text: str) -> Lang:
    """Chinese where there are at least as many Chinese characters as Latin words, English otherwise."""
    han = len(_HAN.findall(text))
    return "zh" if han and han >= len(_LATIN_WORD.findall(text)) else "en"


def is_damaged(text: str) -> bool:
    """Whether bytes were lost in decoding, or half a surrogate pair (legal in JSON) stands where a character should."""
    return DAMAGED in text or _HALF_PAIR.search(text) is not None


def known_encoding(name: str) -> str:
    """The name if Python knows it and '' stays ''; ValueError otherwise. `gb2312` and `gbk` are read as gb18030."""
    try:
        "".encode(name or "utf-8")  # refuses codecs that are not of text, such as hex
        found = codecs.lookup(name).name if name else ""
    except LookupError:
        raise ValueError(f"'{name}' is no encoding; for example utf-8, gb18030, utf-16, big5") from None
    return "gb18030" if found in ("gb2312", "gbk") else found


Encoding = Annotated[str, AfterValidator(known_encoding)]
"""Name of an encoding in settings; '' to find it from the bytes."""


def decode(data: bytes, encoding: str = "") -> tuple[str, str]:
    """(text, encoding) of a whole file; `DAMAGED` stands for what cannot be decoded.

    Raises InputError when no encoding fits, e.g. for a picture.
    """
    found = known_encoding(encoding) or encoding_of(data)
    return data.decode(found, "replace"), found


def sniff(file: BinaryIO) -> str:
    """Encoding of a file of any length, judged by its first block that is not plain ASCII.

    The file is left at its start. Raises InputError when no encoding fits.
    """
    block = head = file.read(_BLOCK)
    while block and block.isascii() and b"\0" not in block:
        block = file.read(_BLOCK)
    file.seek(0)
    return encoding_of(head if head.startswith(tuple(bom for bom, _ in _BOMS)) else block)


def encoding_of(data: bytes) -> str:
    """Name of the encoding that fits: by byte order mark, or by how likely the characters would be.

    Knows UTF-8, UTF-16, UTF-32 (with mark), GB18030, Big5 and cp1252. Few damaged bytes do not change the verdict.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return name
    if b"\0" in data:
        return _utf16(data)
    if data.isascii() or _share(data, "utf-8", _is_usual) >= _LEAST_UTF8:
        return "utf-8"
    score, name = max(
        (_share(data, "gb18030", _is_common_gb), "gb18030"),
        (_share(data, "big5", _is_common_big5), "big5"),
        key=lambda pair: pair[0],
    )
    if score >= _LEAST_CHINESE:
        return name
    beyond = sum(byte > 0x7F for byte in data)
    if beyond <= _MOST_ACCENTS * len(data) and _share(data, "cp1252", _is_text) == 1:
        return "cp1252"
    raise InputError("its encoding cannot be told.", hint="Save the file as UTF-8, or name it with `encoding:`.")


def _utf16(data: bytes) -> str:
    """UTF-16 without a mark: half of all line feeds and Latin letters are zero bytes."""
    scores = {name: _share(data, name, _is_wide_text) for name in ("utf-16-le", "utf-16-be")}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] < _LEAST_UTF8:
        raise InputError("it is not a text file: it holds zero bytes.", hint="Convert it, or leave it out.")
    return best


def _share(data: bytes, encoding: str, plausible: Callable[[str], bool]) -> float:
    """Share of plausible characters among those that tell encodings apart; 0 if there are none."""
    wide = encoding.startswith("utf-16")
    text = data.decode(encoding, "replace")
    judged = [char for char in text if wide or char > "\x7f"][:_JUDGED]
    return sum(map(plausible, judged)) / len(judged) if judged else 0.0


def _is_text(char: str) -> bool:
    return char != DAMAGED and not "\x80" <= char <= "\x9f" and not "\ue000" <= char <= "\uf8ff"


def _is_usual(char: str) -> bool:
    """Of two-byte characters only accents, Greek and Cyrillic: the bytes of others may be a hanzi of GB18030."""
    return _is_text(char) and (char <= "\u017f" or "\u0370" <= char <= "\u045f" or char >= "\u0800")


def _is_wide_text(char: str) -> bool:
    """Latin, Greek, punctuation, Chinese, full width: swapped bytes land elsewhere four times in five."""
    return (
        char in "\t\r\n"
        or " " <= char <= "\u04ff"
        or "\u2000" <= char <= "\u22ff"
        or "\u3000" <= char <= "\u303f"
        or "\u4e00" <= char <= "\u9fff"
        or "\uff00" <= char <= "\uffef"
    )


def _is_common_gb(char: str) -> bool:
    """A hanzi or sign of GB 2312; what other encodings look like in GB18030 mostly falls outside."""
    lead = _lead(char, "gb2312")
    return 0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xF7


def _is_common_big5(char: str) -> bool:
    """A sign or one of Big5's frequently used characters."""
    return 0xA1 <= _lead(char, "big5") <= 0xC6


def _lead(char: str, encoding: str) -> int:
    try:
        code = char.encode(encoding)
    except UnicodeEncodeError:
        return 0
    return code[0] if len(code) == 2 else 0
