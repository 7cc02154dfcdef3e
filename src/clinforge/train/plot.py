"""The loss curve as a picture."""

from collections.abc import Sequence
from pathlib import Path


def plot_loss(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw training loss (each step and smoothed) and validation loss over steps into a PNG."""
    from matplotlib.figure import Figure

    train = [(row["step"], row["loss"]) for row in history if "loss" in row]
    validation = [(row["step"], row["validation_loss"]) for row in history if "validation_loss" in row]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*train, strict=True), color="#9ab", linewidth=0.8, label="training, each step")
    axes.plot([step for step, _ in train], _smooth([loss for _, loss in train]), color="#246", label="training, smoothed")
    if validation:
        axes.plot(*zip(*validation, strict=True), "o-", color="#c50", label="validation")
    axes.set(xlabel="step", ylabel="loss per supervised token (nats)", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def _smooth(values: Sequence[float], decay: float = 0.9) -> list[float]:
    """Exponential moving average, corrected for its start."""
    smoothed: list[float] = []
    mean = weight = 0.0
    for value in values:
        mean = decay * mean + (1 - decay) * value
        weight = decay * weight + (1 - decay)
        smoothed.append(mean / weight)
    return smoothed
