"""English finding -> organ system, on findings of unseen families."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import ClassVar, Literal

from pydantic import Field

from clinforge.data.families import family_ids, similar_links
from clinforge.data.lineage import Lineage
from clinforge.data.split import Shares, split_of
from clinforge.data.tasks.base import Apart, Case, CountedTask, Purpose, TaskResult, fact, finish
from clinforge.data.words import modifiers_en
from clinforge.knowledge.graphs.hpo import Hpo, load_hpo
from clinforge.records import Lang

_RARE_STEM = 20
_ALIKE = 0.6
"""Below 0.6, chains of one-word names join half of all findings into one family (measured)."""


class OrganSystem(CountedTask):
    """Findings that belong to exactly one of the organ systems in `systems.toml`."""

    kind: Literal["organ_system"] = "organ_system"
    num_train: int = Field(default=800, ge=1)
    num_validation: int = Field(default=100, ge=0)
    num_test: int = Field(default=300, ge=0)
    shares: Shares = Shares()
    max_characters: int = Field(default=60, ge=10)
    """Findings with longer names are left out."""

    purpose: ClassVar[Purpose] = "claim"
    title: ClassVar[Mapping[Lang, str]] = {"en": "Finding → organ system", "zh": "体征→器官系统"}
    about: ClassVar[Mapping[Lang, str]] = {
        "en": "Findings of families never seen in training.",
        "zh": "训练中从未出现过的体征家族。",
    }
    apart: ClassVar[frozenset[Apart]] = frozenset({"family", "fact", "case"})

    @property
    def task(self) -> str:
        """The task's name."""
        return self.kind

    @property
    def language(self) -> Lang:
        """English: HPO has no Chinese names."""
        return "en"

    def __call__(self, seed: int, lineage: Lineage) -> TaskResult:
        """Build the samples."""
        hpo = load_hpo()
        found, dropped = findings(hpo, self.max_characters)
        lineage.record(self.label, "facts", self.model_dump(), (len(hpo.terms), len(found)), dropped)
        families = finding_families(hpo, found)
        options = tuple(system_names().values())
        cases = [
            Case(
                split=split_of(families[term_id], self.shares, seed),
                family=families[term_id],
                values=(("finding", hpo.terms[term_id].name),),
                answer=system_names()[system],
                options=options,
                facts=(
                    fact(
                        f"{term_id} {hpo.terms[term_id].name}",
                        "in_organ_system",
                        f"{system} {hpo.terms[system].name}",
                        "en",
                        "hpo",
                    ),
                ),
                source="hpo",
            )
            for term_id, system in found.items()
        ]
        return finish(self, cases, seed, lineage)


def system_names() -> dict[str, str]:
    """HPO id -> short name of each organ system that is an answer."""
    return tomllib.loads((files("clinforge.data.tasks") / "systems.toml").read_text(encoding="utf-8"))


def findings(hpo: Hpo, max_characters: int) -> tuple[dict[str, str], Counter[str]]:
    """Finding -> its only organ system; the rest is counted by reason."""
    dropped: Counter[str] = Counter()
    found: dict[str, str] = {}
    named = system_names()
    for term in sorted(hpo.terms.values(), key=lambda term: term.id):
        systems = hpo.systems_of(term.id)
        if len(systems) != 1:
            dropped["no organ system" if not systems else "several organ systems"] += 1
        elif systems[0] not in named:
            dropped["organ system not used"] += 1
        elif len(term.name) > max_characters:
            dropped["name too long"] += 1
        elif name_stems(term.name) & name_stems(hpo.terms[systems[0]].name + " " + named[systems[0]]):
            dropped["finding names its organ system"] += 1
        else:
            found[term.id] = systems[0]
    return found, dropped


def finding_families(hpo: Hpo, found: dict[str, str]) -> dict[str, str]:
    """Family of each finding: alike in the words of their names, or parent and child with a rare word in common."""
    words = {term_id: name_stems(hpo.terms[term_id].name) for term_id in found}
    frequency = Counter(word for own in words.values() for word in own)

    def related() -> Iterator[tuple[str, str]]:
        yield from similar_links({term_id: own for term_id, own in words.items() if own}, _ALIKE)
        for term_id in found:
            for parent in hpo.terms[term_id].parents:
                if parent in found and any(frequency[word] <= _RARE_STEM for word in words[term_id] & words[parent]):
                    yield parent, term_id

    return family_ids(found, related())


def name_stems(name: str) -> frozenset[str]:
    """First six letters of the words that tell one finding from another."""
    return frozenset(w[:6] for w in re.findall(r"[a-z]+", name.lower()) if len(w) >= 3 and w not in modifiers_en())
