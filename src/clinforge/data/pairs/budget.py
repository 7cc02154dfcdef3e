"""What has been spent and what may still be."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from clinforge.data.pairs.settings import Budget, Prices
from clinforge.model.base import Sampling
from clinforge.records import Completion, Conversation

_FRAME_TOKENS = 64
"""What a chat template adds around the messages, at most."""


def cost_of(prices: Prices, prompt_tokens: int, completion_tokens: int) -> float:
    """Money for so many tokens."""
    return (prompt_tokens * prices.prompt_per_million + completion_tokens * prices.completion_per_million) / 1e6


@dataclass
class _Hold:
    tokens: int
    cost: float


class Purse:
    """Keeps requests within a budget, also when several are under way."""

    def __init__(self, budget: Budget, spent: tuple[int, float]) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self.tokens, self.cost = spent
        self._held = _Hold(0, 0.0)
        self.exhausted = False

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens" + (f", {self.cost:.2f} spent" if self.cost else "")

    @contextmanager
    def hold(self, conversation: Conversation, sampling: Sampling, prices: Prices) -> Generator[bool]:
        """Set aside the most that a request can use, for as long as it is under way; False when there is not enough.

        No tokenizer writes more tokens than there are bytes, so what is set aside is enough.
        """
        sent = sum(len(message.content.encode("utf-8", "replace")) for message in conversation) + _FRAME_TOKENS
        most = _Hold(sent + sampling.max_new_tokens, cost_of(prices, sent, sampling.max_new_tokens))
        if not self._take(most):
            yield False
            return
        try:
            yield True
        finally:
            with self._lock:
                self._held.tokens -= most.tokens
                self._held.cost -= most.cost

    def pay(self, completion: Completion, prices: Prices) -> float:
        """Count an answer; returns what it cost."""
        cost = cost_of(prices, completion.prompt_tokens, completion.completion_tokens)
        with self._lock:
            self.tokens += completion.prompt_tokens + completion.completion_tokens
            self.cost += cost
        return cost

    def _take(self, most: _Hold) -> bool:
        budget = self._budget
        with self._lock:
            tokens = self.tokens + self._held.tokens + most.tokens
            cost = self.cost + self._held.cost + most.cost
            if (budget.max_tokens is not None and tokens > budget.max_tokens) or (
                budget.max_cost is not None and cost > budget.max_cost + 1e-12
            ):
                self.exhausted = True
                return False
            self._held.tokens += most.tokens
            self._held.cost += most.cost
            return True
