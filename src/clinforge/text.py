r"""A text in one spelling, with the way back to how it was written.

    original ──normalise──▶ Normalised ──edited──▶ Normalised ──original_span(start, end)──▶ a span of the original

The form is Unicode's NFKC (UAX #15), simplified where Chinese, without invisible and control characters, one kind of
line break. Four things that NFKC does would change what a medical text says and are not done:

- digits are never joined: 10⁹/L and 1½ stay as they are (NFKC makes them 109/L and 11⁄2); CO₂ becomes CO2;
- numbered marks stay (①, ⑵, ⒈): NFKC makes "①5 mg" 15 mg;
- raised letters stay (37ºC, Aspirin™), and so do accents that stand alone (´ ¨ ¯);
- more than 30 accents on one letter are cut (UAX #15, Stream-Safe Text Format), so that hostile text costs no more.

Bounds: simplification asks opencc (t2s: characters and set phrases, no change of vocabulary between regions);
mojibake is what ftfy recognises, and unmended mojibake loses its control characters here.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple, cast

from clinforge.errors import MissingError

Span = tuple[int, int]
Edit = tuple[int, int, str]
"""(start, end, what stands there instead): not empty, in order, without overlap."""
CHINESE_PUNCTUATION = "，：；！？（）"
"""Full-width marks that belong to Chinese writing; NFKC makes ASCII of them unless they are kept."""


class _Cut(NamedTuple):
    """Characters before `end` come from one place together, of which an edit has taken a part."""

    end: int
    origin: int


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text with, for each of its characters, where it comes from."""

    text: str
    original: str
    offsets: Sequence[int]
    """One for each character of `text` and one for its end, never falling. Characters with the same offset come from
    the same place together. What was removed belongs to the character before it."""

    @classmethod
    def of(cls, text: str) -> "Normalised":
        """A text that is its own original."""
        return cls(text, text, range(len(text) + 1))

    def original_span(self, start: int, end: int) -> Span:
        """The smallest span of the original that holds all that became `text[start:end]`."""
        if not 0 <= start <= end <= len(self.text):
            raise IndexError(f"({start}, {end}) is not a span of a text of {len(self.text)} characters.")
        if start == end:
            return self.offsets[start], self.offsets[start]
        return self.offsets[start], self.offsets[bisect_right(self.offsets, self.offsets[end - 1])]

    def position(self, original: int) -> int:
        """Where the first character of `text` stands that comes from `original` or after it."""
        return bisect_left(self.offsets, original)

    def edited(self, edits: Iterable[Edit]) -> "Normalised":
        """The same original with `text` edited; all characters put in come from the whole span they replace."""
        pieces: list[str] = []
        offsets, done = array("q"), 0
        cut = _Cut(0, 0)
        for start, end, new in edits:
            if not done <= start < end:
                raise ValueError(f"The edit of ({start}, {end}) is empty, or begins before the end of the last one.")
            pieces += (self.text[done:start], new)
            self._take_over(offsets, done, start, cut)
            place = cut.origin if start < cut.end else self.offsets[start]
            offsets.extend([place] * len(new))
            cut = _Cut(bisect_right(self.offsets, self.offsets[end - 1]), place)
            done = end
        if not pieces:
            return self
        self._take_over(offsets, done, len(self.offsets), cut)
        return Normalised("".join(pieces) + self.text[done:], self.original, offsets)

    def _take_over(self, offsets: "array[int]", start: int, end: int, cut: "_Cut") -> None:
        """Add the offsets from `start` to `end`; what is left of a place that an edit cut comes from where it does."""
        whole = min(max(start, cut.end), end)
        offsets.extend([cut.origin] * (whole - start))
        offsets.extend(self.offsets[whole:end])

    def then(self, later: "Normalised") -> "Normalised":
        """What comes out when `later` was made from this text: its text, with the way back to this original."""
        if later.original != self.text:
            raise ValueError("The second step was not made from the text of the first.")
        if later.text == self.text:
            return self
        return Normalised(later.text, self.original, array("q", (self.offsets[place] for place in later.offsets)))


