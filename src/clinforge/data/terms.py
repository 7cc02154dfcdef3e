"""Find the terms of a list in a text, the longest at each place, in time that hardly depends on the list's length."""

from collections.abc import Iterable, Iterator


class TermFinder:
    """A list of terms, made ready for searching.

    Latin terms are found as whole words, whatever their case unless they are written in capitals (ALS is no als);
    Chinese ones anywhere. Of terms that overlap the first wins, of those that begin together the longest.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self._terms: dict[str, str] = {}
        lengths: dict[str, set[int]] = {}
        for term in terms:
            if term.strip():
                self._terms.setdefault(_folded(term), term)
                lengths.setdefault(term[:1].lower(), set()).add(len(term))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, the term as the list writes it), in order, without overlap."""
        place, size = 0, len(text)
        while place < size:
            found = self._longest(text, place)
            if found is None:
                place += 1
            else:
                yield found
                place = found[1]

    def _longest(self, text: str, place: int) -> tuple[int, int, str] | None:
        lengths = self._lengths.get(text[place].lower())
        if lengths is None or (place and _is_latin(text[place - 1]) and _is_latin(text[place])):
            return None
        for length in lengths:
            end = place + length
            if end > len(text) or (end < len(text) and _is_latin(text[end]) and _is_latin(text[end - 1])):
                continue
            piece = text[place:end]
            term = self._terms.get(piece) or self._terms.get(piece.lower())
            if term is not None:
                return place, end, term
        return None


def _folded(term: str) -> str:
    return term if term.isupper() else term.lower()


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
