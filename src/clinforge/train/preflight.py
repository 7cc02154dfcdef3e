"""What is checked before the first step, because it is dear to find out after the last.

Covers: the training render equals the serving render byte for byte; the token that ends a turn is supervised; every
sample has supervised tokens; no sample is over-long. Does not cover: whether the answers are right.
"""

from collections.abc import Sequence
from typing import Any

from clinforge.errors import GateError
from clinforge.model.transformers import ChatTokenizer
from clinforge.records import Message, Sample
from clinforge.train.batches import TokenisedSample, tokenise
from clinforge.train.settings import TrainSettings

SHOWN = 5


def preflight(
    samples: Sequence[Sample], tokens: ChatTokenizer, settings: TrainSettings
) -> tuple[list[TokenisedSample], dict[str, Any]]:
    """Tokenise samples and check them; returns those to train on and the figures for the report.

    Raises GateError naming the sample ids of each kind of fault.
    """
    tokenised = tokenise(samples, tokens)
    _refuse("render differently in training and in serving", _parity_faults(samples, tokens), "Fix the chat template.")
    unsupervised = [sample.id for sample in tokenised if not sample.answer_ids[:-1] or not sample.prompt_ids]
    _refuse("have no supervised token", unsupervised, "Give each sample a prompt and an answer.")
    unended = [sample.id for sample in tokenised if sample.answer_ids[-1] != tokens.end_of_turn]
    _refuse("do not end with the end-of-turn token", unended, "Set the tokenizer's eos_token.")
    overlong = [sample.id for sample in tokenised if len(sample) > settings.max_seq_length]
    if settings.on_overlength == "error":
        _refuse(
            f"are longer than max_seq_length={settings.max_seq_length}",
            overlong,
            f"Set train.max_seq_length={max(map(len, tokenised))} or train.on_overlength=drop.",
        )
    kept = [sample for sample in tokenised if len(sample) <= settings.max_seq_length]
    lengths = sorted(len(sample) for sample in kept)
    return kept, {
        "samples": len(kept),
        "dropped_overlength": len(overlong),
        "tokens": sum(lengths),
        "supervised_tokens": sum(len(sample.answer_ids) for sample in kept),
        "median_length": lengths[len(lengths) // 2],
        "longest": lengths[-1],
    }


def _parity_faults(samples: Sequence[Sample], tokens: ChatTokenizer) -> list[str]:
    """Samples whose whole conversation, rendered by the template, is not: serving prompt + answer + end of turn."""
    end = tokens.tokenizer.decode([tokens.end_of_turn])
    faults: list[str] = []
    for sample in samples:
        served = tokens.template.render(sample.prompt) + sample.answer
        answered = (*sample.prompt, Message(role="assistant", content=sample.answer))
        whole = tokens.template.render(answered, answer_next=False)
        # Templates without turns of their own (base models) put the end token after a line break.
        if not whole.startswith(served) or not whole[len(served) :].lstrip().startswith(end):
            faults.append(sample.id)
    return faults


def _refuse(what: str, sample_ids: list[str], hint: str) -> None:
    if sample_ids:
        shown = ", ".join(sample_ids[:SHOWN]) + (", …" if len(sample_ids) > SHOWN else "")
        raise GateError(f"{len(sample_ids)} samples {what}: {shown}", hint=hint)
