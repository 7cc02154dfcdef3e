"""Choice questions: the options' texts are weighed by the model, so no answer has to be parsed."""

import math
from collections.abc import Sequence

from clinforge.errors import StageError
from clinforge.evaluate.results import task_key
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.evaluate.tasks import Progress
from clinforge.model import TextModel
from clinforge.records import OptionScores, Sample, Score


def answer_choices(
    model: TextModel, samples: Sequence[Sample], system: str, settings: EvaluateSettings, progress: Progress
) -> list[Score]:
    """Choose one of each sample's own options.

    Samples of one task and wording are asked together, shortest first: they share a prefix and need little padding.
    """
    ordered = sorted(samples, key=lambda sample: (sample.task, sample.template_id, _length(sample), sample.id))
    scores: list[Score] = []
    for start in range(0, len(ordered), settings.batch_size):
        batch = ordered[start : start + settings.batch_size]
        weighed = model.score([sample.prompt for sample in batch], [sample.options for sample in batch])
        scores += [_choose(sample, found, system, settings) for sample, found in zip(batch, weighed, strict=True)]
        progress(system, len(scores), len(ordered))
    return scores


def _length(sample: Sample) -> int:
    return sum(len(message.content) for message in sample.prompt)


def _choose(sample: Sample, found: OptionScores, system: str, settings: EvaluateSettings) -> Score:
    weights = [
        logprob / (tokens if settings.normalisation == "mean" else 1)
        for logprob, tokens in zip(found.logprobs, found.num_tokens, strict=True)
    ]
    if (
        len(weights) != len(sample.options)
        or any(math.isnan(weight) for weight in weights)
        or max(weights) == -math.inf
    ):
        raise StageError(f"System '{system}' gave no usable log-probabilities for sample '{sample.id}'.")
    # Equal weights are settled by the options' text: by position, a model that knows nothing could look perfect.
    best = min(range(len(weights)), key=lambda place: (-weights[place], sample.options[place]))
    total = sum(math.exp(weight - weights[best]) for weight in weights)
    return Score(
        sample_id=sample.id,
        task=task_key(sample),
        system=system,
        family_id=sample.family_id,
        target=sample.answer,
        prediction=sample.options[best],
        correct=sample.options[best] == sample.answer,
        confidence=1 / total,
    )
