"""What HPO says about a disease besides its findings: how often, in which sex, from what age, with which genes.

A finding that any row denies (NOT, 0 of n, 0 %, excluded) is left out, also where another row observes it.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple, cast

from clinforge.errors import InputError
from clinforge.knowledge.graphs.hpo import ROOT, Hpo, annotation_rows, data_path, denied, load_hpo

Sex = Literal["male", "female"]
_SOURCES = ("OMIM:", "ORPHA:")
"""DECIPHER's 47 diseases are left out: its terms are not in the licence table."""


@dataclass(frozen=True)
class Finding:
    """A term observed in a disease."""

    term: str
    share: float | None
    """Share of patients who have it, 0 < share <= 1; None where no source says."""
    sex: Sex | None
    """The only sex in which it occurs, if any."""


@dataclass(frozen=True)
class Profile:
    """A disease of one source (OMIM, ORPHA, DECIPHER)."""

    id: str
    name: str
    findings: tuple[Finding, ...]
    """Phenotypic abnormalities, in the order of their ids; none where all that is observed is denied as well."""
    onsets: tuple[str, ...]
    """Onset terms that mean an age (see `onset_years`)."""
    genes: tuple[str, ...]
    """Symbols of associated genes."""


class Row(NamedTuple):
    """What is kept of a row of annotations."""

    term: str
    aspect: str
    frequency: str
    sex: str
    denied: bool


def onset_years(terms: Iterable[str]) -> tuple[int, int] | None:
    """First and last year of age in which the onset may lie; None where no term means an age."""
    table: Mapping[str, list[int]] = _table()["onset"]
    spans = [table[term] for term in terms if term in table]
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


@cache
def is_test(hpo: Hpo, term: str) -> bool:
    """Whether the finding is a test's result rather than something a patient says or shows."""
    tests: Mapping[str, list[str]] = _table()["tests"]
    words = re.findall(r"\w+", hpo.terms[term].name)
    return not (hpo.ancestors(term).isdisjoint(tests["terms"]) and set(words).isdisjoint(tests["words"]))


@cache
def sex_of(hpo: Hpo, term: str) -> Sex | None:
    """The only sex that can have the finding, by its place in the ontology."""
    above, table = hpo.ancestors(term), cast("dict[str, Sex]", _table()["sex"])
    return next((sex for root, sex in table.items() if root in above), None)


class Profiles(Mapping[str, Profile]):
    """Profiles of one release by disease id, each worked out when it is first asked for."""

    def __init__(self, hpo: Hpo, rows: Mapping[str, Sequence[Row]], genes: Mapping[str, set[str]]) -> None:
        self._hpo, self._rows, self._genes = hpo, rows, genes
        self._known: dict[str, Profile] = {}

    def __getitem__(self, disease: str) -> Profile:
        if disease not in self._known:
            self._known[disease] = self._profile(disease)
        return self._known[disease]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _profile(self, disease: str) -> Profile:
        rows = self._rows[disease]
        wrong = {row.term for row in rows if row.denied}
        found = defaultdict[str, list[Row]](list)
        for row in rows:
            if row.aspect == "P" and row.term not in wrong and row.term in self._hpo.terms:
                found[row.term].append(row)
        return Profile(
            id=disease,
            name=self._hpo.diseases[disease].name,
            findings=tuple(
                _finding(self._hpo, term, found[term]) for term in sorted(found) if ROOT in self._hpo.ancestors(term)
            ),
            onsets=tuple(sorted({row.term for row in rows if row.aspect == "C" and row.term in _table()["onset"]})),
            genes=tuple(sorted(self._genes.get(disease, ()))),
        )


@cache
def load_profiles() -> Profiles:
    """Profiles of the installed release; three seconds."""
    return read_profiles(data_path("phenotype.hpoa"), data_path("genes_to_phenotype.txt"), load_hpo())


def read_profiles(annotations: Path, genes: Path, hpo: Hpo) -> Profiles:
    """Parse annotations and gene associations of the diseases that `hpo` has."""
    rows = defaultdict[str, list[Row]](list)
    for cells in annotation_rows(annotations):
        disease = cells[0]
        if disease in hpo.diseases and disease.startswith(_SOURCES):
            rows[disease].append(Row(cells[3], cells[10], cells[7], cells[8], denied(cells)))
    return Profiles(hpo, {disease: rows[disease] for disease in sorted(rows)}, _read_genes(genes))


@cache
def share_of(frequencies: tuple[str, ...]) -> float | None:
    """One share from all rows of a finding: counts (n/m) are added up, percentages and bands averaged.

    Counts go before percentages and bands, which are coarser.
    """
    counts = [(int(n), int(m)) for n, _, m in (text.partition("/") for text in frequencies) if m]
    if counts:
        return sum(n for n, _ in counts) / sum(m for _, m in counts)
    bands: Mapping[str, float] = _table()["frequency"]
    shares = [bands[text] for text in frequencies if text in bands]
    shares += [float(text[:-1]) / 100 for text in frequencies if text.endswith("%")]
    return fmean(shares) if shares else None


def _finding(hpo: Hpo, term: str, rows: Iterable[Row]) -> Finding:
    rows = list(rows)
    sexes = {row.sex.lower() for row in rows}
    stated = cast("Sex | Literal['']", sexes.pop() if len(sexes) == 1 else "")
    return Finding(term, share_of(tuple(row.frequency for row in rows)), stated or sex_of(hpo, term))


def _read_genes(path: Path) -> dict[str, set[str]]:
    found = defaultdict[str, set[str]](set)
    with path.open(encoding="utf-8") as file:
        if next(file).rstrip("\n").split("\t")[::4] != ["ncbi_gene_id", "frequency"]:
            raise InputError(f"{path}:1: not the columns of genes_to_phenotype.txt.")
        for line in file:
            _, symbol, _, _, _, disease = line.rstrip("\n").split("\t")
            found[disease].add(symbol)
    return found


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.knowledge.graphs") / "hpo.toml").read_text(encoding="utf-8"))
