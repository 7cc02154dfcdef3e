"""The built-in graphs and a user's facts as edges. The ids of facts are the same in every task that uses them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from clinforge.data.departments import only_department, our_name
from clinforge.data.facts.index import Edge, FactIndex, Role, edges_of, people, sex_in
from clinforge.errors import InputError
from clinforge.knowledge.graphs import cmekg
from clinforge.knowledge.graphs.healthcare import CommonDisease, load_healthcare
from clinforge.knowledge.graphs.hpo import load_hpo
from clinforge.knowledge.graphs.hpo_profiles import Profile, is_test, load_profiles, onset_years
from clinforge.knowledge.graphs.triples import Triples
from clinforge.records import Lang

CMEKG, HEALTHCARE = "cmekg", "faker_healthcare"
_PLAIN: Mapping[str, Role] = {
    cmekg.ICD10: "icd10",
    cmekg.ENGLISH: "english_name",
    cmekg.ALIAS: "alias",
    cmekg.EXAMINATION: "examination",
    cmekg.DRUG: "drug",
    cmekg.INDICATION: "indication",
}
"""Predicates of CMeKG whose values are used as they stand, where they have no fault."""

_NOT_OF_A_PATIENT = re.compile(
    r"^(伴|并(?!指|趾)|或|但|其|及|与|随(?!意)|因|在|由|以|为|呈|较|常|偶|仅|未|不伴|没有|否认|表现|出现|继[而有呈]|轻者|重者"
    r"|早期|晚期|后期|可(?![复逆]性)|无(?!力|尿|汗|痛|脉|欲|食欲|光感|月经|精子|症状|规律|[牙眼脑虹晶]))"
    r"|[的和与及]$|(内侧|外侧|部位)$|[或而但并]无|未见|不明显|(?<!不)正常|病例|患者|病人|群体"
)
"""Denials, conditions and fragments among CMeKG's symptoms: true of the disease perhaps, but not of a patient."""
_LONGEST_FINDING = 8
"""What is longer is a piece of a sentence more often than a finding."""
_MOST_SUBJECTS = 40
"""A test or treatment that more subjects share (laboratory tests, antibiotics) says nothing of any one of them."""


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


def own_graph(triples: Triples, predicates: Mapping[str, Role], langs: Sequence[Lang], faults: list[str]) -> FactIndex:
    """A user's facts in some languages; a bad row is noted in `faults`.

    InputError where no fact has a role we know.
    """
    edges = list(edges_of((row for row in triples.facts(faults) if row.lang in langs), predicates))
    if not edges:
        raise InputError(
            f"{triples.path} has no fact in {' or '.join(langs)} whose predicate has a role.",
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
    """What CMeKG says of one subject by the predicates that are used, faulty values marked as such."""
    disease, row = cmekg.load_cmekg().diseases.get(subject), cmekg.load_relations()[subject]
    own_sex = sex_in(subject) or sex_in("".join(row.get(cmekg.DEPARTMENT, [])))
    for predicate, text in disease.symptoms if disease else ():
        sex, fault = own_sex or sex_in(text), _fault_of_finding(text)
        yield Edge("finding", subject, predicate, text, "zh", CMEKG, subject, text, sex=sex, fault=fault)
    yield from _department_edges(subject, row.get(cmekg.DEPARTMENT, []))
    for predicate, role in _PLAIN.items():
        for value in sorted(set(row.get(predicate, []))):
            fault = cmekg.fault_of_value(predicate, value) or _too_general(role, value)
            yield _cmekg_edge(subject, predicate, value, role, fault and f"{role}: {fault}")
    for value in sorted(set(row.get(cmekg.GROUP, []))):
        sex, ages = people(value)
        if sex or ages:
            yield replace(_cmekg_edge(subject, cmekg.GROUP, value, "people"), sex=sex, ages=ages)


def _department_edges(subject: str, names: Sequence[str]) -> Iterator[Edge]:
    """The names that mean the one department of ours that all of them mean, if there is one."""
    department, reason = only_department(names)
    for name in names:
        if department is None:
            yield _cmekg_edge(subject, cmekg.DEPARTMENT, name, "department", f"department: {reason}")
        elif department in {our_name(part.strip()) for part in name.split("；")}:
            yield replace(_cmekg_edge(subject, cmekg.DEPARTMENT, name, "department"), object=department)


def _cmekg_edge(subject: str, predicate: str, value: str, role: Role, fault: str = "") -> Edge:
    return Edge(role, subject, predicate, value, "zh", CMEKG, subject, value.strip(), fault=fault)


def _fault_of_finding(text: str) -> str:
    if len(text) > _LONGEST_FINDING:
        return f"finding: longer than {_LONGEST_FINDING} characters"
    return "finding: a denial, a condition or a fragment" if _NOT_OF_A_PATIENT.search(text) else ""


def _too_general(role: Role, value: str) -> str:
    if role == "indication" and value.strip() not in cmekg.load_cmekg().diseases:
        return "not a disease of the graph"
    if role in ("examination", "drug") and _num_subjects()[value] > _MOST_SUBJECTS:
        return f"shared by more than {_MOST_SUBJECTS}"
    return ""


@cache
def _num_subjects() -> Counter[str]:
    """How many subjects have an examination or drug."""
    rows = cmekg.load_relations().values()
    return Counter(value for row in rows for key in (cmekg.EXAMINATION, cmekg.DRUG) for value in set(row.get(key, [])))


def profile_edges(profile: Profile) -> Iterator[Edge]:
    """What HPO says of one disease."""
    hpo, subject = load_hpo(), f"{profile.id} {profile.name}"
    source = f"hpo_{profile.id.partition(':')[0].lower()}"

    def edge(role: Role, predicate: str, value: str, shown: str, **more: Any) -> Edge:  # noqa: ANN401 -- Edge's own
        return Edge(role, subject, predicate, value, "en", source, profile.name, shown, **more)

    for found in profile.findings:
        name, test = hpo.terms[found.term].name, is_test(hpo, found.term)
        value = f"{found.term} {name}"
        yield edge("finding", "has_finding", value, name, share=found.share, sex=found.sex, test=test)
    for gene in profile.genes:
        yield edge("gene", "associated_gene", gene, gene)
    for term in profile.onsets:
        name = hpo.terms[term].name
        yield edge("people", "age_at_onset", f"{term} {name}", name, ages=onset_years([term]))


def common_edges(disease: CommonDisease, lang: Lang) -> Iterator[Edge]:
    """What the tables of common diseases say of one disease."""

    def edge(role: Role, predicate: str, value: str) -> Edge:
        return Edge(role, disease.name, predicate, value, lang, HEALTHCARE, disease.name, value)

    yield from (edge("finding", "symptom", text) for text in disease.symptoms)
    for measured in disease.measurements:
        yield replace(edge("finding", "measurement", f"{measured.label} {measured.flag}"), test=True)
    yield edge("department", "specialty", disease.specialty)
    yield edge("icd10", "icd10", disease.icd10)
    low, high = disease.ages
    stated = edge("people", "people", f"{disease.sex or 'any sex'}, {low}-{high} years")
    yield replace(stated, sex=disease.sex, ages=disease.ages)
