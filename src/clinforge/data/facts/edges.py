"""The built-in graphs and a user's facts as edges. The ids of facts are the same in every task that uses them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from clinforge.data.departments import only_department, our_name
from clinforge.data.facts.index import Edge, FactIndex, Role, edges_of, fact, people
from clinforge.errors import InputError
from clinforge.knowledge.graphs import cmekg
from clinforge.knowledge.graphs.healthcare import CommonDisease, load_healthcare
from clinforge.knowledge.graphs.hpo import load_hpo
from clinforge.knowledge.graphs.hpo_profiles import Profile, is_test, load_profiles, onset_years
from clinforge.records import Fact, Lang, read_jsonl

CMEKG, HEALTHCARE = "cmekg", "faker_healthcare"
_PLAIN: Mapping[str, Role] = {
    cmekg.ICD10: "icd10",
    cmekg.ENGLISH: "english_name",
    cmekg.ALIAS: "alias",
    cmekg.EXAMINATION: "examination",
    cmekg.DRUG: "drug",
    cmekg.INDICATION: "indication",
}
"""Predicates of CMeKG whose values are used as they stand, if they have no fault of extraction."""

_NOT_OF_A_PATIENT = re.compile(
    r"^(可|未|不伴|否认|没有|仅|或|并|伴|但|其|随|表现|出现|早期|晚期|后期|无(?!力|尿|汗|痛|脉|月经))|[的和与及]$"
)


@cache
def chinese_graph() -> FactIndex:
    """CMeKG; two seconds."""
    return FactIndex([edge for subject in cmekg.load_relations() for edge in cmekg_edges(subject)])


@cache
def rare_graph() -> FactIndex:
    """HPO's annotations of all sources; some seconds."""
    return FactIndex([edge for profile in load_profiles().values() for edge in profile_edges(profile)])


@cache
def common_graph(lang: Lang) -> FactIndex:
    """The tables of common diseases in one language."""
    return FactIndex([edge for disease in load_healthcare(lang).values() for edge in common_edges(disease, lang)])


def own_graph(path: Path, predicates: Mapping[str, Role], langs: Sequence[Lang]) -> FactIndex:
    """A user's facts in some languages, one `Fact` a line; InputError where none of them has a role we know."""
    edges = list(edges_of((row for row in read_jsonl(path, Fact) if row.lang in langs), predicates))
    if not edges:
        raise InputError(
            f"{path} has no fact in {' or '.join(langs)} whose predicate has a role.",
            hint="Give the roles of its predicates: predicates: {has_symptom: finding}",
        )
    return FactIndex(edges)


def edges_about(source: str, lang: Lang, subject: str) -> list[Edge]:
    """What a built-in graph says of one subject, without reading the others."""
    if source == CMEKG:
        return list(cmekg_edges(subject))
    if source == HEALTHCARE:
        return list(common_edges(load_healthcare(lang)[subject], lang))
    return list(profile_edges(load_profiles()[subject.partition(" ")[0]]))


def cmekg_edges(subject: str) -> Iterator[Edge]:
    """What CMeKG says of one subject, as far as its predicates are used."""

    def edge(predicate: str, value: str, role: Role, shown: str = "") -> Edge:
        return Edge(fact(subject, predicate, value, "zh", CMEKG), role, subject, shown or value)

    disease, row = cmekg.load_cmekg().diseases.get(subject), cmekg.load_relations()[subject]
    for predicate, text in disease.symptoms if disease else ():
        if usable_symptom(text):
            yield edge(predicate, text, "finding")
    department, _ = only_department(row.get(cmekg.DEPARTMENT, []))
    for value in row.get(cmekg.DEPARTMENT, []):
        if department and department in {our_name(part.strip()) for part in value.split("；")}:
            yield edge(cmekg.DEPARTMENT, value, "department", department)
    for predicate, role in _PLAIN.items():
        for value in row.get(predicate, []):
            if not cmekg.fault_of_value(predicate, value):
                yield edge(predicate, value, role, value.strip())
    for value in row.get(cmekg.GROUP, []):
        sex, ages = people(value)
        if sex or ages:
            known = fact(subject, cmekg.GROUP, value, "zh", CMEKG)
            yield Edge(known, "people", subject, value, sex=sex, ages=ages)


def usable_symptom(text: str) -> bool:
    """Whether a cleaned symptom of CMeKG can be said of a patient: no denial and no fragment of a sentence."""
    return not _NOT_OF_A_PATIENT.search(text)


def profile_edges(profile: Profile) -> Iterator[Edge]:
    """What HPO says of one disease."""
    hpo, subject = load_hpo(), f"{profile.id} {profile.name}"
    source = f"hpo_{profile.id.partition(':')[0].lower()}"

    def known(predicate: str, value: str) -> Fact:
        return fact(subject, predicate, value, "en", source)

    for found in profile.findings:
        name = hpo.terms[found.term].name
        yield Edge(
            known("has_finding", f"{found.term} {name}"),
            "finding",
            profile.name,
            name,
            share=found.share,
            sex=found.sex,
            test=is_test(hpo, found.term),
        )
    for gene in profile.genes:
        yield Edge(known("associated_gene", gene), "gene", profile.name, gene)
    for term in profile.onsets:
        name, ages = hpo.terms[term].name, onset_years([term])
        yield Edge(known("age_at_onset", f"{term} {name}"), "people", profile.name, name, ages=ages)


def common_edges(disease: CommonDisease, lang: Lang) -> Iterator[Edge]:
    """What the tables of common diseases say of one disease."""

    def known(predicate: str, value: str) -> Fact:
        return fact(disease.name, predicate, value, lang, HEALTHCARE)

    name = disease.name
    for text in disease.symptoms:
        yield Edge(known("symptom", text), "finding", name, text)
    for measured in disease.measurements:
        text = f"{measured.label} {measured.flag}"
        yield Edge(known("measurement", text), "finding", name, text, test=True)
    yield Edge(known("specialty", disease.specialty), "department", name, disease.specialty)
    yield Edge(known("icd10", disease.icd10), "icd10", name, disease.icd10)
    low, high = disease.ages
    stated = f"{disease.sex or 'any sex'}, {low}-{high} years"
    yield Edge(known("people", stated), "people", name, stated, sex=disease.sex, ages=disease.ages)
