"""A language model run by Hugging Face transformers: the reference that every other engine is compared with."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from clinforge.errors import MissingError
from clinforge.model.base import Sampling
from clinforge.model.device import NumberFormat, Precision, pick_device, pick_precision
from clinforge.model.template import ChatTemplate
from clinforge.model.token_tree import grow_tree
from clinforge.model.tree_attention import enable_trees, tree_inputs
from clinforge.records import Completion, Conversation, OptionScores

transformers_logging.disable_progress_bar()

DTYPES: dict[NumberFormat, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class ChatTokenizer:
    """Turns conversations and answers into token ids: the same ids in training, evaluation and serving."""

    def __init__(self, folder: Path) -> None:
        self.template = ChatTemplate.load(folder)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.end_of_turn: int = self.tokenizer.eos_token_id

    def prompt_ids(self, conversation: Conversation) -> list[int]:
        """Ids of a conversation, up to where the assistant's answer begins."""
        return self._ids(self.template.render(conversation))

    def answer_ids(self, answer: str) -> list[int]:
        """Ids of an answer with the token that ends the turn."""
        return [*self._ids(answer), self.end_of_turn]

    def text(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


class TransformersModel:
    """A Hugging Face model folder, with an optional PEFT adapter merged in for speed.

    `max_tree_tokens` bounds the nodes of one forward pass, and so its memory.
    """

    def __init__(
        self,
        folder: Path,
        *,
        adapter: Path | None = None,
        name: str = "",
        precision: Precision = "auto",
        max_tree_tokens: int = 768,
    ) -> None:
        self.name = name or (adapter or folder).name
        self.device = pick_device()
        self.precision: NumberFormat = pick_precision(precision, self.device)
        self.max_tree_tokens = max_tree_tokens
        self.tokens = ChatTokenizer(folder)
        self.model = load_merged(folder, adapter).to(self.device, DTYPES[self.precision]).eval()
        self._log_probabilities: Callable[[list[list[int]], list[int]], list[list[float]]] = (
            self._by_tree if enable_trees(self.model) else self._one_by_one
        )

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Completion]:
        """Answer each conversation; stop strings end an answer and are not part of it."""
        return [self._answer(conversation, sampling) for conversation in conversations]

    def stream(self, conversation: Conversation, sampling: Sampling) -> Iterator[str]:
        """Answer one conversation; this engine yields the whole answer as one piece."""
        yield self._answer(conversation, sampling).text

    def score(self, conversations: Sequence[Conversation], options: Sequence[Sequence[str]]) -> list[OptionScores]:
        """Log-probability of each option; whatever conversations and options share is computed once per pass."""
        prompts = [self.tokens.prompt_ids(conversation) for conversation in conversations]
        answers = [[self.tokens.answer_ids(option) for option in choices] for choices in options]
        scores: list[OptionScores] = []
        for first, last in self._passes(prompts, answers):
            pairs = [(prompts[at], answer) for at in range(first, last) for answer in answers[at]]
            by_sequence = iter(
                self._log_probabilities(
                    [prompt + answer for prompt, answer in pairs], [len(prompt) for prompt, _ in pairs]
                )
            )
            for choices in answers[first:last]:
                rows = [next(by_sequence) for _ in choices]
                scores.append(
                    OptionScores(logprobs=tuple(sum(row) for row in rows), num_tokens=tuple(len(row) for row in rows))
                )
        return scores

    def _passes(self, prompts: list[list[int]], answers: list[list[list[int]]]) -> Iterator[tuple[int, int]]:
        """Cut the questions into runs whose trees stay within `max_tree_tokens` (a longer single one goes alone)."""
        first, held = 0, 0
        for index, (prompt, choices) in enumerate(zip(prompts, answers, strict=True)):
            alone = len(grow_tree([prompt + answer for answer in choices]))
            added = alone - (_common_prefix(prompts[index - 1], prompt) if index > first else 0)
            if index > first and held + added > self.max_tree_tokens:
                yield first, index
                first, held, added = index, 0, alone
            held += added
        if prompts:
            yield first, len(prompts)

    @torch.inference_mode()
    def _by_tree(self, sequences: list[list[int]], starts: list[int]) -> list[list[float]]:
        tree = grow_tree(sequences)
        sources = [path[start - 1 : -1] for path, start in zip(tree.paths, starts, strict=True)]
        kept = sorted({node for nodes in sources for node in nodes})
        row_of = {node: row for row, node in enumerate(kept)}
        inputs = tree_inputs(tree, self.device)
        logits = self.model(**inputs, logits_to_keep=torch.tensor(kept, device=self.device)).logits[0]
        rows = [row_of[node] for nodes in sources for node in nodes]
        targets = [token for sequence, start in zip(sequences, starts, strict=True) for token in sequence[start:]]
        flat = iter((logits[rows, targets].float() - _log_normalisers(logits)[rows]).tolist())
        return [[next(flat) for _ in nodes] for nodes in sources]

    @torch.inference_mode()
    def _one_by_one(self, sequences: list[list[int]], starts: list[int]) -> list[list[float]]:
        results: list[list[float]] = []
        for sequence, start in zip(sequences, starts, strict=True):
            ids = torch.tensor([sequence], device=self.device)
            logits = self.model(input_ids=ids, use_cache=False).logits[0, start - 1 : -1]
            chosen = logits[range(len(sequence) - start), sequence[start:]].float()
            results.append((chosen - _log_normalisers(logits)).tolist())
        return results

    @torch.inference_mode()
    def _answer(self, conversation: Conversation, sampling: Sampling) -> Completion:
        prompt = self.tokens.prompt_ids(conversation)
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
        how = {"do_sample": False}
        if sampling.temperature > 0:
            how = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p}
        ids = torch.tensor([prompt], device=self.device)
        output = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=self.tokens.end_of_turn,
            pad_token_id=self.tokens.end_of_turn,
            **how,
        )
        new: list[int] = output[0, len(prompt) :].tolist()
        text = self.tokens.text(new)
        cut = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=len(text))
        ended = new[-1] == self.tokens.end_of_turn or cut < len(text)
        return Completion(
            text=text[:cut],
            finish_reason="stop" if ended else "length",
            prompt_tokens=len(prompt),
            completion_tokens=len(new),
        )


def _log_normalisers(logits: torch.Tensor, rows_at_once: int = 64) -> torch.Tensor:
    """Log of each row's summed exponentials, in float32; a few rows at a time, since a row is a whole vocabulary."""
    return torch.cat([torch.logsumexp(rows.float(), dim=-1) for rows in logits.split(rows_at_once)])


def load_merged(folder: Path, adapter: Path | None) -> Any:  # noqa: ANN401 -- any Hugging Face model
    """A float32 model with the adapter's weights added into its own."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter is None:
        return model
    if not (adapter / "adapter_config.json").is_file():
        raise MissingError(f"{adapter} is not an adapter: it has no adapter_config.json.")
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()


def adapter_base(adapter: Path) -> str:
    """Name or folder of the base model an adapter was trained on, from its own config."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return config["base_model_name_or_path"]


def _common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Number of leading ids two sequences share."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
