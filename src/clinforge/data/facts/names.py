"""Find a disease in every graph by any of its names, in Chinese or English.

asked name ─▶ the names that mean the same (`names.toml`) ─▶ entries of the graphs under these names
                                                          ─▶ entries under the other names of those entries
"""

import difflib
import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from clinforge.data.facts.edges import CMEKG, HEALTHCARE
from clinforge.data.facts.index import FactIndex
from clinforge.errors import ConfigError
from clinforge.knowledge.graphs.cmekg import OTHER_NAMES, load_cmekg, load_relations
from clinforge.knowledge.graphs.healthcare import load_healthcare
from clinforge.knowledge.graphs.hpo import load_hpo
from clinforge.records import Lang

_SHOWN = 3
"""How many near names an error lists."""


class Entry(NamedTuple):
    """A disease in one graph."""

    source: str
    """As its facts name it: `cmekg`, `hpo_orpha`, `hpo_omim`, `faker_healthcare`, or that of a user's facts."""
    lang: Lang
    subject: str
    """As its facts name it."""


@dataclass(frozen=True)
class Named:
    """A disease that was asked for by name."""

    asked: str
    entries: tuple[Entry, ...]
    """At most one for each source and language; within a language the one that is called so itself comes first."""
    remarks: tuple[str, ...]
    """Where a source has several entries under the name: which was taken."""


@dataclass(frozen=True)
class NameBook:
    """Entries by name; `rank` is 0 for the entry's own name, 1 for any other."""

    by_name: Mapping[str, tuple[tuple[int, Entry], ...]]
    """Folded name -> (rank, entry)."""
    names_of: Mapping[Entry, tuple[str, ...]]
    """Names as the sources write them, its own first."""
    num_findings: Mapping[Entry, int]

    def find(self, asked: str) -> Named:
        """The disease of this name; ConfigError with the nearest names if no graph knows it."""
        found = self._under(same_names(asked))
        if not found:
            raise ConfigError(f"No graph knows the disease '{asked}'.", hint=f"Nearest names: {self._nearest(asked)}")
        places = self._by_place(found)
        remarks = tuple(_remark(asked, rivals) for rivals in places.values() if len(rivals) > 1)
        bridged = self._under(name for entry in found for name in self.names_of[entry] if not is_short(name))
        taken = [rivals[0] for rivals in (self._by_place(bridged) | places).values()]
        ranks = bridged | found
        return Named(asked, tuple(sorted(taken, key=lambda entry: (entry.lang, ranks[entry], entry))), remarks)

    def _under(self, names: Iterable[str]) -> dict[Entry, int]:
        """Entries under any of the names, with the best rank each has there."""
        best: dict[Entry, int] = {}
        for name in names:
            for rank, entry in self.by_name.get(fold(name), ()):
                best[entry] = min(rank, best.get(entry, rank))
        return best

    def _by_place(self, found: Mapping[Entry, int]) -> dict[tuple[str, Lang], list[Entry]]:
        """Source and language -> entries, the one to take first: by rank, then by findings."""
        places = defaultdict[tuple[str, Lang], list[Entry]](list)
        for entry in sorted(found, key=lambda entry: (found[entry], -self.num_findings[entry], entry)):
            places[entry.source, entry.lang].append(entry)
        return places

    def _nearest(self, asked: str) -> str:
        letters = set(fold(asked))
        written = {fold(name): name for names in (*self.names_of.values(), *_same()) for name in names}
        known = [name for name in written if len(letters & set(name)) * 2 >= len(letters)]
        near = difflib.get_close_matches(fold(asked), known, n=_SHOWN, cutoff=0.4)
        return ", ".join(written[name] for name in near) or "none"


