"""Show that the exported forms of a model are the same model.

For each prompt the adapter's greedy answer is taken as the path; along it, every form must give the adapter's token a
log-probability within the stated tolerance. Whether it would have taken the same token is reported beside it: two
tokens may tie within the tolerance.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from clinforge.model.transformers import ChatTokenizer
from clinforge.records import Conversation, Record

NextLogprobs = Callable[[list[int]], dict[int, float]]
"""Token ids so far -> log-probability of the likeliest next tokens."""


class Agreement(Record):
    """How one exported form compares with the trained adapter."""

    form: str
    tokens: int
    same_token: float
    """Share of positions at which the likeliest token is the same, 0-1."""
    same_answer: float
    """Share of prompts whose whole greedy answer is the same, 0-1."""
    max_difference: float
    """Largest difference of the log-probability (nats) of the adapter's greedy token."""
    tolerance: float
    agrees: bool


class GreedyPath(Record):
    """A prompt with the adapter's greedy answer and its log-probabilities."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    logprobs: tuple[float, ...]


def greedy_paths(model: Any, tokens: ChatTokenizer, prompts: Sequence[Conversation], length: int) -> list[GreedyPath]:  # noqa: ANN401
    """The model's greedy answers, up to `length` tokens or the end of the turn."""
    next_logprobs = next_token_logprobs(model)
    paths: list[GreedyPath] = []
    for conversation in prompts:
        prompt = tokens.prompt_ids(conversation)
        answer: list[int] = []
        logprobs: list[float] = []
        while len(answer) < length and (not answer or answer[-1] != tokens.end_of_turn):
            token, logprob = max(next_logprobs(prompt + answer).items(), key=lambda item: item[1])
            answer.append(token)
            logprobs.append(logprob)
        paths.append(GreedyPath(prompt=tuple(prompt), answer=tuple(answer), logprobs=tuple(logprobs)))
    return paths


def compare(form: str, next_logprobs: NextLogprobs, paths: Sequence[GreedyPath], tolerance: float) -> Agreement:
    """Follow each path and compare what this form would have said at every position."""
    same: list[list[bool]] = []
    differences: list[float] = []
    for path in paths:
        row: list[bool] = []
        for at, (token, expected) in enumerate(zip(path.answer, path.logprobs, strict=True)):
            found = next_logprobs([*path.prompt, *path.answer[:at]])
            differences.append(abs(found.get(token, -100.0) - expected))
            row.append(max(found, key=lambda key: found[key]) == token)
        same.append(row)
    flat = [value for row in same for value in row]
    worst = max(differences)
    return Agreement(
        form=form,
        tokens=len(flat),
        same_token=sum(flat) / len(flat),
        same_answer=sum(all(row) for row in same) / len(same),
        max_difference=worst,
        tolerance=tolerance,
        agrees=worst <= tolerance,
    )


def next_token_logprobs(model: Any, top: int = 20) -> NextLogprobs:  # noqa: ANN401 -- any Hugging Face model
    """Read a transformers model position by position, in float32."""

    @torch.inference_mode()
    def read(ids: list[int]) -> dict[int, float]:
        logits = model(input_ids=torch.tensor([ids], device=model.device), use_cache=False, logits_to_keep=1).logits
        values, indices = torch.log_softmax(logits[0, -1].float(), dim=-1).topk(top)
        return dict(zip(indices.tolist(), values.tolist(), strict=True))

    return read


def load_adapter(base: Path, adapter: Path) -> Any:  # noqa: ANN401 -- a PeftModel
    """The adapter as PEFT loads it, not merged."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(model, str(adapter)).eval()