def normalise(text: str, *, simplify: bool = True, repair: bool = False, keep: str = "") -> Normalised:
    """The text in normal form. Pure; time linear in its length.

    Args:
        text: Any string, lone surrogates included (they become U+FFFD).
        simplify: Traditional Chinese to simplified; MissingError where there is Chinese text and no opencc.
        repair: Undo text that was read in a wrong encoding; MissingError without ftfy.
        keep: Characters that stay as they are, e.g. `CHINESE_PUNCTUATION`.
    """
    current = Normalised.of(text)
    for _ in range(_ROUNDS):
        before = current.text
        if repair and not before.isascii():
            current = current.edited(_repairs(current.text))
        current = current.edited(_controls(current.text))
        if not current.text.isascii():
            current = current.edited(_forms(current.text, keep))
            current = _simplified(current) if simplify and _CHINESE.search(current.text) else current
        if current.text == before:
            break
    return current


_ROUNDS = 8
"""One round settles nearly every text and the second shows it; a mend can bring forth what the next round changes."""

# --- invisible characters and line breaks

_INVISIBLE = (
    # Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, and interlinear annotation marks
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
)
_BREAK = r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]"
_CONTROL = re.compile(rf"({_BREAK})|(\x1f)|([\ud800-\udfff])|[{_INVISIBLE}]+")
_STANDS_FOR = {1: "\n", 2: " ", 3: "\ufffd", None: ""}


def _controls(text: str) -> Iterator[Edit]:
    for match in _CONTROL.finditer(text):
        yield match.start(), match.end(), _STANDS_FOR[match.lastindex]


# --- NFKC, cluster by cluster: a character with the marks that may combine with it

_SETTLED = (
    r"\t\n\x20-\x7e°±×÷\u2013\u2014\u2018-\u201d\u2022\u2191\u2193\u2264\u2265"
    r"\u3001\u3002\u3008-\u3011\u3014-\u301b\u3400-\u4dbf\u4e00-\u9fff"
)
"""Commonest characters that NFKC neither changes nor joins to the one before them: the rest is looked at one by one."""
_MOST_MARKS = 30
_LONGEST_RUN = 8


@lru_cache(maxsize=16)
def _rough(keep: str) -> re.Pattern[str]:
    return re.compile(f"[^{_SETTLED}{re.escape(keep)}]+")


def _forms(text: str, keep: str) -> Iterator[Edit]:
    for region in _rough(keep).finditer(text):
        start = max(0, region.start() - 1)  # its first marks may combine with the settled character before
        for place in range(start + 1, region.end() + 1):
            if place < region.end() and not _begins_cluster(text[place]):
                continue
            new = _form(text, start, place, keep)
            if new != text[start:place]:
                yield start, place, new
            start = place


def _form(text: str, start: int, end: int, keep: str) -> str:
    places = range(start, end) if end - start <= _MOST_MARKS else _with_fewer_marks(text, start, end)
    plain = (text[place] if text[place] in keep else _plain(text, place) for place in places)
    return unicodedata.normalize("NFC", "".join(plain))


def _with_fewer_marks(text: str, start: int, end: int) -> Iterator[int]:
    marks = 0
    for place in range(start, end):
        marks = marks + 1 if unicodedata.combining(text[place]) else 0
        if marks <= _MOST_MARKS:
            yield place


def _plain(text: str, place: int) -> str:
    """The compatibility form of one character, unless it would change what is said."""
    form, kind = _compatibility(text[place])
    if kind == "stays" or (kind == "beside no digit" and _touches_number(text, place)):
        return text[place]
    return form


@lru_cache(maxsize=1 << 14)
def _compatibility(character: str) -> tuple[str, str]:
    form = unicodedata.normalize("NFKD", character)
    tag = unicodedata.decomposition(character).partition(" ")[0]
    if form == character or unicodedata.category(character) == "Nd":
        return form, "changes"
    if tag in ("<super>", "<sub>"):
        return form, "stays" if form[0].isalpha() else "beside no digit"
    if unicodedata.category(character) == "No" or (len(form) > 1 and form[0] == " "):
        return form, "stays"
    return form, "beside no digit" if any(digit in "0123456789" for digit in form) else "changes"


