"""Cases of diseases named in the recipe: so many distinct ones, in each language that has facts.

names ─▶ the disease in every graph ─▶ what each graph says of it ─▶ cases in turn, until there are enough
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from clinforge.data.draw import digest
from clinforge.data.facts.edges import edges_about, own_graph
from clinforge.data.facts.index import FactIndex, Role
from clinforge.data.facts.names import Entry, NameBook, Named, book_of, name_book
from clinforge.data.facts.pictures import Drawn, Picture, distinct_cases, picture_of, take_turns
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, Purpose, TaskResult, TaskSettings, put_into_words
from clinforge.data.tasks.graph_task import record_findings
from clinforge.data.tasks.patients import case_facts, case_values
from clinforge.errors import ConfigError
from clinforge.knowledge.graphs.triples import Triples
from clinforge.records import Lang


@dataclass(frozen=True)
class Disease:
    """A disease asked for, with its pictures in the languages asked for."""

    asked: str
    pictures: Mapping[Lang, tuple[Picture, ...]]
    remarks: tuple[str, ...]

    @property
    def family(self) -> str:
        """One for all pictures."""
        return digest("named", *(picture.subject for own in self.pictures.values() for picture in own))[:12]


class Cases(TaskSettings):
    """Patient, symptoms, test results → diagnosis, for diseases named by the recipe."""

    kind: Literal["cases"] = "cases"
    disease_types: tuple[str, ...] = Field(min_length=1)
    """Names of diseases, in Chinese or English: any name or synonym that a graph knows."""
    num_samples: int = Field(default=1000, ge=1)
    """Distinct cases over all diseases and languages, as equally as the facts allow."""
    langs: tuple[Lang, ...] = Field(default=("zh", "en"), min_length=1)
    """Languages of the cases; a disease without facts in one of them has its cases in the others."""
    shares: Shares = Shares(validation=0.1, test=0.1)
    min_findings: int = Field(default=3, ge=1)
    """Fewest findings of a case."""
    max_findings: int = Field(default=6, ge=1)
    """Most findings of a case."""
    facts: Triples | None = None
    """Your own facts; they take the place of the built-in graphs."""
    predicates: dict[str, Role] = Field(default={})
    """Role of each predicate of your own facts that is not a known one."""

    purpose: ClassVar[Purpose] = "recall"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Case of a named disease → diagnosis", "zh": "指定疾病的病例→诊断"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Known diseases, new cases, answered in words: shows what was memorised, not generalisation.",
        "zh": "已学疾病的新病例，以文字作答：反映记忆，不代表泛化。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @property
    def language(self) -> Lang:
        """The first of its languages."""
        return self.langs[0]

    @property
    def languages(self) -> tuple[Lang, ...]:
        """As set."""
        return self.langs

    @model_validator(mode="after")
    def _sizes_in_order(self) -> "Cases":
        if self.min_findings > self.max_findings:
            raise ValueError("min_findings must not be more than max_findings")
        if len(set(self.langs)) < len(self.langs):
            raise ValueError("a language stands twice in langs")
        return self

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples; ConfigError for an unknown name, or if the facts allow fewer cases than asked."""
        faults = list[str]()
        diseases = self._diseases(faults)
        passed = Counter[tuple[Lang, str]]()
        cases = list(islice(self._stream(diseases, seed, passed), self.num_samples))
        if len(cases) < self.num_samples:
            raise ConfigError(
                f"Task {self.task} can give {len(cases)} distinct cases of {', '.join(self.disease_types)} in "
                f"{' and '.join(self.langs)}, but num_samples asks for {self.num_samples}.",
                hint=f"Set num_samples to at most {len(cases)}, or name more diseases.",
            )
        results: list[TaskResult] = []
        for lang in self.langs:
            pictures = [picture for disease in diseases for picture in disease.pictures.get(lang, ())]
            record_findings(lineage, self, lang, pictures)
            own = [case for known, case in cases if known == lang]
            dropped = {reason: count for (known, reason), count in passed.items() if known == lang}
            counts = (len(own) + sum(dropped.values()), len(own))
            lineage.record(f"{self.task}.{lang}", "draw", self.model_dump() | {"seed": seed}, counts, dropped)
            results.append(put_into_words(self, lang, own, seed, lineage))
        return TaskResult(
            tuple(sample for result in results for sample in result.samples),
            tuple({fact.id: fact for result in results for fact in result.facts}.values()),
            faults=tuple(faults),
            remarks=tuple(remark for disease in diseases for remark in disease.remarks),
        )

    def _diseases(self, faults: list[str]) -> list[Disease]:
        own = own_graph(self.facts, self.predicates, self.langs, faults) if self.facts else None
        book = book_of(own) if own else name_book()
        named, unknown = list[Named](), list[str]()
        for asked in self.disease_types:
            try:
                named.append(book.find(asked))
            except ConfigError as error:
                unknown.append(str(error))
        if unknown:
            raise ConfigError("\n".join(unknown))
        diseases: dict[tuple[Entry, ...], Disease] = {}
        for one in named:
            found = self._disease(one, book, own)
            same = diseases.setdefault(one.entries, found)
            if same is not found:
                remark = f"'{found.asked}' is the same disease as '{same.asked}'; it is counted once."
                diseases[one.entries] = replace(same, remarks=(*same.remarks, remark))
        return list(diseases.values())

    def _disease(self, named: Named, book: NameBook, own: FactIndex | None) -> Disease:
        pictures: dict[Lang, list[Picture]] = {lang: [] for lang in self.langs}
        for entry in named.entries:
            known = own.all_about(entry.subject) if own else edges_about(entry.source, entry.lang, entry.subject)
            picture = picture_of(entry.subject, known, book.names_of[entry])
            if picture and entry.lang in pictures:
                # One answer a disease and language, whatever each source calls it.
                first = pictures[entry.lang][0] if pictures[entry.lang] else picture
                pictures[entry.lang].append(replace(picture, name=first.name))
        if not any(pictures.values()):
            raise ConfigError(
                f"'{named.asked}' is known, but no graph has findings of it in {' or '.join(self.langs)}.",
                hint="Add a language to langs, or bring facts of your own: facts: my-facts.jsonl",
            )
        missing = tuple(f"'{named.asked}' has no facts in '{lang}'." for lang in self.langs if not pictures[lang])
        return Disease(
            named.asked, {lang: tuple(own) for lang, own in pictures.items() if own}, (*named.remarks, *missing)
        )

    def _stream(
        self, diseases: Sequence[Disease], seed: int, passed: Counter[tuple[Lang, str]]
    ) -> Iterator[tuple[Lang, Case]]:
        """Cases of all diseases, languages and sources in turn; what is passed over is counted."""
        seen = set[object]()
        for disease, picture, drawn in self._turns(diseases, seed):
            others = (other for other in diseases if other is not disease)
            rivals = (rival for other in others for rival in other.pictures.get(picture.lang, ()))
            if any(drawn.names <= rival.names for rival in rivals):
                passed[picture.lang, "fits another of the diseases"] += 1
            elif (picture.lang, disease.family, drawn.key) in seen:
                passed[picture.lang, "same case from another source"] += 1
            else:
                seen.add((picture.lang, disease.family, drawn.key))
                yield picture.lang, self._case(disease, picture, drawn, seed)

    def _turns(self, diseases: Sequence[Disease], seed: int) -> Iterator[tuple[Disease, Picture, Drawn]]:
        sizes = range(self.min_findings, self.max_findings + 1)

        def drawn(disease: Disease, picture: Picture) -> Iterator[tuple[Disease, Picture, Drawn]]:
            return ((disease, picture, one) for one in distinct_cases(picture, sizes, seed))

        def languages(disease: Disease) -> Iterator[tuple[Disease, Picture, Drawn]]:
            sources = ([drawn(disease, picture) for picture in own] for own in disease.pictures.values())
            return take_turns([take_turns(streams) for streams in sources])

        return take_turns([languages(disease) for disease in diseases])

    def _case(self, disease: Disease, picture: Picture, drawn: Drawn, seed: int) -> Case:
        place = "|".join((disease.family, picture.lang, *sorted(drawn.names)))
        return Case(
            split=split_of(place, self.shares, seed),
            family=disease.family,
            values=case_values(drawn, picture.lang),
            answer=picture.name,
            options=(),
            facts=case_facts(drawn),
            source=picture.source,
        )
