"""Questions answered in free words: the model writes, the scorer compares with the reference."""

from collections.abc import Sequence

from clinforge.evaluate.results import task_key
from clinforge.evaluate.scorers import ExactMatch
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.evaluate.tasks import Progress
from clinforge.model import Sampling, TextModel
from clinforge.records import Sample, Score


def answer_freely(
    model: TextModel, samples: Sequence[Sample], system: str, settings: EvaluateSettings, progress: Progress
) -> list[Score]:
    """Write one answer to each sample, always taking the likeliest token; `correct` means an exact match."""
    sampling = Sampling(max_new_tokens=settings.max_new_tokens)
    exact = ExactMatch()
    scores: list[Score] = []
    # Small batches: answers differ in length, and a batch waits for its longest.
    size = min(8, settings.batch_size)
    for start in range(0, len(samples), size):
        batch = samples[start : start + size]
        completions = model.generate([sample.prompt for sample in batch], sampling)
        for sample, completion in zip(batch, completions, strict=True):
            answer = completion.text.strip()
            scores.append(
                Score(
                    sample_id=sample.id,
                    task=task_key(sample),
                    system=system,
                    family_id=sample.family_id,
                    target=sample.answer,
                    prediction=answer,
                    correct=exact(answer, sample.answer) == 1,
                    value=settings.free_text_scorer(answer, sample.answer),
                )
            )
        progress(f"{system}: answers", len(scores), len(samples))
    return scores
