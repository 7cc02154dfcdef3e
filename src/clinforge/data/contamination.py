"""What counts as an evaluation row that has slipped into training, and the report of such rows. Light to import."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.likeness import Likeness
from clinforge.records import Record

Level = Literal["fact", "family", "exact", "ngram", "near"]
"""How a training row and an evaluation row are one, from the surest sign to the weakest."""
LEVELS: tuple[Level, ...] = ("fact", "family", "exact", "ngram", "near")
SHARED: Mapping[Level, str] = {
    "fact": "a fact",
    "family": "its family",
    "exact": "a text",
    "ngram": "runs of words",
    "near": "nearly all of a text",
}
"""What the two rows share, in words."""
Part = Literal["", "question", "answer", "options"]
Verdict = Literal["fail", "drop", "report"]


class Verdicts(Settings):
    """What follows from a pair: fail (nothing is trained), drop (the training row goes), report (a person looks)."""

    fact: Verdict = "fail"
    """A training row rests on a fact that an evaluation row asks for."""
    family: Verdict = "fail"
    """A training row is of an evaluation row's family of the same task, or of its patient."""
    exact: Verdict = "drop"
    """An evaluation row's question, its set of options, or a long option stands in a training row."""
    ngram: Verdict = "drop"
    """A training row holds a large part of an evaluation row's runs of words."""
    near: Verdict = "drop"
    """A training row is like an evaluation row, once what many rows share is left aside."""


class EvaluationLikeness(Likeness):
    """When a training row is like an evaluation row. Runs are short, because so is what boilerplate leaves over."""

    threshold: float = Field(default=0.5, gt=0, le=1)
    """Jaccard similarity from which two texts are alike, 0-1."""
    words: int = Field(default=2, ge=1)
    """Tokens in a run of English. A text with fewer tokens is one run."""
    characters: int = Field(default=3, ge=1)
    """Tokens in a run of Chinese. A text with fewer tokens is one run."""


class Decontaminate(Settings):
    """Compares training rows with every evaluation set named, by facts, families and texts."""

    words: int = Field(default=13, ge=4)
    """Tokens in an n-gram of English."""
    characters: int = Field(default=13, ge=4)
    """Tokens in an n-gram of Chinese."""
    ngram_share: float = Field(default=0.5, gt=0, le=1)
    """Share of an evaluation text's n-grams found in one training row from which the pair counts; boilerplate is left
    aside."""
    least_words: int = Field(default=8, ge=1)
    """An English text with fewer tokens, boilerplate left aside, is only compared as a whole."""
    least_characters: int = Field(default=8, ge=1)
    """A Chinese text with fewer tokens, boilerplate left aside, is only compared as a whole."""
    near: EvaluationLikeness = EvaluationLikeness()
    common_words: int = Field(default=5, ge=2)
    """Tokens in a run of English that may be boilerplate."""
    common_characters: int = Field(default=6, ge=2)
    """Tokens in a run of Chinese that may be boilerplate."""
    common_rows: int = Field(default=5, ge=1)
    """A run that stands in the evaluation rows of more families than this is boilerplate."""
    common_share: float = Field(default=0.01, gt=0, le=1)
    """A run that stands in more than this share of the training rows may be boilerplate: texts are compared with and
    without it."""
    boilerplate: tuple[str, ...] = ()
    """Texts whose wording is boilerplate, e.g. a questionnaire's. The prompts that ship with ClinForge always are."""
    crowd: int = Field(default=50, ge=1)
    """An evaluation text that more training rows than this hold in part or resemble is reported, and these rows stay:
    it is more likely a phrase of the field than a leak."""
    verdicts: Verdicts = Verdicts()

    def ngram_length(self, lang: str) -> int:
        """Tokens in an n-gram."""
        return self.characters if lang == "zh" else self.words

    def common_length(self, lang: str) -> int:
        """Tokens in a run that may be boilerplate."""
        return self.common_characters if lang == "zh" else self.common_words

    def least(self, lang: str) -> int:
        """Fewest tokens of which a part is compared."""
        return self.least_characters if lang == "zh" else self.least_words


class Pair(Record):
    """A training row and an evaluation row that share something. Holds ids and figures, never text."""

    train_id: str
    evaluation_set: str
    evaluation_id: str
    level: Level
    part: Part
    """Which text of the evaluation row was found; empty for facts and families."""
    overlap: float
    """exact: 1; ngram: share of the evaluation text's n-grams; near: Jaccard similarity; fact, family: 1."""
    verdict: Verdict


class Contamination(Record):
    """What the comparison found."""

    trained: int
    """Training rows compared."""
    evaluated: dict[str, int]
    """Rows of each evaluation set."""
    only_whole: dict[str, int]
    """Of these, rows too short, or too much like all others, to be compared in part: only their facts, families and
    exact texts were."""
    pairs: tuple[Pair, ...]

    @property
    def failed(self) -> tuple[Pair, ...]:
        """Pairs that stop the training."""
        return tuple(pair for pair in self.pairs if pair.verdict == "fail")

    @property
    def dropped(self) -> frozenset[str]:
        """Ids of training rows to leave out."""
        return frozenset(pair.train_id for pair in self.pairs if pair.verdict == "drop")

    @property
    def counts(self) -> dict[str, int]:
        """Pairs by level and verdict, e.g. `exact: drop`."""
        return dict(sorted(Counter(f"{pair.level}: {pair.verdict}" for pair in self.pairs).items()))

    @property
    def dropped_by_level(self) -> Counter[str]:
        """Training rows to leave out, each counted once at its surest level."""
        rows: dict[str, list[Level]] = {}
        for pair in self.pairs:
            if pair.verdict == "drop":
                rows.setdefault(pair.train_id, []).append(pair.level)
        surest: list[Level] = [next(level for level in LEVELS if level in levels) for levels in rows.values()]
        return Counter(f"shares {SHARED[level]} with an evaluation row" for level in surest)
