"""Put questions to a model from several threads, within a budget, and write every reply down at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from clinforge.data.pairs.budget import Purse
from clinforge.data.pairs.journal import Journal, Reply
from clinforge.data.pairs.settings import PairSettings, Prices
from clinforge.errors import InputError, StageError
from clinforge.model.base import Sampling, TextModel
from clinforge.records import Completion, Conversation

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, questions done, questions to ask in this run): all that a time left needs."""


@dataclass(frozen=True)
class Question:
    """What is asked, and which replies need no second attempt."""

    key: str
    prompt: Callable[[], Conversation]
    """Made when it is asked: all prompts together would fill the memory."""
    is_readable: Callable[[str], bool]


@dataclass(frozen=True)
class Role:
    """A model in one of its roles, with the hash of everything that decides its replies."""

    label: str
    model: TextModel
    sampling: Sampling
    prices: Prices
    settings_hash: str


@dataclass
class Outcome:
    """How far the asking came."""

    requests: int = 0
    """Requests answered in this run."""
    left: list[str] = field(default_factory=list[str])
    """Keys of questions without a final reply; the next run asks them."""
    server_gave_up: str = ""
    """What the last of too many failures said; '' if the server did its part."""


class Asker:
    """Asks questions and keeps the replies in a journal."""

    def __init__(self, settings: PairSettings, journal: Journal, purse: Purse) -> None:
        self._settings = settings
        self._journal = journal
        self._purse = purse
        self._lock = threading.Lock()

    def final(self, question: Question, role: Role) -> Reply | None:
        """The reply that stands: the first readable one, or the last when all attempts are used up."""
        replies = self._journal.replies(question.key, role.settings_hash)
        for reply in replies:
            if not reply.refused and question.is_readable(reply.text):
                return reply
        used_up = len(replies) >= self._settings.attempts or any(reply.refused for reply in replies)
        return replies[-1] if replies and used_up else None

    def ask(self, questions: Sequence[Question], role: Role, progress: Progress) -> Outcome:
        """Ask what has no final reply yet. Ends early, without an error, when the budget or the server gives out.

        ConfigError, MissingError and our own faults end it with that error; replies so far stay in the journal.
        """
        outcome = Outcome()
        open_questions = [question for question in questions if self.final(question, role) is None]
        before = len(questions) - len(open_questions)
        label = f"{role.label} ({before} answered before)" if before else role.label
        progress(label, 0, len(open_questions))
        failures = _Failures(self._settings.give_up_after)
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="pairs") as pool:
            futures = [pool.submit(self._work, question, role, outcome, failures) for question in open_questions]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    progress(f"{label}, {self._purse}", done, len(open_questions))
            except BaseException:
                failures.stop.set()
                for future in futures:
                    future.cancel()
                raise
        outcome.left = [question.key for question in open_questions if self.final(question, role) is None]
        outcome.server_gave_up = failures.last if failures.too_many else ""
        return outcome

    def _work(self, question: Question, role: Role, outcome: Outcome, failures: "_Failures") -> None:
        conversation = question.prompt()
        attempt = len(self._journal.replies(question.key, role.settings_hash))
        while self.final(question, role) is None and not failures.stop.is_set():
            seed = None if role.sampling.seed is None else role.sampling.seed + attempt
            sampling = role.sampling.model_copy(update={"seed": seed})
            with self._purse.hold(conversation, sampling, role.prices) as enough:
                if not enough:
                    return
                try:
                    reply = self._request(question.key, conversation, role, sampling)
                except StageError as error:
                    failures.count(str(error))
                    return
                except BaseException:
                    failures.stop.set()  # before another thread takes the next question
                    raise
                self._journal.add(reply)
            failures.forget()
            attempt += 1
            with self._lock:
                outcome.requests += 1

    def _request(self, key: str, conversation: Conversation, role: Role, sampling: Sampling) -> Reply:
        base = Reply(key=key, settings=role.settings_hash, text="")
        try:
            completion: Completion = role.model.generate([conversation], sampling)[0]
        except InputError:
            return base.model_copy(update={"refused": True})
        return base.model_copy(
            update={
                "text": completion.text,
                "prompt_tokens": completion.prompt_tokens,
                "completion_tokens": completion.completion_tokens,
                "cost": self._purse.pay(completion, role.prices),
            }
        )


class _Failures:
    """Failures in a row, over all threads."""

    def __init__(self, most: int) -> None:
        self.stop = threading.Event()
        self.last = ""
        self.too_many = False
        self._most = most
        self._count = 0
        self._lock = threading.Lock()

    def count(self, what: str) -> None:
        with self._lock:
            self._count += 1
            self.last = what
            if self._count >= self._most:
                self.too_many = True
                self.stop.set()

    def forget(self) -> None:
        with self._lock:
            self._count = 0
