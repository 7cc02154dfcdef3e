"""Settings of the evaluation."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from clinforge.config import Settings
from clinforge.evaluate.scorers import TextScorer, TokenF1


def _one_or_many(value: Any) -> Any:  # noqa: ANN401 -- whatever stood in the YAML
    return (value,) if isinstance(value, str | Path) else value


class EvaluateSettings(Settings):
    """What is asked of each system, and how sure the numbers have to be."""

    confidence_level: float = Field(default=0.95, gt=0.5, lt=1)
    """Of every interval; 1 minus this is the level of every test."""
    resamples: int = Field(default=2000, ge=100)
    """Bootstrap resamples of families."""
    seed: int = 0
    batch_size: int = Field(default=32, ge=1)
    """Questions handed to the model at once."""
    normalisation: Literal["sum", "mean"] = "sum"
    """An option's weight: the log-probability of its text ("sum"), or that divided by its tokens ("mean")."""
    calibration_bins: int = Field(default=10, ge=2)
    coverage: float = Field(default=0.8, gt=0, le=1)
    """Share of questions answered when the model may abstain on those it is least sure of."""
    free_text_items: int = Field(default=40, ge=0)
    """Free-text questions asked per task: writing an answer costs a hundred times what weighing options costs."""
    free_text_scorer: TextScorer = TokenF1()
    max_new_tokens: int = Field(default=96, ge=1)
    sample_answers: int = Field(default=10, ge=0)
    """Answers shown in the report, chosen by hash before anything is answered."""
    tasks: Annotated[tuple[Path, ...], BeforeValidator(_one_or_many)] = ()
    """Files of further questions in the custom form (JSONL)."""
