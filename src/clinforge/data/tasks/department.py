"""Chinese symptoms -> department, on diseases of unseen families."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from clinforge.data.departments import all_departments, only_department
from clinforge.data.draw import ordered
from clinforge.data.families import family_ids, shared_key_links, similar_links
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, CountedTask, Purpose, TaskResult, fact, finish
from clinforge.knowledge.graphs.cmekg import DEPARTMENT, CmekgDisease, load_cmekg
from clinforge.knowledge.graphs.healthcare import load_healthcare
from clinforge.records import Lang, Split

_ALIKE = 0.5
_FEWEST = 3


@dataclass(frozen=True)
class Usable:
    """A disease with its one department and the (predicate, symptom) pairs that may be shown."""

    disease: CmekgDisease
    department: str
    symptoms: tuple[tuple[str, str], ...]


class Department(CountedTask):
    """Cases of three symptoms or more, drawn at random from a disease that belongs to exactly one department."""

    kind: Literal["department"] = "department"
    num_train: int = Field(default=800, ge=1)
    num_validation: int = Field(default=100, ge=0)
    num_test: int = Field(default=300, ge=0)
    shares: Shares = Shares()
    cases_per_disease: int = Field(default=2, ge=1, le=8)
    """Training cases of one disease, each with other symptoms; a test disease has one case."""
    max_characters: int = Field(default=8, ge=2)
    """Symptoms with longer names are left out."""

    num_departments: int = Field(default=20, ge=2, le=20)
    """How many departments are answers: the first of the table, which lists those with most diseases first. Each one
    costs its name's tokens in every question."""
    num_symptoms: int = Field(default=4, ge=_FEWEST, le=12)
    """Most symptoms shown in a case; more of them make the task easier and the prompt longer."""
    max_share: float = Field(default=0.03, gt=0, le=1)
    """Symptoms that more than this share of all diseases have (pain, infection) are left out: they tell nothing."""

    purpose: ClassVar[Purpose] = "claim"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Symptoms → department", "zh": "症状→就诊科室"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Diseases of families never seen in training.",
        "zh": "训练中从未出现过的疾病家族。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"family", "fact", "case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @property
    def language(self) -> Lang:
        """Chinese: the graph is."""
        return "zh"

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        graph = load_cmekg()
        lineage.record(self.label, "clean", {}, (graph.num_subjects, len(graph.diseases)), graph.dropped)
        usable, dropped = self._usable(graph.diseases)
        lineage.record(self.label, "facts", self.model_dump(), (len(graph.diseases), len(usable)), dropped)
        families = disease_families({name: row.disease for name, row in usable.items()})
        known = {families[name] for name in _known_elsewhere(row.disease for row in usable.values())}
        cases: list[Case] = []
        for name, row in usable.items():
            family = families[name]
            split: Split = "train" if family in known else split_of(family, self.shares, seed)
            count = self.cases_per_disease if split == "train" else 1
            cases += [self._case(row, family, split, (seed, turn)) for turn in range(count)]
        return finish(self, cases, seed, lineage)

    def _usable(self, diseases: Mapping[str, CmekgDisease]) -> tuple[dict[str, Usable], Counter[str]]:
        frequency = Counter(text for disease in diseases.values() for _, text in disease.symptoms)
        too_many = self.max_share * len(diseases)
        usable: dict[str, Usable] = {}
        dropped: Counter[str] = Counter()
        for name, disease in diseases.items():
            department, reason = only_department(disease.departments)
            symptoms = tuple(
                (predicate, text)
                for predicate, text in disease.symptoms
                if len(text) <= self.max_characters and frequency[text] <= too_many
            )
            if department is None:
                dropped[reason] += 1
            elif department not in self._options():
                dropped["department not used"] += 1
            elif len(symptoms) < _FEWEST:
                dropped[f"fewer than {_FEWEST} short, telling symptoms"] += 1
            else:
                usable[name] = Usable(disease, department, symptoms)
        return usable, dropped

    def _options(self) -> tuple[str, ...]:
        return all_departments()[: self.num_departments]

    def _case(self, row: Usable, family: str, split: Split, draw: tuple[int, int]) -> Case:
        name = row.disease.name
        chosen = ordered(row.symptoms, "symptoms", name, *draw)[: self.num_symptoms]
        return Case(
            split=split,
            family=family,
            values=(("symptoms", "、".join(text for _, text in chosen)),),
            answer=row.department,
            options=self._options(),
            facts=(
                *(fact(name, DEPARTMENT, source_name, "zh", "cmekg") for source_name in row.disease.departments),
                *(fact(name, predicate, text, "zh", "cmekg") for predicate, text in chosen),
            ),
            source="cmekg",
        )


def disease_families(diseases: Mapping[str, CmekgDisease]) -> dict[str, str]:
    """Family of each disease: same ICD-10 category, same alias, alike in name (bigrams) or in symptoms."""

    def related() -> Iterator[tuple[str, str]]:
        yield from shared_key_links({name: [code[:3] for code in row.icd10] for name, row in diseases.items()})
        yield from shared_key_links({name: (name, *row.aliases) for name, row in diseases.items()})
        yield from similar_links({name: _bigrams(name) for name in diseases}, _ALIKE)
        symptoms = {name: frozenset(text for _, text in row.symptoms) for name, row in diseases.items()}
        yield from similar_links(symptoms, _ALIKE)

    return family_ids(diseases, related())


def _bigrams(name: str) -> frozenset[str]:
    return frozenset(name[i : i + 2] for i in range(max(1, len(name) - 1)))


def _known_elsewhere(diseases: Iterable[CmekgDisease]) -> list[str]:
    """Diseases that other tasks teach; their families are training families here, so that no test family is known."""
    taught = {name for lang in ("zh", "en") for name in load_healthcare(lang)}
    codes = {row.icd10 for row in load_healthcare("zh").values()}
    return [row.name for row in diseases if taught & {row.name, *row.aliases} or codes & set(row.icd10)]
