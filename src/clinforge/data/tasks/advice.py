"""Symptoms -> advice in words: which department, and when to get emergency help.

Free text, so that the assistant can speak and not only choose. The department is the source's; the emergency signs and
the sentences come from `advice.toml`, which cites its guidance. Nothing is written by a model.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Literal

from pydantic import Field

from clinforge.data.departments import our_name
from clinforge.data.draw import ordered, pick
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, CountedTask, Purpose, TaskResult, fact, finish
from clinforge.knowledge.graphs.healthcare import CommonDisease, load_healthcare
from clinforge.records import Fact, Lang

SOURCE = "faker_healthcare"
FLAG_SOURCE = "clinforge_red_flags"
_NUM_SYMPTOMS = 3
_NUM_FLAGS = 2


class Advice(CountedTask):
    """Three symptoms of a disease; test diseases are not among the training diseases, in either language."""

    kind: Literal["advice"] = "advice"
    lang: Lang
    num_train: int = Field(default=60, ge=1)
    num_validation: int = Field(default=10, ge=0)
    num_test: int = Field(default=10, ge=0)
    cases_per_disease: int = Field(default=1, ge=1, le=4)
    """Cases of one disease, each with other symptoms."""
    shares: Shares = Shares(validation=0.15, test=0.15)

    purpose: ClassVar[Purpose] = "text"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Symptoms → advice", "zh": "症状→就医建议"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Free text: department and emergency signs in general terms.",
        "zh": "自由文本：就诊科室与一般性急症提示。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"family", "case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @property
    def language(self) -> Lang:
        """As set."""
        return self.lang

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        specialties = {row.icd10: row.specialty for row in load_healthcare("en").values()}
        diseases = {row.icd10: row for row in load_healthcare(self.lang).values()}
        usable = {code: row for code, row in diseases.items() if len(row.symptoms) >= _NUM_SYMPTOMS}
        dropped = {"fewer than three symptoms": len(diseases) - len(usable)}
        lineage.record(self.label, "facts", self.model_dump(), (len(diseases), len(usable)), dropped)
        cases = [
            self._case(row, specialties[code], seed, turn)
            for code, row in usable.items()
            for turn in range(self.cases_per_disease)
        ]
        return finish(self, cases, seed, lineage)

    def _case(self, disease: CommonDisease, specialty: str, seed: int, turn: int) -> Case:
        shown = ordered(disease.symptoms, seed, "advice", disease.icd10, turn)[:_NUM_SYMPTOMS]
        department = department_name(disease.specialty)
        flags = red_flags(specialty, self.lang, seed)
        template = pick(_table()["answer"][self.lang], seed, "answer", disease.icd10, turn)
        family = f"icd10-{disease.icd10}"
        return Case(
            split=split_of(family, self.shares, seed),
            family=family,
            values=(("symptoms", ("、" if self.lang == "zh" else ", ").join(shown)),),
            answer=template.format(department=department, flags=("；或" if self.lang == "zh" else "; or ").join(flags)),
            options=(),
            facts=(
                fact(disease.name, "specialty", disease.specialty, self.lang, SOURCE),
                *(fact(disease.name, "symptom", text, self.lang, SOURCE) for text in shown),
                *(_flag_fact(flag, self.lang) for flag in flags),
            ),
            source=SOURCE,
        )


def department_name(specialty: str) -> str:
    """Our name of the department where we have one, the source's otherwise."""
    return our_name(specialty) or specialty


def red_flags(specialty: str, lang: Lang, seed: int) -> list[str]:
    """Two emergency signs, those that concern the department's organ first."""
    flags: list[dict[str, Any]] = _table()["flag"]
    own = [flag[lang] for flag in flags if specialty in flag["departments"]]
    rest = [flag[lang] for flag in flags if specialty not in flag["departments"]]
    return [*own, *ordered(rest, seed, "flag", specialty)][:_NUM_FLAGS]


def _flag_fact(flag: str, lang: Lang) -> Fact:
    return fact(_table()["guidance"][lang], "emergency_sign", flag, lang, FLAG_SOURCE)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data.tasks") / "advice.toml").read_text(encoding="utf-8"))
