"""Where in a text a quotation stands: exactly after normalisation, or nearly, by a stated threshold.

Normalisation drops what copying changes and meaning does not: width, case, accents, kinds of quotes and dashes, white
space. Offsets are kept, so what is found is the source's own wording, never the model's.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

_SAME = str.maketrans("’‘`´“”„«»。；：！？，（）【】、—–‐‑−～", '\'\'\'\'""""".;:!?,()[],-----~')
_DROPPED = frozenset({"Cf", "Mn", "Cc", "Cs"})
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？]|\n\s*\n|\n(?=\s*(?:[A-Z]|(?:[-*•·]|\d{1,2}[.)、])\s))")
"""Also a line that starts with a capital or as the item of a list: lists often have no full stops."""


@dataclass(frozen=True)
class Place:
    """A stretch of a text."""

    start: int
    end: int
    how: Literal["exact", "fuzzy"]
    similarity: float
    """1 for an exact match; else the share of characters in common, 0-1."""


def find_quotation(quotation: str, text: str, threshold: float) -> Place | None:
    """The first exact place of a quotation, else the most similar one of at least `threshold`, else None."""
    needle, _ = plain_with_offsets(quotation)
    hay, offsets = plain_with_offsets(text)
    if not needle or len(needle) > len(hay):
        return None
    at = hay.find(needle)
    if at >= 0:
        return Place(offsets[at], offsets[at + len(needle) - 1] + 1, "exact", 1.0)
    from rapidfuzz import fuzz
    from rapidfuzz.distance import Indel

    found = fuzz.partial_ratio_alignment(needle, hay, score_cutoff=100 * threshold)
    if found is None or found.dest_end <= found.dest_start:
        return None
    # An alignment is as long as the quotation, so it may reach into what stands beside the place: cut to what agrees.
    operations = Indel.opcodes(needle, hay[found.dest_start : found.dest_end])
    agrees = [operation for operation in operations if operation.tag == "equal"]
    first, last = found.dest_start + agrees[0].dest_start, found.dest_start + agrees[-1].dest_end - 1
    return Place(offsets[first], offsets[last] + 1, "fuzzy", round(found.score / 100, 4))


def plain_with_offsets(text: str) -> tuple[str, list[int]]:
    """The normalised text, and for each of its characters the offset in `text` of the character it came from."""
    kept: list[str] = []
    offsets: list[int] = []
    for at, character in enumerate(text):
        for piece in unicodedata.normalize("NFKD", character).translate(_SAME).casefold():
            if not piece.isspace() and unicodedata.category(piece) not in _DROPPED:
                kept.append(piece)
                offsets.append(at)
    return "".join(kept), offsets


def whole_sentences(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a stretch to the sentences it touches; items of lists count as sentences."""
    low, high = 0, len(text)
    for match in _SENTENCE_END.finditer(text):
        if match.end() <= start:
            low = match.end()
        elif match.end() >= end:
            high = match.end()
            break
    return low, high


def whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a stretch so that it cuts no Latin word or number."""
    while start > 0 and _joins(text[start - 1], text[start]):
        start -= 1
    while end < len(text) and _joins(text[end - 1], text[end]):
        end += 1
    return start, end


def sentences(text: str) -> list[str]:
    """The sentences of a text, without surrounding space."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    parts = [text[low:high].strip() for low, high in zip([0, *ends], [*ends, len(text)], strict=True)]
    return [part for part in parts if part]


def _joins(one: str, other: str) -> bool:
    return (
        all(character.isalnum() or character == "'" for character in (one, other)) and one.isascii() and other.isascii()
    )
