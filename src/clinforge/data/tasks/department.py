"""Chinese symptoms -> department, on diseases of unseen families."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from clinforge.data.departments import all_departments, only_department
from clinforge.data.draw import ordered, whole
from clinforge.data.families import family_ids, shared_key_links, similar_links
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, Purpose, TaskResult, TaskSettings, fact, finish
from clinforge.knowledge.graphs.cmekg import DEPARTMENT, CmekgDisease, load_cmekg
from clinforge.knowledge.graphs.healthcare import load_healthcare
from clinforge.records import Lang, Split

_ALIKE = 0.5
_FEWEST, _MOST = 3, 4


class Department(TaskSettings):
    """Cases of three or four symptoms drawn at random from a disease that belongs to exactly one department."""

    kind: Literal["department"] = "department"
    num_train: int = Field(default=800, ge=1)
    num_validation: int = Field(default=100, ge=0)
    num_test: int = Field(default=300, ge=0)
    shares: Shares = Shares()
    cases_per_disease: int = Field(default=2, ge=1, le=8)
    """Training cases of one disease, each with other symptoms; a test disease has one case."""
    max_characters: int = Field(default=8, ge=2)
    """Symptoms with longer names are left out."""

    purpose: ClassVar[Purpose] = "claim"
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
        usable, departments, dropped = self._usable(graph.diseases)
        lineage.record(self.label, "facts", self.model_dump(), (len(graph.diseases), len(usable)), dropped)
        families = disease_families(usable)
        known = {families[name] for name in _known_elsewhere(usable)}
        cases: list[Case] = []
        for name, disease in usable.items():
            family = families[name]
            split: Split = "train" if family in known else split_of(family, self.shares, seed)
            count = self.cases_per_disease if split == "train" else 1
            cases += [self._case(disease, (departments[name], family, split), seed, turn) for turn in range(count)]
        return finish(self, cases, seed, lineage)

    def _usable(
        self, diseases: Mapping[str, CmekgDisease]
    ) -> tuple[dict[str, CmekgDisease], dict[str, str], Counter[str]]:
        usable: dict[str, CmekgDisease] = {}
        departments: dict[str, str] = {}
        dropped: Counter[str] = Counter()
        for name, disease in diseases.items():
            department, reason = only_department(disease.departments)
            if department is None:
                dropped[reason] += 1
            elif len(self._short(disease)) < _FEWEST:
                dropped[f"fewer than {_FEWEST} short symptoms"] += 1
            else:
                usable[name], departments[name] = disease, department
        return usable, departments, dropped

    def _short(self, disease: CmekgDisease) -> list[tuple[str, str]]:
        return [(predicate, text) for predicate, text in disease.symptoms if len(text) <= self.max_characters]

    def _case(self, disease: CmekgDisease, place: tuple[str, str, Split], seed: int, turn: int) -> Case:
        department, family, split = place
        count = whole(_FEWEST, _MOST, seed, "count", disease.name, turn)
        chosen = ordered(self._short(disease), seed, "symptoms", disease.name, turn)[:count]
        return Case(
            split=split,
            family=family,
            values=(("symptoms", "、".join(text for _, text in chosen)),),
            answer=department,
            options=all_departments(),
            facts=(
                fact(disease.name, DEPARTMENT, department, "zh", "cmekg"),
                *(fact(disease.name, predicate, text, "zh", "cmekg") for predicate, text in chosen),
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


def _known_elsewhere(diseases: Mapping[str, CmekgDisease]) -> list[str]:
    """Diseases that other tasks teach; their families are training families here, so that no test family is known."""
    taught = {name for lang in ("zh", "en") for name in load_healthcare(lang)}
    codes = {row.icd10 for row in load_healthcare("zh").values()}
    return [name for name, row in diseases.items() if taught & {name, *row.aliases} or codes & set(row.icd10)]
