"""The knowledge base's own answer: a look-up that a model has to be shown beside.

`diagnosis` looks findings up in the very table the cases were made from, so it is an upper bound. `rare_disease` looks
OMIM's findings up in Orphanet's table, which is what a training run on Orphanet could know. The unseen-family tasks
have no entry: their answer stands in no table that a system may use.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from clinforge.data.gate import label_of
from clinforge.data.tasks.rare_disease import disease_pairs
from clinforge.knowledge.graphs.healthcare import load_healthcare
from clinforge.knowledge.graphs.hpo import Hpo, load_hpo
from clinforge.records import Fact, Lang, Sample

Lookup = Callable[[Sample], str | None]


def knowledge_lookup(facts: Iterable[Fact]) -> Mapping[str, Lookup]:
    """Task label (`rare_disease.en`) -> best option by the knowledge base, or None where it has no opinion.

    `facts` are the dataset's; of a sample's facts only the findings are used, not the disease they belong to.
    """
    findings = {fact.id: fact.object for fact in facts}

    def shown(sample: Sample) -> list[str]:
        return [findings[fact_id] for fact_id in sample.fact_ids if fact_id in findings]

    def diagnosis(sample: Sample) -> str | None:
        table = _symptom_table(sample.lang)
        return _best(sample, {name: len(table.get(name, frozenset()) & set(shown(sample))) for name in sample.options})

    def rare_disease(sample: Sample) -> str | None:
        terms = [text.partition(" ")[0] for text in shown(sample)]
        return _best(sample, {name: _likeness(terms, name) for name in sample.options})

    by_task = {"diagnosis.en": diagnosis, "diagnosis.zh": diagnosis, "rare_disease.en": rare_disease}
    return {label: _only(label, lookup) for label, lookup in by_task.items()}


def _only(label: str, lookup: Lookup) -> Lookup:
    return lambda sample: lookup(sample) if label_of(sample) == label else None


def _best(sample: Sample, scores: Mapping[str, float]) -> str | None:
    """The option that leads alone; ties and zeros are no opinion."""
    ranked = sorted(sample.options, key=lambda name: -scores[name])
    leads = scores[ranked[0]] > scores[ranked[1]]
    return ranked[0] if leads else None


@cache
def _symptom_table(lang: Lang) -> dict[str, frozenset[str]]:
    rows = load_healthcare(lang).values()
    return {
        row.name: frozenset(row.symptoms) | {f"{measured.label} {measured.flag}" for measured in row.measurements}
        for row in rows
    }


@cache
def _orphanet_profiles() -> dict[str, frozenset[str]]:
    hpo = load_hpo()
    return {pair.name: _closure(hpo, pair.orpha.terms) for pair in disease_pairs(hpo)}


@cache
def _information() -> dict[str, float]:
    """Information content (nats) of each term: rare terms tell more."""
    hpo = load_hpo()
    closures = [_closure(hpo, disease.terms) for disease in hpo.diseases.values()]
    counts = Counter(term for closure in closures for term in closure)
    return {term: -math.log(count / len(closures)) for term, count in counts.items()}


def _closure(hpo: Hpo, terms: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*(hpo.ancestors(term) for term in terms))


def _likeness(terms: Iterable[str], disease: str) -> float:
    """Sum over findings of the information in the closest term the disease is annotated with (Resnik)."""
    hpo, profile, information = load_hpo(), _orphanet_profiles().get(disease, frozenset()), _information()
    return sum(max((information[t] for t in hpo.ancestors(term) & profile), default=0.0) for term in terms)
