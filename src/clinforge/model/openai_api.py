"""A language model behind an OpenAI-compatible URL: vLLM, SGLang, llama.cpp, a gateway of one's own, a provider.

What is sent leaves this process: de-identify first. Neither errors nor logs carry prompts, answers or the key; of what
a server says about an error only a plain code word is shown, because its message may quote the prompt.

What servers do and is borne here, each held by a test in tests/model/test_openai_api.py: 429 and 5xx with and without
Retry-After, silence, dropped connections, half answers, answers that are no JSON or lack a part, missing token counts.
Not covered: a server that answers wrongly but well-formed. Whoever uses an answer has to check it.
"""

import contextlib
import math
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from clinforge import __version__
from clinforge.config import Settings
from clinforge.errors import ClinForgeError, ConfigError, InputError, MissingError, StageError, UserError
from clinforge.model.base import Sampling
from clinforge.model.openai_wire import (
    LARGEST_REPLY,
    Choice,
    Counts,
    Passing,
    Reply,
    Weight,
    body_of,
    read_events,
    read_reply,
    refusal_code,
    retry_after,
)
from clinforge.records import Completion, Conversation, Message, OptionScores, Record

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
R = TypeVar("R")
_BYTES_PER_TOKEN = 3
_ENDED: dict[str, Literal["stop", "length"]] = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "end_turn": "stop", "length": "length", "max_tokens": "length",
}  # fmt: skip
_BUSY = (408, 409, 425, 429)
_KEY_REFUSED = (401, 403)
_NOT_THERE = (301, 302, 303, 307, 308, 404, 405)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OpenAISettings(Settings):
    """Where the model is, and how long to be patient with it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["openai"] = "openai"
    base_url: str
    """Address up to and without `/chat/completions`, e.g. `http://127.0.0.1:8000/v1`."""
    model: str
    """The model's name at the server."""
    key_variable: str = ""
    """Name of the environment variable that holds the key; empty where the server asks for none."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Longest wait for a whole answer, or for the next piece of a streamed one."""
    max_attempts: int = Field(default=6, ge=1, le=50)
    """Requests made for one answer before giving up."""
    first_wait_s: float = Field(default=1.0, gt=0)
    """Wait after the first failure; doubled after each further one, with jitter."""
    max_wait_s: float = Field(default=60.0, gt=0)
    """Longest wait between two attempts. A server that asks for more is given up on."""
    concurrency: int = Field(default=4, ge=1, le=512)
    """Requests under way at the same time; more wait in line."""
    length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit on the answer's length."""
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """Further fields of every request, e.g. `{chat_template_kwargs: {enable_thinking: false}}`."""

    @model_validator(mode="after")
    def _hold_no_secret(self) -> "OpenAISettings":
        # Checked on the whole, not on the field: the message about a field would show what was given.
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.username or url.password:
            raise ValueError("base_url must read http(s)://HOST[:PORT]/PATH, without user, password or query")
        if self.key_variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", self.key_variable):
            raise ValueError("key_variable must be the name of an environment variable, never the key itself")
        return self

    def build(self, name: str = "") -> "OpenAIModel":
        """The model; nothing is sent yet. ConfigError when the variable of the key is not set."""
        return OpenAIModel(self, name)


