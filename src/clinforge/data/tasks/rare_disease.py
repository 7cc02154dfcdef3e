"""English findings -> rare disease: taught from Orphanet's annotations, tested on OMIM's of the same disease.

The two sources describe a disease independently, so a test case holds findings that training never showed for it. The
disease itself is known: this is recall from another source, not generalisation. A look-up in the other source's table
does well on it, and the report shows that beside the model.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from clinforge.data.deleak import stems
from clinforge.data.draw import digest, ordered
from clinforge.data.lineage import Lineage
from clinforge.data.split import SPLITS
from clinforge.data.tasks.base import Apart, Case, CountedTask, Purpose, TaskResult, fact, finish
from clinforge.data.tasks.choices import NUM_OPTIONS, four_options
from clinforge.knowledge.graphs.hpo import ROOT, Hpo, RareDisease, load_hpo
from clinforge.records import Lang, Split

PREDICATE = "has_finding"
_NUM_FINDINGS = 5
_SPARE = 3
"""Cases made per case wanted, since some cannot be asked without a leak."""
_FEWEST_TERMS = 8
_ALWAYS = ("OMIM:105400", "OMIM:143100")
"""Amyotrophic lateral sclerosis and Huntington disease are always among the diseases."""


@dataclass(frozen=True)
class Pair:
    """One disease as two sources see it."""

    name: str
    orpha: RareDisease
    omim: RareDisease


class RareDiseaseTask(CountedTask):
    """Five findings, four options, symmetric de-leak."""

    kind: Literal["rare_disease"] = "rare_disease"
    num_train: int = Field(default=150, ge=1)
    num_validation: int = Field(default=20, ge=0)
    num_test: int = Field(default=100, ge=0)
    num_diseases: int = Field(default=50, ge=2 * NUM_OPTIONS)
    """Diseases taught and asked about; ALS and Huntington disease are always among them."""

    purpose: ClassVar[Purpose] = "recall"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Findings → rare disease", "zh": "体征→罕见病"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Same disease, other source: taught from Orphanet, tested on OMIM. Recall, not generalisation.",
        "zh": "同一疾病，不同来源：以 Orphanet 训练，以 OMIM 测试。属于记忆，不代表泛化。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"fact", "case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @property
    def language(self) -> Lang:
        """English: HPO has no Chinese names."""
        return "en"

    @model_validator(mode="after")
    def _teach_every_disease(self) -> "RareDiseaseTask":
        if self.num_train < self.num_diseases:
            raise ValueError("num_train must be at least num_diseases: every disease has to be taught")
        return self

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        hpo = load_hpo()
        pairs = disease_pairs(hpo)
        usable = [pair for pair in pairs if self._askable(hpo, pair)]
        first = [pair for pair in usable if pair.omim.id in _ALWAYS]
        rest = ordered((pair for pair in usable if pair.omim.id not in _ALWAYS), seed, "rare")
        pool = [*first, *rest][: self.num_diseases]
        dropped = {
            "too few findings that do not name it": len(pairs) - len(usable),
            "not needed": len(usable) - len(pool),
        }
        lineage.record(self.label, "facts", self.model_dump(), (len(pairs), len(pool)), dropped)
        profiles = {pair.name: frozenset(_names(hpo, {*pair.orpha.terms, *pair.omim.terms})) for pair in pool}
        cases: list[Case] = []
        asked = 0
        for pair in pool:
            for split in SPLITS:
                turns = range(_SPARE * ceil(self.wanted(split) / len(pool)))
                asked += len(turns)
                cases += [c for turn in turns if (c := _case(hpo, pair, split, profiles, (seed, turn)))]
        taught = {case.answer for case in cases if case.split == "train"}
        kept = [case for case in cases if case.answer in taught]
        leaky = Counter({"a name gives it away or several answers fit": asked - len(cases)})
        leaky["disease without a training case"] = len(cases) - len(kept)
        lineage.record(self.label, "compose", self.model_dump(), (asked, len(kept)), +leaky)
        return finish(self, kept, seed, lineage)

    def _askable(self, hpo: Hpo, pair: Pair) -> bool:
        return all(len(_clean_terms(hpo, pair, disease)) >= _FEWEST_TERMS for disease in (pair.orpha, pair.omim))


def disease_pairs(hpo: Hpo) -> list[Pair]:
    """Diseases that Orphanet and OMIM both describe, matched by name; OMIM's 'X 1' also matches Orphanet's 'X'."""
    orpha = {_plain(row.name): row for row in hpo.diseases.values() if row.source == "ORPHA"}
    pairs: dict[str, Pair] = {}
    for row in hpo.diseases.values():
        if row.source == "OMIM":
            name = _plain(row.name)
            match = orpha.get(name) or orpha.get(name.removesuffix(" 1"))
            if match and match.id not in pairs:
                pairs[match.id] = Pair(match.name, match, row)
    return list(pairs.values())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()


def _clean_terms(hpo: Hpo, pair: Pair, disease: RareDisease) -> list[str]:
    """Findings proper (not onset or inheritance) that do not name the disease."""
    forbidden = stems(pair.name, "en")
    return [
        term
        for term in disease.terms
        if ROOT in hpo.ancestors(term) and not stems(hpo.terms[term].name, "en") & forbidden
    ]


def _names(hpo: Hpo, terms: set[str]) -> list[str]:
    return [hpo.terms[term].name for term in terms]


def _case(
    hpo: Hpo, pair: Pair, split: Split, profiles: Mapping[str, frozenset[str]], draw: Sequence[int]
) -> Case | None:
    disease = pair.omim if split == "test" else pair.orpha
    chosen = ordered(_clean_terms(hpo, pair, disease), split, pair.orpha.id, *draw)[:_NUM_FINDINGS]
    shown = [hpo.terms[term].name for term in chosen]
    options = four_options(pair.name, shown, profiles, "en", draw[0])
    if options is None:
        return None
    source = f"hpo_{disease.source.lower()}"
    subject = f"{disease.id} {disease.name}"
    return Case(
        split=split,
        family=digest("rare", pair.orpha.id)[:12],
        values=(("findings", "; ".join(shown)),),
        answer=pair.name,
        options=options,
        facts=tuple(fact(subject, PREDICATE, f"{term} {hpo.terms[term].name}", "en", source) for term in chosen),
        source=source,
    )
