"""What the page says: `report.json` is this object, and the page is drawn from nothing else."""

from datetime import datetime

from pydantic import Field

from clinforge.evaluate.results import Evaluation, Words
from clinforge.records import Lang, Record, Split


class LossPoint(Record):
    """Losses at one step (nats per supervised token); a point may hold only one of them."""

    step: int
    loss: float | None = None
    validation_loss: float | None = None


class DataRow(Record):
    """How many samples of one kind went in."""

    task: str
    split: Split
    lang: Lang
    source: str
    licence: str
    count: int


class SourceRow(Record):
    """Where facts or weights came from."""

    name: str
    version: str
    licence: str
    acknowledgement: str = ""
    """The line its licence asks to be shown."""


class RunReport(Record):
    """Everything the page shows."""

    title: Words
    created: datetime
    recipe: dict[str, str] = Field(default_factory=dict[str, str])
    """The settings a reader asks for first, e.g. base model, rank, epochs."""
    evaluation: Evaluation
    losses: tuple[LossPoint, ...] = ()
    data: tuple[DataRow, ...] = ()
    sources: tuple[SourceRow, ...] = ()
    parents: dict[str, str] = Field(default_factory=dict[str, str])
    """Artifact -> key."""
    packages: dict[str, str] = Field(default_factory=dict[str, str])
    """Package -> version."""
    parity: dict[str, str | int | float | bool] = Field(default_factory=dict[str, str | int | float | bool])
    """What the check that adapter, merged model and GGUF agree found."""
    timings: dict[str, float] = Field(default_factory=dict[str, float])
    """Stage -> seconds."""
    limits: tuple[Words, ...] = ()
    """Limits of this run, beside those that every report states."""
