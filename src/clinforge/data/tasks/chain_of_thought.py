"""A case reasoned through in a fixed layout: complaint, history, differential, examinations, evidence, diagnosis.

Every part is filled from facts of one graph. The differential are the diseases that share most of the findings told;
the evidence are the findings that speak for the diagnosis, each with the others for which it is not recorded. Not
recorded is not the same as absent, and the wording says so. A part without facts says that nothing is known.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import islice
from math import ceil
from typing import ClassVar, Literal

from pydantic import Field

from clinforge.data.draw import digest, ordered
from clinforge.data.facts.index import Edge, FactIndex
from clinforge.data.facts.names import book_of, fold, name_book, names_in
from clinforge.data.facts.pictures import Drawn, Picture, distinct_cases, picture_of
from clinforge.data.layout import Reasoning, write_layout
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, Purpose, TaskResult, finish
from clinforge.data.tasks.graph_task import GraphTask, record_findings, taught_first
from clinforge.data.tasks.patients import case_facts, case_values, listed, patient_words
from clinforge.records import Lang

_SIZES = (4, 5, 6)
_FEWEST_FINDINGS = 8
_COMPLAINTS = 2
_MARKS = "ABC"
"""The diseases of the differential are referred to by letters."""
_EXAMINATIONS = 4
_SPARE = 3
"""Cases drawn per case wanted, since some fit another disease as well."""
Rivals = Mapping[str, Sequence[Edge]]
"""Name of another disease -> its edges to findings of the case."""


class ChainOfThought(GraphTask):
    """Case → reasoning and diagnosis in the parts of `data/layout.toml`; every disease tested is also taught."""

    kind: Literal["chain_of_thought"] = "chain_of_thought"
    num_train: int = Field(default=100, ge=1)
    num_validation: int = Field(default=10, ge=0)
    num_test: int = Field(default=20, ge=0)
    disease_types: tuple[str, ...] = ()
    """Names of diseases, in Chinese or English; without any, `num_diseases` are drawn from the graph."""
    num_diseases: int = Field(default=40, ge=1)
    """Diseases drawn where none are named."""

    purpose: ClassVar[Purpose] = "text"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Case → reasoned diagnosis", "zh": "病例→推理与诊断"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Free text in a fixed layout; known diseases, new cases.",
        "zh": "固定格式的自由文本；已学疾病的新病例。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        index = self.index(faults := list[str]())
        pictures, remarks = self._pictures(index, seed)
        record_findings(lineage, self, self.lang, pictures)
        each = _SPARE * ceil((self.num_train + self.num_validation + self.num_test) / max(1, len(pictures)))
        drawn = [(picture, one) for picture in pictures for one in islice(distinct_cases(picture, _SIZES, seed), each)]
        cases = [(case, picture.subject) for picture, one in drawn if (case := self._case(index, picture, one, seed))]
        kept = taught_first(self, cases, seed)
        dropped = {
            "fits another disease as well": len(drawn) - len(cases),
            "not needed, or not taught": len(cases) - len(kept),
        }
        lineage.record(self.label, "compose", self.model_dump(), (len(drawn), len(kept)), dropped)
        return replace(finish(self, kept, seed, lineage), faults=tuple(faults), remarks=remarks)

    def _pictures(self, index: FactIndex, seed: int) -> tuple[list[Picture], tuple[str, ...]]:
        remarks: tuple[str, ...] = ()
        if self.disease_types:
            book = book_of(index) if self.facts or self.graph == "common" else name_book()
            named = [book.find(asked) for asked in self.disease_types]
            remarks = tuple(remark for one in named for remark in one.remarks)
            subjects = [entry.subject for one in named for entry in one.entries if entry.lang == self.lang]
        else:
            rich = [name for name in index.subjects("finding") if len(index.about(name, "finding")) >= _FEWEST_FINDINGS]
            subjects = ordered(rich, seed, "reasoned")[: self.num_diseases]
        found = (picture_of(subject, index.all_about(subject), names_in(index, subject)) for subject in subjects)
        return [picture for picture in found if picture], remarks

    def _case(self, index: FactIndex, picture: Picture, drawn: Drawn, seed: int) -> Case | None:
        rivals = _rivals(index, picture, drawn, seed)
        if rivals is None:
            return None
        examinations = index.about(picture.subject, "examination")[:_EXAMINATIONS]
        shared = (edge.fact for edges in rivals.values() for edge in edges)
        facts = (*case_facts(drawn), *(edge.fact for edge in examinations), *shared)
        return Case(
            split=split_of("|".join((picture.subject, *sorted(drawn.names))), _SHARES, seed),
            family=digest("reasoned", picture.subject)[:12],
            values=case_values(drawn, self.lang),
            answer=reasoned(picture, drawn, rivals, examinations),
            options=(),
            facts=tuple({fact.id: fact for fact in facts}.values()),
            source=picture.source,
        )


_SHARES = Shares(validation=0.15, test=0.2)


def reasoned(picture: Picture, drawn: Drawn, rivals: Rivals, examinations: Iterable[Edge]) -> str:
    """The answer, in the layout of `data.layout`."""
    lang, words = picture.lang, _words(picture.lang)
    told, tested = [e for e in drawn.shown if not e.test], [e for e in drawn.shown if e.test]
    complaint, more = told[:_COMPLAINTS], told[_COMPLAINTS:]
    patient = patient_words(drawn.sex, drawn.age, lang)
    known = listed(examinations, lang)
    examined = [words["results"].format(findings=listed(tested, lang))] if tested else []
    examined += [words["examined"].format(examinations=known)] if known else []
    others = [
        words["shared"].format(mark=mark, disease=name, findings=listed(shared, lang))
        for mark, (name, shared) in zip(_MARKS, rivals.items(), strict=False)
    ]
    reasoning = Reasoning(
        chief_complaint=listed(complaint, lang),
        history=words["also"].format(patient=patient, findings=listed(more, lang)) if more else patient,
        differential="\n".join(others) or words["nothing"],
        examinations="\n".join(examined) or words["nothing"],
        evidence="\n".join(_evidence(drawn, rivals, words)),
        diagnosis=picture.name,
    )
    return write_layout(reasoning, lang)


def _evidence(drawn: Drawn, rivals: Rivals, words: Mapping[str, str]) -> Iterator[str]:
    """One finding a line, with the marks of the others for which it is not recorded."""
    for edge in drawn.shown:
        marks = [
            mark
            for mark, shared in zip(_MARKS, rivals.values(), strict=False)
            if edge.object not in {other.object for other in shared}
        ]
        yield words["lacked"].format(finding=edge.object, marks=", ".join(marks)) if marks else edge.object


def _rivals(index: FactIndex, picture: Picture, drawn: Drawn, seed: int) -> Rivals | None:
    """The other diseases of the same source that share most findings; None if one shares them all.

    Other names of the disease, its types and what it is a type of are not other diseases.
    """
    own = {fold(name) for name in names_in(index, picture.subject)}
    found = defaultdict[str, list[Edge]](list)
    for told in drawn.shown:
        for edge in index.naming(told.object, "finding"):
            if edge.source == picture.source and edge.about != picture.subject:
                found[edge.about].append(edge)
    rivals: dict[str, list[Edge]] = {}
    for subject in sorted(found, key=lambda subject: (-len(found[subject]), digest(seed, subject))):
        name = found[subject][0].subject
        if name in rivals or any(one in fold(name) or fold(name) in one for one in own):
            continue
        if len(found[subject]) == len(drawn.shown):
            return None
        rivals[name] = found[subject]
        if len(rivals) == len(_MARKS):
            break
    return rivals


@cache
def _words(lang: Lang) -> Mapping[str, str]:
    text = (files("clinforge.data.tasks") / "reasoning.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)[lang]
