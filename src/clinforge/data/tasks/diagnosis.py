"""Case -> diagnosis, on known diseases with new cases: recall of what was taught, never generalisation.

A case shows who the patient is, three or four symptoms and, where the source ties one to the disease, an abnormal
measurement. Medications and departments are never shown: they give the diagnosis away.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from clinforge.data.draw import fraction, ordered, pick, whole
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, CountedTask, Purpose, TaskResult, fact, finish
from clinforge.data.tasks.choices import NUM_OPTIONS, four_options
from clinforge.data.tasks.patients import SEX_WORDS
from clinforge.knowledge.graphs.healthcare import CommonDisease, Measurement, load_healthcare
from clinforge.model.prompts import not_given
from clinforge.records import Fact, Lang, Split

_SIZES = (3, 4)
_UNITS_ZH = {"breaths/min": "次/分", "bpm": "次/分"}
"""The source gives units in English only."""
_NEAREST = 6
"""The wrong options are drawn from the six diseases that fit best: a differential diagnosis, not a lottery."""
_MILD = 0.4
"""Values are drawn from the first two fifths beyond the reference range: abnormal, not extreme."""
SOURCE = "faker_healthcare"


class Diagnosis(CountedTask):
    """Cases of `num_diseases` diseases, four options, symmetric de-leak; every disease tested is also taught."""

    kind: Literal["diagnosis"] = "diagnosis"
    lang: Lang
    num_train: int = Field(default=150, ge=1)
    num_validation: int = Field(default=20, ge=0)
    num_test: int = Field(default=100, ge=0)
    num_diseases: int = Field(default=50, ge=2 * NUM_OPTIONS)
    """Diseases taught and asked about."""

    purpose: ClassVar[Purpose] = "recall"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Case → diagnosis", "zh": "病例→诊断"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Known diseases, new cases: shows what was memorised, not generalisation.",
        "zh": "已学疾病的新病例：反映记忆，不代表泛化。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @property
    def language(self) -> Lang:
        """As set."""
        return self.lang

    @model_validator(mode="after")
    def _teach_every_disease(self) -> "Diagnosis":
        if self.num_train < self.num_diseases:
            raise ValueError("num_train must be at least num_diseases: every disease has to be taught")
        return self

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        everything = load_healthcare(self.lang)
        by_code = {disease.icd10: disease for disease in everything.values()}
        pool = [by_code[code] for code in ordered(by_code, seed, "diagnosis")[: self.num_diseases]]
        lineage.record(self.label, "facts", self.model_dump(), (len(everything), len(pool)), {})
        profiles = {disease: frozenset(disease.symptoms) for disease in pool}
        candidates = [
            (disease, shown)
            for disease in pool
            for size in _SIZES
            for shown in combinations(sorted(disease.symptoms), size)
        ]
        cases = [case for disease, shown in candidates if (case := self._case(disease, shown, profiles, seed))]
        dropped = Counter({"a name gives it away or several answers fit": len(candidates) - len(cases)})
        taught = {case.answer for case in cases if case.split == "train"}
        kept = [case for case in cases if case.answer in taught]
        dropped["disease without a training case"] = len(cases) - len(kept)
        lineage.record(self.label, "compose", self.model_dump(), (len(candidates), len(kept)), +dropped)
        return finish(self, kept, seed, lineage)

    def _case(
        self,
        disease: CommonDisease,
        shown: tuple[str, ...],
        profiles: Mapping[CommonDisease, frozenset[str]],
        seed: int,
    ) -> Case | None:
        sex = disease.sex or pick(("female", "male"), seed, "sex", disease.icd10, *shown)
        possible = {other.name: findings for other, findings in profiles.items() if other.sex in (None, sex)}
        options = four_options(disease.name, shown, possible, self.lang, seed, nearest=_NEAREST)
        if options is None:
            return None
        result, measured = self._measurement(disease, shown, seed)
        values = {
            "patient_info": self._patient(disease, sex, shown, seed),
            "symptoms": ("、" if self.lang == "zh" else ", ").join(ordered(shown, seed, "order", disease.icd10)),
            "test_results": result,
        }
        return Case(
            split=self._split(disease, shown, seed),
            family=f"icd10-{disease.icd10}",
            values=tuple(values.items()),
            answer=disease.name,
            options=options,
            facts=(*(fact(disease.name, "symptom", text, self.lang, SOURCE) for text in shown), *measured),
            source=SOURCE,
        )

    def _split(self, disease: CommonDisease, shown: tuple[str, ...], seed: int) -> Split:
        total = self.num_train + self.num_validation + self.num_test
        shares = Shares(validation=self.num_validation / total, test=self.num_test / total)
        return split_of("|".join((disease.icd10, *shown)), shares, seed)

    def _patient(self, disease: CommonDisease, sex: str, shown: tuple[str, ...], seed: int) -> str:
        age, word = whole(*disease.ages, seed, "age", disease.icd10, *shown), SEX_WORDS[self.lang][sex]
        return f"{word}，{age}岁" if self.lang == "zh" else f"{word}, {age} years old"

    def _measurement(self, disease: CommonDisease, shown: tuple[str, ...], seed: int) -> tuple[str, list[Fact]]:
        if not disease.measurements:
            return not_given(self.lang), []
        measurement = pick(disease.measurements, seed, "measurement", disease.icd10, *shown)
        text = f"{measurement.label} {measurement.flag}"
        value = _value(measurement, fraction(seed, "value", disease.icd10, *shown))
        unit = _UNITS_ZH.get(measurement.unit, measurement.unit) if self.lang == "zh" else measurement.unit
        known = fact(disease.name, "measurement", text, self.lang, SOURCE)
        return f"{measurement.label} {value} {unit} ({measurement.flag.lower()})", [known]


def _value(measurement: Measurement, place: float) -> str:
    low, high = measurement.bounds
    start, end = (low, high) if measurement.direction == "high" else (high, low)
    return f"{start + (end - start) * _MILD * place:.{measurement.decimals}f}"