def _touches_number(text: str, place: int) -> bool:
    """Whether the run of raised, lowered or squared characters at `place` stands beside a digit, or is too long."""
    start = end = place
    while start and end - start < _LONGEST_RUN and _compatibility(text[start - 1])[1] == "beside no digit":
        start -= 1
    while end + 1 < len(text) and end - start < _LONGEST_RUN and _compatibility(text[end + 1])[1] == "beside no digit":
        end += 1
    beside = text[max(0, start - 1) : start] + text[end + 1 : end + 2]
    return end - start == _LONGEST_RUN or any(map(_is_number, beside))


def _is_number(character: str) -> bool:
    return unicodedata.category(character)[0] == "N"


@lru_cache(maxsize=1 << 14)
def _begins_cluster(character: str) -> bool:
    """Whether nothing before the character can combine with it. On the careful side: a cluster may be longer."""
    first = unicodedata.normalize("NFKD", character)[0]
    jamo = "\u1160" <= first <= "\u11ff" or "\U00016d63" <= first <= "\U00016d6a"
    return not (jamo or unicodedata.combining(first) or unicodedata.category(first)[0] == "M")


# --- traditional to simplified

_CHINESE = re.compile("[\u2e80-\u2fdf\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def _simplified(current: Normalised) -> Normalised:
    converted = _simplifier()(current.text)
    if len(converted) == len(current.text):
        return Normalised(converted, current.original, current.offsets)
    # A set phrase that changed its length: characters alone keep the offsets exact.
    return current.edited(
        (place, place + 1, new)
        for place, character in enumerate(current.text)
        if (new := _simplified_character(character)) != character
    )


@lru_cache(maxsize=1 << 14)
def _simplified_character(character: str) -> str:
    return _simplifier()(character)


@cache
def _simplifier() -> Callable[[str], str]:
    try:
        import opencc
    except ImportError:
        raise MissingError(
            "Simplifying Chinese text needs opencc.", hint="Install it: pip install 'clinforge[data]'"
        ) from None
    return cast("Callable[[str], str]", cast("Any", opencc).OpenCC("t2s").convert)


# --- mojibake

_ASCII_RUN = re.compile("([\x00-\x7f]+)")
_LINE = re.compile(r"[^\n]+")


def _repairs(text: str) -> Iterator[Edit]:
    mend = _mender()
    for line in _LINE.finditer(text):
        old = line.group()
        if not old.isascii() and (new := mend(old)) != old:
            yield from _aligned(line.start(), old, new)


def _aligned(start: int, old: str, new: str) -> Iterator[Edit]:
    """Edits that turn `old` into `new`: ASCII stays, as mojibake has none; else the line is replaced as a whole."""
    olds, news = _ASCII_RUN.split(old), _ASCII_RUN.split(new)
    if olds[1::2] != news[1::2] or any(after and not before for before, after in zip(olds, news, strict=True)):
        yield start, start + len(old), new
        return
    for before, after in zip(olds, news, strict=True):
        if before != after:
            yield from _byte_by_byte(start, before, after)
        start += len(before)


def _byte_by_byte(start: int, before: str, after: str) -> Iterator[Edit]:
    """UTF-8 that was read in an encoding of one byte a character: each character came from as many as it has bytes."""
    lengths = [len(character.encode("utf-8", "surrogatepass")) for character in after]
    if sum(lengths) != len(before):
        yield start, start + len(before), after
        return
    for character, length in zip(after, lengths, strict=True):
        yield start, start + length, character
        start += length


@cache
def _mender() -> Callable[[str], str]:
    try:
        from ftfy import fix_encoding
    except ImportError:
        raise MissingError("Mending mojibake needs ftfy.", hint="Install it: pip install 'clinforge[data]'") from None
    return fix_encoding
