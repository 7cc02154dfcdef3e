"""Which drugs a text names.

Covers: the names it is given, with other names of the same drug taken as one; names that end as drugs' names do
(`drugs.toml`), whether given or not. Does not cover: trade names nobody gave it, misspellings, groups ("a statin").
"""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from clinforge.errors import InputError, MissingError

_WORD = re.compile(r"[a-zα-ω0-9]+")
_CJK = re.compile(r"[\u3400-\u9fff]")
_SHORTEST_STEM_WORD = 6


class DrugNames:
    """Names of drugs; each drug is given as all the names it has."""

    def __init__(self, drugs: Iterable[Iterable[str]] = ()) -> None:
        self._words: dict[str, list[tuple[tuple[str, ...], int]]] = defaultdict(list)
        self._characters: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for number, names in enumerate(drugs):
            for name in {_plain(name) for name in names}:
                self._add(name, number)

    @classmethod
    def read(cls, path: Path) -> "DrugNames":
        """Read a UTF-8 file with one drug a line, its names separated by `|`; blank lines and `#` lines are skipped."""
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except OSError:
            raise MissingError(f"No drug list at {path}.", hint="One drug a line, its names separated by |") from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not UTF-8 at byte {error.start}.", hint="Save the file as UTF-8.") from None
        return cls(line.split("|") for line in lines if line.strip() and not line.startswith("#"))

    def _add(self, name: str, number: int) -> None:
        words = tuple(_WORD.findall(name))
        if _CJK.search(name) and len(name) > 1:
            self._characters[name[:2]].append((name, number))
        elif words and len(name) > 2:
            self._words[words[0]].append((words, number))

    def unsupported(self, claim: str, source: str) -> list[str]:
        """Drugs that a claim names and its source does not, as the claim writes them (NFKC, lower case)."""
        claim, source = _plain(claim), _plain(source)
        known = {number for _, _, number in self._found(source)}
        claimed = _longest(list(self._found(claim)))
        absent = [claim[start:end] for start, end, number in claimed if number not in known]
        covered = [(start, end) for start, end, _ in claimed]
        for start, end, needle in _by_stem(claim):
            if not any(low <= start and end <= high for low, high in covered) and not _holds(source, needle):
                absent.append(claim[start:end])
        return absent

    def named(self, text: str) -> list[str]:
        """Drugs a text names, as it writes them (NFKC, lower case)."""
        return self.unsupported(text, "")

    def _found(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(start, end, drug) of every name, also of names inside longer ones."""
        tokens = list(_WORD.finditer(text))
        words = [token.group() for token in tokens]
        for at, word in enumerate(words):
            for start in {word, word.removesuffix("s")}:
                for name, number in self._words.get(start, ()):
                    if tuple(words[at : at + len(name)]) == name or (len(name) == 1 and name[0] == start):
                        yield tokens[at].start(), tokens[at + len(name) - 1].end(), number
        for at in range(len(text) - 1):
            for name, number in self._characters.get(text[at : at + 2], ()):
                if text.startswith(name, at):
                    yield at, at + len(name), number


def _longest(found: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Names that lie in no longer name."""
    return [
        one
        for one in found
        if not any(low <= one[0] and one[1] <= high and high - low > one[1] - one[0] for low, high, _ in found)
    ]


def _by_stem(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what must stand in the source) of words that end as drugs' names do."""
    for word in re.finditer(r"[a-z]+", text):
        if len(word.group()) >= _SHORTEST_STEM_WORD and _stems()[0].search(word.group()):
            yield word.start(), word.end(), word.group().removesuffix("s")
    for name in _stems()[1].finditer(text):
        yield name.start(), name.end(), name.group()


def _holds(text: str, needle: str) -> bool:
    if _CJK.search(needle):
        return needle in text
    return re.search(rf"(?<![a-z]){re.escape(needle)}s?(?![a-z])", text) is not None


def _plain(text: str) -> str:
    """Width, case and spaces unified."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).lower()).strip()


@cache
def _stems() -> tuple[re.Pattern[str], re.Pattern[str]]:
    table = tomllib.loads((files("clinforge.data.pairs") / "drugs.toml").read_text(encoding="utf-8"))
    # Chinese has no gaps between words; the character before the stem tells most drugs from one another.
    return re.compile(f"(?:{'|'.join(table['en'])})s?$"), re.compile(rf"[\u3400-\u9fff](?:{'|'.join(table['zh'])})")
