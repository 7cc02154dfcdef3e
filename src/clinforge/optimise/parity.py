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

from clinforge.model.llama_cpp import LlamaCppModel
from clinforge.model.transformers import ChatTokenizer
from clinforge.records import Conversation, Record


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


ReadPath = Callable[[GreedyPath], list[dict[int, float]]]
"""For each position of a path's answer: the likeliest next tokens and their log-probabilities (nats)."""


@torch.inference_mode()
def greedy_paths(model: Any, tokens: ChatTokenizer, prompts: Sequence[Conversation], length: int) -> list[GreedyPath]:  # noqa: ANN401
    """The model's greedy answers, up to `length` tokens or the end of the turn."""
    paths: list[GreedyPath] = []
    for conversation in prompts:
        prompt = tokens.prompt_ids(conversation)
        ids = torch.tensor([prompt], device=model.device)
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=length,
            do_sample=False,
            eos_token_id=tokens.end_of_turn,
            pad_token_id=tokens.end_of_turn,
            output_logits=True,
            return_dict_in_generate=True,
        )
        answer: list[int] = written.sequences[0, len(prompt) :].tolist()
        rows = torch.log_softmax(torch.cat(written.logits).float(), dim=-1)
        logprobs = rows[range(len(answer)), answer].tolist()
        paths.append(GreedyPath(prompt=tuple(prompt), answer=tuple(answer), logprobs=tuple(logprobs)))
    return paths


def compare(form: str, read: ReadPath, paths: Sequence[GreedyPath], tolerance: float) -> Agreement:
    """Follow each path and compare what this form would have said at every position."""
    same: list[list[bool]] = []
    differences: list[float] = []
    for path in paths:
        rows = read(path)
        for found, token, expected in zip(rows, path.answer, path.logprobs, strict=True):
            differences.append(abs(found.get(token, -100.0) - expected))
        same.append([max(row, key=lambda key: row[key]) == token for row, token in zip(rows, path.answer, strict=True)])
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


def read_transformers(model: Any, top: int = 20) -> ReadPath:  # noqa: ANN401 -- any Hugging Face model
    """Read a transformers model along a path in one pass, in float32."""

    @torch.inference_mode()
    def read(path: GreedyPath) -> list[dict[int, float]]:
        ids = torch.tensor([path.prompt + path.answer[:-1]], device=model.device)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=len(path.answer)).logits[0]
        values, indices = torch.log_softmax(logits.float(), dim=-1).topk(min(top, logits.shape[-1]))
        return [dict(zip(*row, strict=True)) for row in zip(indices.tolist(), values.tolist(), strict=True)]

    return read


def read_llama_cpp(model: LlamaCppModel) -> ReadPath:
    """Read llama.cpp's engine along a path, token by token; it keeps what it has computed of the path."""
    return lambda path: [model.next_logprobs([*path.prompt, *path.answer[:at]]) for at in range(len(path.answer))]


def load_adapter(base: Path, adapter: Path) -> Any:  # noqa: ANN401 -- a PeftModel
    """The adapter as PEFT loads it, not merged."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(model, str(adapter)).eval()
