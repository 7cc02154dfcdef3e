"""What every language model can do for us."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pydantic import Field

from clinforge.config import Settings
from clinforge.records import Completion, Conversation, OptionScores


class Sampling(Settings):
    """How the next token is chosen, and when to stop."""

    temperature: float = Field(default=0.0, ge=0, le=2)
    """0 always takes the likeliest token."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability; 1 draws from all."""
    max_new_tokens: int = Field(default=256, ge=1, le=8192)
    stop: tuple[str, ...] = ()
    """Texts that end an answer and are not part of it."""
    seed: int | None = None


class TextModel(Protocol):
    """A language model that answers and that can weigh given answers.

    `conversation` is a tuple of messages that ends with the user's.
    """

    @property
    def name(self) -> str:
        """Name shown to people and recorded with every result."""
        ...

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Completion]:
        """Answer each conversation."""
        ...

    def stream(self, conversation: Conversation, sampling: Sampling) -> Iterator[str]:
        """Answer one conversation piece by piece; a piece is whole characters. Closing the iterator stops the work."""
        ...

    def score(self, conversations: Sequence[Conversation], options: Sequence[Sequence[str]]) -> list[OptionScores]:
        """Log-probability of each option's text as the answer to each conversation."""
        ...