class Usage(Record):
    """What a model was asked for so far."""

    requests: int = 0
    """Requests that were answered."""
    retries: int = 0
    """Further requests that were needed because one failed."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0
    """Answers whose tokens the server did not count: one token for three bytes is assumed."""


class OpenAIModel:
    """A model at a URL as a `TextModel`. May be called from several threads."""

    def __init__(self, settings: OpenAISettings, name: str = "") -> None:
        self.name = name or settings.model
        self.settings = settings
        self._client = _client(settings)
        self._lock = threading.Lock()
        self._usage = Usage()
        self._rest_until = 0.0

    @property
    def usage(self) -> Usage:
        """What was asked and answered so far."""
        with self._lock:
            return self._usage

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Completion]:
        """Answer each conversation, several at a time.

        Raises StageError when the server stays unavailable, InputError when it refuses the text, ConfigError when it
        refuses key, model or address.
        """
        return self._each(lambda conversation: self._complete(conversation, sampling), conversations)

    def stream(self, conversation: Conversation, sampling: Sampling) -> Iterator[str]:
        """Answer one conversation piece by piece. A failure before the first piece is tried again, later it raises."""
        request = self._request(conversation, sampling) | {"stream": True, "stream_options": {"include_usage": True}}

        def begin() -> tuple[str, Generator[str]]:
            pieces = self._pieces(request)
            return next(pieces, ""), pieces

        first, rest = self._patiently(begin)
        try:
            if first:
                yield first
            yield from rest
        except Passing as fault:
            raise StageError(f"{self.settings.base_url} {fault.what} in the middle of an answer.") from None
        finally:
            rest.close()

    def score(self, conversations: Sequence[Conversation], options: Sequence[Sequence[str]]) -> list[OptionScores]:
        """Log-probability of each option, where the server reports those of a prompt (`prompt_logprobs`, as vLLM does).

        The option is sent as the assistant's turn and counts from where the prompt alone ends, with the token that ends
        the turn. Raises ConfigError when the server does not report log-probabilities of given texts.
        """
        asked = list(zip(conversations, options, strict=True))
        return self._each(lambda pair: self._weigh(*pair), asked)

    def _each(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        if len(items) < 2:
            return [work(item) for item in items]
        with ThreadPoolExecutor(min(len(items), self.settings.concurrency)) as pool:
            return list(pool.map(work, items))

    def _request(self, conversation: Conversation, sampling: Sampling) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.settings.model,
            "messages": [message.model_dump() for message in conversation],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self.settings.length_field: sampling.max_new_tokens,
        }
        if sampling.stop:
            request["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            request["seed"] = sampling.seed
        return request | dict(self.settings.extra)

    def _complete(self, conversation: Conversation, sampling: Sampling) -> Completion:
        request = self._request(conversation, sampling)
        return self._patiently(lambda: self._completion(request, self._reply(request)))

    def _completion(self, request: dict[str, Any], reply: Reply) -> Completion:
        choice = reply.choices[0] if reply.choices else Choice()
        if choice.finish_reason == "content_filter":
            raise InputError("The server's content filter withheld an answer.")
        reason = _ENDED.get(choice.finish_reason or "")
        if choice.message.content is None or reason is None:
            raise Passing("sent an answer that has no text or does not say why it ended")
        counts = self._count(request, choice.message.content, reply.usage)
        return Completion(
            text=choice.message.content,
            finish_reason=reason,
            prompt_tokens=counts.prompt_tokens,
            completion_tokens=counts.completion_tokens,
        )

    def _weigh(self, conversation: Conversation, options: Sequence[str]) -> OptionScores:
        before = self._prompt_weights(conversation, answer_next=True)
        sums: list[float] = []
        lengths: list[int] = []
        for option in options:
            turn = Message(role="assistant", content=option)
            tokens = self._prompt_weights((*conversation, turn), answer_next=False)
            if [token for token, _ in tokens[: len(before)]] != [token for token, _ in before]:
                raise StageError(f"{self.name}: its chat template changes the prompt when an answer follows.")
            own = [weight for _, weight in tokens[len(before) :]]
            while len(own) > 1 and own[-1].decoded_token and not own[-1].decoded_token.strip():
                own.pop()  # the line break that some templates write after the end of a turn
            if not own:
                raise StageError(f"{self.name}: its chat template leaves the answer out.")
            sums.append(math.fsum(weight.logprob for weight in own))
            lengths.append(len(own))
        return OptionScores(logprobs=tuple(sums), num_tokens=tuple(lengths))

    def _prompt_weights(self, conversation: Conversation, *, answer_next: bool) -> list[tuple[str, Weight]]:
        """(token id, weight) of each token of a prompt; the first token has no weight, since nothing precedes it."""
        request = self._request(conversation, Sampling(max_new_tokens=1)) | {
            "prompt_logprobs": 0,
            "add_generation_prompt": answer_next,
            "continue_final_message": False,
        }
        reply = self._patiently(lambda: self._reply(request))
        self._count(request, "", reply.usage)
        if reply.prompt_logprobs is None:
            raise ConfigError(
                f"{self.settings.base_url} does not report log-probabilities of a given text.",
                hint="Use a server that takes `prompt_logprobs` (vLLM does), or a model that runs here.",
            )
        return [next(iter(row.items())) if row else ("", Weight(logprob=0.0)) for row in reply.prompt_logprobs]

    def _count(self, request: dict[str, Any], answer: str, counts: Counts | None) -> Counts:
        estimated = counts is None
        if counts is None:
            sent = sum(len(message["content"].encode()) for message in request["messages"])
            tokens = [math.ceil(size / _BYTES_PER_TOKEN) for size in (sent, len(answer.encode()))]
            counts = Counts(prompt_tokens=tokens[0], completion_tokens=tokens[1])
        with self._lock:
            used = self._usage
            self._usage = Usage(
                requests=used.requests + 1,
                retries=used.retries,
                prompt_tokens=used.prompt_tokens + counts.prompt_tokens,
                completion_tokens=used.completion_tokens + counts.completion_tokens,
                estimated=used.estimated + estimated,
            )
        return counts

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do it, again if need be; a fault that stays becomes a StageError."""
        import tenacity

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.settings.max_attempts),
            retry=tenacity.retry_if_exception(self._is_worth_waiting),
            wait=self._wait,
            reraise=True,
        )
        try:
            return retrying(work)
        except Passing as fault:
            raise StageError(f"{self.settings.base_url} {fault.what}; giving up for now.") from None

    def _is_worth_waiting(self, fault: BaseException) -> bool:
        return isinstance(fault, Passing) and (fault.retry_after or 0.0) <= self.settings.max_wait_s

    def _wait(self, state: Any) -> float:  # noqa: ANN401 -- tenacity's state of a call
        """Seconds until the next attempt: doubling, or no more than the server asks for; jitter keeps threads apart."""
        fault: Passing = state.outcome.exception()
        jitter = secrets.SystemRandom().uniform(0.5, 1.0)
        with self._lock:
            self._usage = self._usage.model_copy(update={"retries": self._usage.retries + 1})
            if fault.retry_after is not None:  # kept in `_opened`: the key is to rest, not only this thread
                self._rest_until = max(self._rest_until, time.monotonic() + fault.retry_after)
                return jitter * self.settings.first_wait_s
        return jitter * min(self.settings.max_wait_s, self.settings.first_wait_s * 2 ** (state.attempt_number - 1))

    def _reply(self, request: dict[str, Any]) -> Reply:
        with self._opened(request) as response:
            until = time.monotonic() + self.settings.timeout_s
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if time.monotonic() > until or len(data) > LARGEST_REPLY:
                    raise Passing("did not finish an answer in time, or sent too much")
        return read_reply(bytes(data))

    def _pieces(self, request: dict[str, Any]) -> Generator[str]:
        counts: Counts | None = None
        parts: list[str] = []
        ended = False
        try:
            with self._opened(request) as response:
                for event in read_events(response.iter_bytes()):
                    counts = event.usage or counts
                    for choice in event.choices[:1]:
                        ended = ended or choice.finish_reason is not None
                        if choice.delta.content:
                            parts.append(choice.delta.content)
                            yield choice.delta.content
            if not ended:
                raise Passing("ended an answer without saying why")
        finally:
            if parts:
                self._count(request, "".join(parts), counts)

    @contextlib.contextmanager
    def _opened(self, request: dict[str, Any]) -> "Generator[httpx.Response]":
        """A request under way, checked for its status; what goes wrong on the line becomes `Passing`."""
        import httpx

        body = body_of(request)
        time.sleep(max(0.0, self._rest_until - time.monotonic()))
        try:
            with self._client.stream("POST", "chat/completions", content=body) as response:
                if not response.is_success:
                    raise _fault(response, self.settings)
                yield response
        except httpx.TimeoutException:
            raise Passing(f"said nothing for {self.settings.timeout_s:g} s") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Passing(f"cannot be reached or broke off ({type(error).__name__})") from None


