"""What can be chosen about pairs from text. Light: importing this imports no model and no client."""

from typing import Literal

from pydantic import Field

from clinforge.config import Settings
from clinforge.model.base import Sampling


class Prices(Settings):
    """What a model's tokens cost, in whatever currency the budget is in."""

    prompt_per_million: float = Field(default=0.0, ge=0)
    """Price of a million tokens of prompts."""
    completion_per_million: float = Field(default=0.0, ge=0)
    """Price of a million tokens of answers."""


class Budget(Settings):
    """What may be spent on one folder of pairs, earlier runs included.

    A request is sent only while its longest possible answer still fits, so what the server reports stays within the
    budget. Requests that fail on the way are reported by no server and are not counted.
    """

    max_tokens: int | None = Field(default=None, ge=1)
    """Tokens of prompts and answers together; null sets no limit."""
    max_cost: float | None = Field(default=None, gt=0)
    """Money; null sets no limit."""
    writer: Prices = Prices()
    """Prices of the model that writes."""
    judge: Prices = Prices()
    """Prices of the model that judges."""


class SupportSettings(Settings):
    """What a pair must show to be kept."""

    min_similarity: float = Field(default=0.9, ge=0.7, le=1)
    """Evidence that is not found exactly must be this similar to a stretch of the source (0-1); 1 allows exact only."""
    scope: Literal["evidence", "passage"] = "evidence"
    """Where numbers and drugs must stand: in the sentences the evidence touches, or anywhere in the passage."""
    min_overlap: float = Field(default=0.5, ge=0, le=1)
    """Share of the answer's longer words (Chinese: pairs of characters) that must stand in the passage."""
    min_evidence: int = Field(default=8, ge=1)
    """Fewest characters of evidence, spaces not counted."""
    max_evidence: int = Field(default=1000, ge=20)
    """Most characters of evidence."""
    max_answer: int = Field(default=2000, ge=20)
    """Most characters of an answer."""


class PairSettings(Settings):
    """How pairs are asked for, what they must show, and what it may cost."""

    pairs_per_passage: int = Field(default=5, ge=1, le=50)
    """Pairs asked for at once; the model may give fewer."""
    max_characters: int = Field(default=4000, ge=200)
    """Longest passage; a longer document is cut at sections, paragraphs or sentences."""
    min_characters: int = Field(default=40, ge=1)
    """A shorter passage is not asked about."""
    sampling: Sampling = Sampling(temperature=0.3, max_new_tokens=1200, seed=0)
    """How the writer answers; a further attempt at a passage uses the next seed."""
    attempts: int = Field(default=2, ge=1, le=10)
    """Requests for a passage, or a judgement, while the reply cannot be read."""
    concurrency: int = Field(default=4, ge=1, le=512)
    """Requests under way at the same time; 1 for a model that runs in this process."""
    give_up_after: int = Field(default=5, ge=1)
    """Stop after this many requests in a row that the server did not answer; the next run goes on from there."""
    support: SupportSettings = SupportSettings()
    """What a pair must show."""
    budget: Budget = Budget()
    """What may be spent."""
