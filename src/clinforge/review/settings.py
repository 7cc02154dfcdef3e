"""What can be chosen about a review."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from clinforge.config import Settings

NAME = r"^\w[\w .-]{0,63}$"


def _names(value: Any) -> Any:  # noqa: ANN401 -- whatever stood on the command line
    """`li,wang` as well as `[li, wang]`, which some shells take for a pattern of file names."""
    return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


class QueueSettings(Settings):
    """What is put before the reviewers. The same settings and data give the same queue to everyone."""

    reviewers: Annotated[tuple[Annotated[str, Field(pattern=NAME)], ...], BeforeValidator(_names)] = ()
    """Everyone who shares the work; each item has its reviewers among them. Left out, one reviewer gets all of it."""
    reviews: Path | None = None
    """Folder of the journals; by default `reviews` beside the dataset."""
    double_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the queue that two reviewers judge, each without sight of the other."""
    random_share: float = Field(default=0.05, ge=0, le=1)
    """Share of everything else that is queued at random, to find what no rule expects."""
    losses: Path | None = None
    """JSONL `{"id": sample, "loss": nats}`: what the model found hardest to believe is queued."""
    high_loss_share: float = Field(default=0.05, ge=0, le=1)
    """Share of the samples with a loss that is queued for it, highest first."""
    disagreements: Path | None = None
    """JSONL `{"id": fact or sample, "why": text}`: what a judge or a second source contradicts is queued."""
    seed: int = 0
    """Decides the random share, the order within a stratum, and who reviews what."""

    @model_validator(mode="after")
    def _each_once(self) -> "QueueSettings":
        if len(set(self.reviewers)) < len(self.reviewers):
            raise ValueError("a reviewer stands twice in reviewers")
        return self


class ReviewerSettings(QueueSettings):
    """Whose work it is."""

    reviewer: str = Field(pattern=NAME)
    """Your name, as it will stand beside your verdicts."""

    @model_validator(mode="after")
    def _one_of_them(self) -> "ReviewerSettings":
        if self.reviewers and self.reviewer not in self.reviewers:
            raise ValueError(f"{self.reviewer} is not among reviewers {list(self.reviewers)}")
        return self

    @property
    def roster(self) -> tuple[str, ...]:
        """Everyone who shares the work."""
        return self.reviewers or (self.reviewer,)


class DeskSettings(ReviewerSettings):
    """How the page is served. It has no log-in, so it listens to this machine only."""

    host: Literal["127.0.0.1", "localhost", "::1"] = "127.0.0.1"
    """Address to listen on, always this machine's own."""
    port: int = Field(default=8330, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    simulated: bool = False
    """Mark every verdict as made by a program in a trial."""


class ExchangeSettings(ReviewerSettings):
    """A file to review in elsewhere."""

    file: Path
    """File to write or to read."""
    format: Literal["jsonl", "label_studio", "argilla"] = "jsonl"
    """`jsonl` (one item a line), `label_studio` (JSON tasks) or `argilla` (JSON records)."""
    annotator: str = ""
    """Which user of the other tool the reviewer is (id or e-mail); needed where a file holds answers of several."""


class ReportSettings(QueueSettings):
    """How sure the figures of agreement have to be."""

    confidence_level: float = Field(default=0.95, gt=0.5, lt=1)
    """Of every interval."""
    resamples: int = Field(default=2000, ge=100)
    """Bootstrap resamples of the items."""
