"""A model that says what it is told to: the test double of every part that needs a language model."""

from collections.abc import Callable, Iterator, Sequence

from clinforge.model.base import Sampling
from clinforge.records import Completion, Conversation, OptionScores


class ScriptedModel:
    """Answers with `reply(conversation)` and prefers the option for which `weigh(conversation, option)` is largest.

    `calls` counts the conversations it was asked, so a test can show that it was not.
    """

    def __init__(
        self,
        reply: Callable[[Conversation], str] = lambda conversation: f"echo: {conversation[-1].content}",
        weigh: Callable[[Conversation, str], float] = lambda _conversation, option: -float(len(option)),
    ) -> None:
        self.name = "scripted"
        self.calls = 0
        self._reply = reply
        self._weigh = weigh

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Completion]:
        """Answer each conversation with its scripted reply, cut to `max_new_tokens` characters."""
        return [self._complete(conversation, sampling) for conversation in conversations]

    def stream(self, conversation: Conversation, sampling: Sampling) -> Iterator[str]:
        """Yield the scripted reply character by character."""
        yield from self._complete(conversation, sampling).text

    def score(self, conversations: Sequence[Conversation], options: Sequence[Sequence[str]]) -> list[OptionScores]:
        """Weigh each option with the scripted function."""
        self.calls += len(conversations)
        return [
            OptionScores(
                logprobs=tuple(self._weigh(conversation, option) for option in choices),
                num_tokens=tuple(len(option) for option in choices),
            )
            for conversation, choices in zip(conversations, options, strict=True)
        ]

    def _complete(self, conversation: Conversation, sampling: Sampling) -> Completion:
        self.calls += 1
        text = self._reply(conversation)
        cut = text[: sampling.max_new_tokens]
        return Completion(
            text=cut,
            finish_reason="stop" if cut == text else "length",
            prompt_tokens=sum(len(message.content) for message in conversation),
            completion_tokens=len(cut),
        )
