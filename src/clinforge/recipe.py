"""All settings of one run, as one typed tree. Light: reading a recipe never imports torch."""

from typing import Literal

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.settings import DataSettings
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.optimise.settings import OptimiseSettings
from clinforge.train.settings import TrainSettings


class ModelSettings(Settings):
    """Which language model is fine-tuned."""

    base: str = "smollm2-135m-instruct"
    """A packaged model (`smollm2-135m-instruct`, `gemma3-270m`), a local folder, or a Hugging Face name."""


class ControlSettings(Settings):
    """The control: the same training with the answers shuffled, to show what learning the format alone brings."""

    train: bool = True
    """Whether to train it; without it nothing shows what learning the format alone brings."""
    tasks: Literal["claims", "all"] = "claims"
    """Which tasks the control is trained on."""
    seed: int = 23


class Recipe(Settings):
    """One run, from facts to report."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the run and of its folder under `output`."""
    output: str = "runs"
    """Folder that holds the run's folder."""
    model: ModelSettings = ModelSettings()
    data: DataSettings
    train: TrainSettings = TrainSettings()
    control: ControlSettings = ControlSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    optimise: OptimiseSettings = OptimiseSettings()
