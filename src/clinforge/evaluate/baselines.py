"""What needs no language model: the figures that stand beside every model's.

A baseline reads a question's content without the wording around it, learns from the training samples of the same
task only, and picks among each question's own options. Ties are settled by the options' text, never by position.
"""

import re
import string
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from clinforge.evaluate.results import task_key
from clinforge.model.prompts import all_prompts
from clinforge.records import Sample, Score

Lookup = Callable[[Sample], str | None]
"""A knowledge base's answer to a sample; None where it knows none."""

Choose = Callable[[Sample], str]


def answer_with_baselines(
    test: Sequence[Sample], training: Sequence[Sample], lookups: Mapping[str, Lookup]
) -> list[Score]:
    """Answer the choice questions of the test samples with every baseline that applies to their task.

    Without training samples of a task there is neither a majority nor a classifier; `lookups` is by task.
    """
    scores: list[Score] = []
    for task in sorted({task_key(sample) for sample in test if sample.options}):
        questions = [sample for sample in test if task_key(sample) == task and sample.options]
        examples = [sample for sample in training if task_key(sample) == task and sample.options]
        for system, choose in _baselines(questions, examples, lookups.get(task_key(questions[0]))).items():
            scores += [_score(sample, system, choose(sample)) for sample in questions]
    return scores


def content(sample: Sample) -> str:
    """What fills the places of the sample's wording; the whole last message if the wording is not ours."""
    text = sample.prompt[-1].content
    prompt = all_prompts().get(sample.template_id)
    if prompt is None:
        return text
    parts = [
        re.escape(literal) + ("(.*)" if field else "") for literal, field, _, _ in string.Formatter().parse(prompt.text)
    ]
    found = re.fullmatch("".join(parts), text, flags=re.DOTALL)
    return "\n".join(found.groups()) if found else text


def _baselines(questions: Sequence[Sample], examples: Sequence[Sample], lookup: Lookup | None) -> dict[str, Choose]:
    common = Counter(sample.answer for sample in examples)

    def majority(sample: Sample) -> str:
        return _best(sample, common)

    found: dict[str, Choose] = {"majority": majority} if examples else {}
    found["lexical"] = lexical
    if len(common) > 1:
        found["tfidf"] = tfidf_classifier(examples, questions)
    if lookup:
        found["lookup"] = lambda sample: _known(lookup(sample), sample) or majority(sample)
    return found


def _best(sample: Sample, weights: Mapping[str, float]) -> str:
    return min(sample.options, key=lambda option: (-weights.get(option, 0), option))


def _known(answer: str | None, sample: Sample) -> str | None:
    return answer if answer in sample.options else None


def lexical(sample: Sample) -> str:
    """The option most of whose character 1- to 3-grams stand in the question."""
    asked = _ngrams(content(sample))
    grams = {option: _ngrams(option) for option in sample.options}
    return _best(sample, {option: len(own & asked) / max(1, len(own)) for option, own in grams.items()})


def _ngrams(text: str) -> set[str]:
    folded = text.casefold()
    return {folded[start : start + size] for size in (1, 2, 3) for start in range(len(folded) - size + 1)}


def tfidf_classifier(examples: Sequence[Sample], questions: Iterable[Sample]) -> Choose:
    """Logistic regression on TF-IDF of character 1- to 3-grams; in English these stop at word borders.

    All questions are answered at once; an option never seen as an answer in training has probability 0.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    analyser = "char_wb" if examples[0].lang == "en" else "char"
    vectors = TfidfVectorizer(analyzer=analyser, ngram_range=(1, 3), sublinear_tf=True, max_features=30_000)
    classifier = LogisticRegression(C=10, max_iter=200)
    with warnings.catch_warnings():
        # Stopping at 200 steps costs no measurable accuracy on hundreds of classes and bounds the time.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(vectors.fit_transform(map(content, examples)), [sample.answer for sample in examples])
    asked = {sample.id: sample for sample in questions}
    table = classifier.predict_proba(vectors.transform(map(content, asked.values())))
    classes: list[str] = [str(name) for name in classifier.classes_]
    chances = {key: dict(zip(classes, row.tolist(), strict=True)) for key, row in zip(asked, table, strict=True)}
    return lambda sample: _best(sample, chances[sample.id])


def _score(sample: Sample, system: str, prediction: str) -> Score:
    return Score(
        sample_id=sample.id,
        task=task_key(sample),
        system=system,
        family_id=sample.family_id,
        target=sample.answer,
        prediction=prediction,
        correct=prediction == sample.answer,
    )