@cache
def fold(name: str) -> str:
    """What makes two spellings one name: width, case, punctuation, `'s`, 氏, and how a Chinese name ends."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    text = re.sub(r"[\W_]+", "", re.sub(r"['’]s\b", "", text))
    if re.search(r"[\u4e00-\u9fff]", text):
        text = re.sub(r"综合症$", "综合征", re.sub(r"氏(?=.)", "", text))
        text = re.sub(r"症$", "病", text)
    return text


def same_names(asked: str) -> tuple[str, ...]:
    """The name and those that `names.toml` calls the same, without their abbreviations: these have several meanings."""
    row = next((row for row in _same() if fold(asked) in {fold(name) for name in row}), [])
    return tuple(dict.fromkeys((asked, *(name for name in row if not is_short(name)))))


def is_short(name: str) -> bool:
    """Whether the name is an abbreviation, which as a rule has several meanings."""
    return re.fullmatch(r"[A-Z0-9-]{1,5}", name) is not None


@cache
def name_book() -> NameBook:
    """The names of all built-in graphs; some seconds."""
    return make_book(_built_in())


def book_of(index: FactIndex) -> NameBook:
    """The names of a user's facts."""
    return make_book(_in_index(index))


def make_book(rows: Iterable[tuple[Entry, Sequence[str], int]]) -> NameBook:
    """Rows are (entry, its names with its own first, how many findings it has)."""
    by_name = defaultdict[str, dict[Entry, int]](dict)
    names_of, num_findings = dict[Entry, tuple[str, ...]](), dict[Entry, int]()
    for entry, names, count in rows:
        names_of[entry], num_findings[entry] = tuple(dict.fromkeys(names)), count
        for place, name in enumerate(names):
            by_name[fold(name)].setdefault(entry, min(place, 1))
    ordered = {name: tuple((rank, entry) for entry, rank in found.items()) for name, found in by_name.items() if name}
    return NameBook(ordered, names_of, num_findings)


def names_in(index: FactIndex, subject: str) -> tuple[str, ...]:
    """The subject's name, then what its facts call it besides."""
    known = index.all_about(subject)
    return (known[0].subject, *(edge.object for edge in known if edge.role in ("alias", "english_name")))


def _built_in() -> Iterator[tuple[Entry, Sequence[str], int]]:
    relations = load_relations()
    for name, disease in load_cmekg().diseases.items():
        others = [text for predicate in OTHER_NAMES for text in relations[name].get(predicate, [])]
        yield Entry(CMEKG, "zh", name), (name, *others), len(disease.symptoms)
    for disease in load_hpo().diseases.values():
        if disease.source in ("OMIM", "ORPHA"):
            entry = Entry(f"hpo_{disease.source.lower()}", "en", f"{disease.id} {disease.name}")
            # OMIM numbers the types of a disease and gives the first type the disease's own entry.
            yield entry, (disease.name, disease.name.removesuffix(" 1")), len(disease.terms)
    english, chinese = load_healthcare("en"), load_healthcare("zh")
    for ours, theirs in zip(english.values(), chinese.values(), strict=True):
        yield Entry(HEALTHCARE, "en", ours.name), (ours.name, theirs.name), len(ours.symptoms)
        yield Entry(HEALTHCARE, "zh", theirs.name), (theirs.name, ours.name), len(theirs.symptoms)


def _in_index(index: FactIndex) -> Iterator[tuple[Entry, Sequence[str], int]]:
    for subject in index.subjects("finding"):
        findings = index.about(subject, "finding")
        yield Entry(findings[0].source, findings[0].lang, subject), names_in(index, subject), len(findings)


def _remark(asked: str, rivals: Sequence[Entry]) -> str:
    first, *rest = (f"'{entry.subject}'" for entry in rivals)
    return f"'{asked}' means {first} in {rivals[0].source}; {', '.join(rest)} was also found and not taken."


@cache
def _same() -> list[list[str]]:
    text = (files("clinforge.data.facts") / "names.toml").read_text(encoding="utf-8")
    rows: list[list[str]] = tomllib.loads(text)["same"]
    return rows
