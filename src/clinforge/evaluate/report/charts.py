"""Geometry of the plots, in percent of their frame; the page's labels are HTML, so any script and screen size works."""

import math
from collections.abc import Iterable, Sequence

from clinforge.evaluate.report.model import LossPoint
from clinforge.records import Record

MAX_POINTS = 400
"""More points than this cannot be told apart on the page; the rest is thinned out evenly."""


class Tick(Record):
    """A labelled place on an axis."""

    at: float
    """Percent from the left or from the bottom."""
    label: str


class LossChart(Record):
    """Lines in a 100 x 100 frame whose y grows downwards, as in SVG."""

    training: str
    """Points of an SVG polyline."""
    validation: str
    validation_dots: str
    """An SVG path of zero-length strokes: round dots whatever the frame's proportions."""
    steps: tuple[Tick, ...]
    losses: tuple[Tick, ...]
    alt: dict[str, str]
    """Figures for the text that stands in for the picture."""


def loss_chart(points: Sequence[LossPoint]) -> LossChart | None:
    """Lay out the loss curve; None if there is nothing finite to draw."""
    training = _series((point.step, point.loss) for point in points)
    validation = _series((point.step, point.validation_loss) for point in points)
    if not training + validation:
        return None
    last = max(1, *(step for step, _ in training + validation))
    first = training or validation
    best = min((loss for _, loss in validation), default=None)
    losses = ticks(max(loss for _, loss in training + validation))
    top = float(losses[-1])
    placed = [
        [(100 * step / last, 100 - 100 * loss / top) for step, loss in series] for series in (training, validation)
    ]
    lines = [" ".join(f"{x:.2f},{y:.2f}" for x, y in series) for series in placed]
    return LossChart(
        training=lines[0],
        validation=lines[1],
        validation_dots=" ".join(f"M{x:.2f} {y:.2f}h0" for x, y in placed[1]),
        steps=tuple(Tick(at=100 * step / last, label=str(step)) for step in _step_ticks(last)),
        losses=tuple(Tick(at=100 * loss / top, label=f"{loss:g}") for loss in losses),
        alt={
            "first": f"{first[0][1]:.3f}",
            "last": f"{first[-1][1]:.3f}",
            "steps": str(last),
            "best": "–" if best is None else f"{best:.3f}",
        },
    )


def _series(values: Iterable[tuple[int, float | None]]) -> list[tuple[int, float]]:
    finite = [(step, loss) for step, loss in values if loss is not None and math.isfinite(loss)]
    every = max(1, math.ceil(len(finite) / MAX_POINTS))
    return finite[::every] if len(finite) % every == 1 or every == 1 else [*finite[::every], finite[-1]]


def _step_ticks(last: int) -> list[int]:
    whole = [int(step) for step in ticks(last) if step == int(step) and step <= last]
    return whole or [0, last]


def ticks(highest: float) -> list[float]:
    """Round numbers from 0 up to at least `highest`, at most seven of them."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10 ** math.floor(math.log10(highest / 5))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if highest / (power * factor) <= 6)
    return [round(step * place, 12) for place in range(math.ceil(highest / step - 1e-9) + 1)]
