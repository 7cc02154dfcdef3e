"""Texts made up for tests: random words and characters, with copies of a known similarity. Not medical, not real."""

import random

from clinforge.records import Document

EN = [
    a + b + c for a in ("ba", "ke", "li", "mo", "nu") for b in ("dra", "fel", "gin", "sto", "pru") for c in "abcdefgh"
]
ZH = [chr(code) for code in range(0x4E00, 0x4E00 + 900)]


def text(seed: object, length: int, lang: str = "en") -> str:
    """A text of so many tokens; the same seed gives the same text."""
    drawn = random.Random(str(seed)).choices(EN if lang == "en" else ZH, k=length)
    return (" " if lang == "en" else "").join(drawn)


def edited(original: str, changes: int, seed: object, lang: str = "en") -> str:
    """The text with some tokens at random places replaced by others."""
    draw = random.Random(str(seed))
    parts = original.split() if lang == "en" else list(original)
    for place in draw.sample(range(len(parts)), changes):
        parts[place] = f"zz{draw.randrange(10**6)}" if lang == "en" else chr(0x6000 + draw.randrange(2000))
    return (" " if lang == "en" else "").join(parts)


def document(number: object, words: str, **fields: object) -> Document:
    """A document with this text."""
    lang = "zh" if any(char >= "\u4e00" for char in words) else "en"
    return Document.model_validate(
        {"id": f"d{number}", "text": words, "lang": lang, "source": "a", "source_id": "x"} | fields
    )
