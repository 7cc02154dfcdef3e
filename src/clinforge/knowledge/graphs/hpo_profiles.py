"""What HPO says about a disease besides its findings: how often, in which sex, from what age, with which genes.

A finding that any row denies (NOT, 0 of n, 0 %, excluded) is left out, also where another row observes it.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, cast

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
    """Phenotypic abnormalities, in the order of their ids."""
    onsets: tuple[str, ...]
    """Onset terms that mean an age (see `onset_years`)."""
    genes: tuple[str, ...]
    """Symbols of associated genes."""


def onset_years(terms: Iterable[str]) -> tuple[int, int] | None:
    """First and last year of age in which the onset may lie; None where no term means an age."""
    table: Mapping[str, list[int]] = _table()["onset"]
    spans = [table[term] for term in terms if term in table]
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


def is_test(hpo: Hpo, term: str) -> bool:
    """Whether the finding is a test's result rather than something a patient says or shows."""
    return not hpo.ancestors(term).isdisjoint(_table()["tests"]["terms"])


@cache
def load_profiles() -> Mapping[str, Profile]:
    """Profiles of the installed release by disease id; four seconds."""
    return read_profiles(data_path("phenotype.hpoa"), data_path("genes_to_phenotype.txt"), load_hpo())


def read_profiles(annotations: Path, genes: Path, hpo: Hpo) -> dict[str, Profile]:
    """Parse annotations and gene associations; diseases without an observed finding are left out."""
    onsets = defaultdict[str, set[str]](set)
    rows, wrong = defaultdict[tuple[str, str], list[list[str]]](list), set[tuple[str, str]]()
    for row in annotation_rows(annotations):
        disease, term, aspect = row[0], row[3], row[10]
        if not disease.startswith(_SOURCES):
            continue
        if denied(row):
            wrong.add((disease, term))
        elif aspect == "C" and term in _table()["onset"]:
            onsets[disease].add(term)
        elif aspect == "P" and term in hpo.terms and ROOT in hpo.ancestors(term):
            rows[disease, term].append(row)
    findings = defaultdict[str, list[Finding]](list)
    for disease, term in sorted(rows.keys() - wrong):
        findings[disease].append(_finding(hpo, term, rows[disease, term]))
    symbols = _read_genes(genes)
    return {
        disease: Profile(
            disease,
            hpo.diseases[disease].name,
            tuple(found),
            tuple(sorted(onsets[disease])),
            tuple(sorted(symbols.get(disease, ()))),
        )
        for disease, found in sorted(findings.items())
    }


def share_of(frequencies: Iterable[str]) -> float | None:
    """One share from all rows of a finding: counts (n/m) are added up, percentages and bands averaged.

    Counts go before percentages and bands, which are coarser.
    """
    texts = [text for text in frequencies if text]
    counts = [(int(n), int(m)) for n, m in re.findall(r"^(\d+)/(\d+)$", "\n".join(texts), re.MULTILINE)]
    if counts:
        return sum(n for n, _ in counts) / sum(m for _, m in counts)
    bands: Mapping[str, float] = _table()["frequency"]
    shares = [bands[text] for text in texts if text in bands]
    shares += [float(text[:-1]) / 100 for text in texts if text.endswith("%")]
    return fmean(shares) if shares else None


def _finding(hpo: Hpo, term: str, rows: list[list[str]]) -> Finding:
    sexes = {row[8].lower() for row in rows}
    stated = sexes.pop() if len(sexes) == 1 else ""
    sex = stated or next((sex for root, sex in _table()["sex"].items() if root in hpo.ancestors(term)), None)
    return Finding(term, share_of(row[7] for row in rows), cast("Sex | None", sex))


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
