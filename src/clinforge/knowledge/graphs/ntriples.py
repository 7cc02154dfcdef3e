"""N-Triples (W3C, 2014): one statement a line, names for people taken from its labels.

Covers: the whole grammar, one bad line at a time. An IRI is called by its label (`rdfs:label`, `skos:prefLabel`), or by
the last part of the IRI where it has none; label statements themselves are names, not facts. Blank nodes need a label.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from clinforge.encoding import DAMAGED
from clinforge.records import Lang
from clinforge.rows import lines, open_text

LABELS = ("http://www.w3.org/2000/01/rdf-schema#label", "http://www.w3.org/2004/02/skos/core#prefLabel")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([tbnrf\"'\\]))")
_ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_IRI = r"<((?:[^\x00-\x20<>\"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*)>"
_BLANK = r"(_:[\w:](?:[\w:.·-]*[\w:·-])?)"
_LITERAL = r"\"((?:[^\"\\\n\r]|\\[tbnrf\"'\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*)\""
_STATEMENT = re.compile(
    rf"[ \t]*(?:{_IRI}|{_BLANK})[ \t]*{_IRI}[ \t]*"
    rf"(?:{_IRI}|{_BLANK}|{_LITERAL}(?:\^\^{_IRI}|@([a-zA-Z]+(?:-[a-zA-Z0-9]+)*))?)[ \t]*\.[ \t]*(?:#.*)?"
)
_EMPTY = re.compile(r"[ \t]*(?:#.*)?")

Term = tuple[str, str]
"""("iri" or "blank", its name) or ("literal", its text)."""
Statement = tuple[Term, str, Term, str]
"""Subject, predicate's IRI, object, and the object's language tag or ''."""


def read_ntriples(
    path: Path, lang: Lang | None, faults: list[str]
) -> Iterator[tuple[tuple[str, str, str], Lang | None]]:
    """Yield ((subject, predicate, object), language of a tagged literal) in the words of the labels.

    With `lang`, labels in that language go before others. The file is read twice: first its labels, then its facts.
    """
    labels = _labels(path, lang)
    for number, statement in statements(path, faults):
        subject, predicate, value, tag = statement
        if predicate in LABELS:
            continue
        known = _lang(tag)
        if tag and known is None:
            faults.append(f"{path}:{number} field 'object': its language ({tag}) is neither English nor Chinese.")
            continue
        names = tuple(_name(term, labels) for term in (subject, ("iri", predicate), value))
        nameless = next(
            (part for part, name in zip(("subject", "predicate", "object"), names, strict=True) if not name), ""
        )
        if nameless:
            faults.append(f"{path}:{number} field '{nameless}': has no name; give it an rdfs:label.")
        else:
            yield (names[0], names[1], names[2]), known


def statements(path: Path, faults: list[str]) -> Iterator[tuple[int, Statement]]:
    """The statements of a file with their lines."""
    with open_text(path, "utf-8") as text:
        for number, line in enumerate(lines(text), start=1):
            line = line.lstrip("\ufeff").rstrip("\r\n")
            if _EMPTY.fullmatch(line):
                continue
            statement = parse(line)
            if statement is None:
                faults.append(f"{path}:{number}: is no statement of N-Triples.")
            else:
                yield number, statement


def parse(line: str) -> Statement | None:
    """A line as a statement; None if it is none."""
    found = _STATEMENT.fullmatch(line)
    if found is None or DAMAGED in line:
        return None
    s_iri, s_blank, predicate, o_iri, o_blank, literal, _, tag = found.groups()
    try:
        subject = ("blank", s_blank) if s_iri is None else ("iri", _plain(s_iri))
        if literal is not None:
            value = ("literal", _plain(literal))
        else:
            value = ("blank", o_blank) if o_iri is None else ("iri", _plain(o_iri))
        return subject, _plain(predicate), value, tag or ""
    except ValueError:
        return None


def _plain(text: str) -> str:
    """Escapes replaced; ValueError for a code that is no character."""

    def character(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        if not code:
            return _ESCAPED.get(found[3], found[3])
        if 0xD800 <= int(code, 16) <= 0xDFFF:
            raise ValueError("half a surrogate pair")
        return chr(int(code, 16))

    return _ESCAPE.sub(character, text) if "\\" in text else text


def _labels(path: Path, lang: Lang | None) -> dict[Term, str]:
    """Term -> name; of several labels the first in the wanted language, else the first of all."""
    found: dict[Term, tuple[bool, str]] = {}
    for _, (subject, predicate, value, tag) in statements(path, []):
        if predicate in LABELS and value[0] == "literal" and value[1].strip():
            wanted = lang is not None and _lang(tag) == lang
            if subject not in found or (wanted and not found[subject][0]):
                found[subject] = wanted, value[1].strip()
    return {term: name for term, (_, name) in found.items()}


def _name(term: Term, labels: dict[Term, str]) -> str:
    kind, text = term
    if kind == "literal":
        return text.strip()
    if kind == "blank":
        return labels.get(term, "")
    last = re.split(r"[/#]", text.rstrip("/#"))[-1]
    readable = unquote(last).replace("_", " ").strip()
    return labels.get(term) or (last if DAMAGED in readable else readable)


def _lang(tag: str) -> Lang | None:
    primary = tag.partition("-")[0].lower()
    return "zh" if primary == "zh" else "en" if primary == "en" else None