def _fault(response: "httpx.Response", settings: OpenAISettings) -> ClinForgeError | Passing:
    """What a refusal means: to wait, to correct a setting, or to leave this text out."""
    status, where, code = response.status_code, settings.base_url, refusal_code(response)
    told = f"{status}, {code}" if code else str(status)
    if code == "insufficient_quota":
        return UserError(f"{where}: the account behind the key has no quota left ({told}).")
    if status in _BUSY or status >= 500:
        return Passing(f"answered {told}", retry_after(response.headers))
    if status in _KEY_REFUSED:
        hint = f"Check the key in {settings.key_variable}." if settings.key_variable else "Set key_variable."
        return ConfigError(f"{where} refused the key ({told}).", hint=hint)
    if status in _NOT_THERE:
        return ConfigError(f"{where} does not offer '{settings.model}' ({told}).", hint="Check base_url and model.")
    return InputError(f"{where} refused a request ({told}).", hint="Is its text too long for the model?")


def _client(settings: OpenAISettings) -> "httpx.Client":
    try:
        import httpx
    except ImportError:
        raise MissingError("httpx is not installed.", hint="pip install 'clinforge[data]'") from None
    headers = {"User-Agent": f"clinforge/{__version__}", "Content-Type": "application/json"}
    if settings.key_variable:
        headers["Authorization"] = f"Bearer {_key(settings.key_variable)}"
    return httpx.Client(
        base_url=settings.base_url,
        headers=headers,
        timeout=httpx.Timeout(settings.timeout_s, connect=min(10.0, settings.timeout_s), pool=None),
        limits=httpx.Limits(max_connections=settings.concurrency),  # and who finds none free waits, see pool above
        trust_env=urlsplit(settings.base_url).hostname not in _LOOPBACK,
    )


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(f"The environment variable {variable} is not set.", hint=f"export {variable}=...")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(f"What {variable} holds is not a key: it has spaces or unusual characters.")
    return key
