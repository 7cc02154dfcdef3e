"""GGUF models on llama.cpp, inside this process (`xllamacpp`): one base in memory, adapters chosen per request.

What the engine does by default and must not do here, each held by a test in tests/model/test_llama_cpp.py:
it reuses cached work of one adapter for another (`cache_ram_mib=0` prevents it; llama.cpp issue 26207); it applies all
adapters when a request names none (every request names all, zeros included); it takes unknown adapters and unbounded
lengths (checked here first); it raises on lone surrogates; it swallows exceptions of callbacks; it opens a port on
loopback (closed with a random key). Every request streams, because only a stream can be cancelled.
"""

import json
import math
import queue
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field

from clinforge.config import Settings
from clinforge.errors import InputError, MissingError, StageError
from clinforge.model.base import Sampling
from clinforge.model.template import ChatTemplate
from clinforge.records import Completion, Conversation, OptionScores

Event = dict[str, Any]


class LlamaCppSettings(Settings):
    """How the engine uses the machine."""

    context: int = Field(default=2048, ge=64)
    """Tokens of prompt and answer together, per request."""
    slots: int = Field(default=2, ge=1, le=64)
    """Requests worked on at the same time; more wait in line."""
    threads: int = Field(default=0, ge=0)
    """Processor threads; 0 leaves the choice to the engine."""
    gpu_layers: int = Field(default=0, ge=-1)
    """Layers on the accelerator, -1 for all; the PyPI wheel is for processors only."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Longest wait for the next piece of an answer."""


class LlamaCppEngine:
    """A base model with its adapters, loaded once. `model(adapter)` gives the `TextModel` of one of them."""

    def __init__(
        self,
        base: Path,
        template: ChatTemplate,
        adapters: Mapping[str, Path] | None = None,
        settings: LlamaCppSettings | None = None,
    ) -> None:
        self.settings = settings or LlamaCppSettings()
        self.template = template
        self.adapters = dict(adapters or {})
        for path in (base, *self.adapters.values()):
            if not path.is_file():
                raise MissingError(f"{path} is not there.", hint="Make the bundle first: clinforge run RECIPE")
        self._server = _start(base, list(self.adapters.values()), self.settings)
        self._adds_bos = self._count_tokens(template.special_tokens.get("bos_token", "")) > 1

    def model(self, adapter: str | None = None, name: str = "") -> "LlamaCppModel":
        """The base, or the base with one adapter, as a `TextModel`."""
        if adapter is not None and adapter not in self.adapters:
            raise InputError(f"No adapter '{adapter}'; there is {sorted(self.adapters)}.")
        return LlamaCppModel(self, adapter, name or adapter or "base")

    def prompt(self, conversation: Conversation) -> str:
        """The text of a conversation; special tokens that a person typed are broken up, so they stay plain text."""
        special = [token for token in self.template.special_tokens.values() if len(token) > 1]
        messages: list[Any] = []
        for message in conversation:
            content = message.content
            if not _is_text(content):
                raise InputError("The text holds half a character (a lone surrogate).", hint="Send valid Unicode.")
            for token in special:
                content = content.replace(token, f"{token[0]} {token[1:]}")
            messages.append(message.model_copy(update={"content": content}))
        text = self.template.render(tuple(messages))
        bos = self.template.special_tokens.get("bos_token", "")
        return text.removeprefix(bos) if self._adds_bos else text

    def request(self, adapter: str | None, prompt: str, sampling: Sampling) -> Event:
        """A request in the engine's words, with the scale of every adapter spelt out."""
        request: Event = {
            "prompt": prompt,
            "n_predict": min(sampling.max_new_tokens, self.settings.context),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop": list(sampling.stop),
            "lora": [{"id": number, "scale": float(name == adapter)} for number, name in enumerate(self.adapters)],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return request if sampling.seed is None else {**request, "seed": sampling.seed}

    def events(self, request: Event) -> Iterator[Event]:
        """The engine's events for a request, as they come. Closing the iterator stops the engine's work.

        Raises InputError when the engine refuses the request and StageError when it fails.
        """
        events: queue.SimpleQueue[Event | Exception | None] = queue.SimpleQueue()
        cancelled = threading.Event()

        def receive(event: Event) -> bool:
            events.put(event)
            return cancelled.is_set()

        def work() -> None:
            try:
                self._server.handle_completions(request, receive)
                events.put(None)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the waiting thread must learn of it
                events.put(error)

        threading.Thread(target=work, name="llama-cpp-request", daemon=True).start()
        try:
            while (event := self._next(events)) is not None:
                yield event
        finally:
            cancelled.set()

    def _next(self, events: "queue.SimpleQueue[Event | Exception | None]") -> Event | None:
        try:
            event = events.get(timeout=self.settings.timeout_s)
        except queue.Empty:
            raise StageError(f"The engine said nothing for {self.settings.timeout_s:g} s.") from None
        if isinstance(event, Exception):
            raise StageError(f"The engine failed: {type(event).__name__}.") from None
        if event is not None and "error" in event:
            raise _fault(event["error"])
        return event

    def whole(self, request: Event) -> Event:
        """The engine's answer in one piece, with log-probabilities of all tokens; only for short answers."""
        answer = cast("Event", self._server.handle_completions({**request, "stream": False}))
        if "error" in answer:
            raise _fault(answer["error"])
        return answer

    def _count_tokens(self, text: str) -> int:
        if not text:
            return 0
        answer = self.whole(self.request(None, text, Sampling(max_new_tokens=1)))
        return int(answer["usage"]["prompt_tokens"])


class LlamaCppModel:
    """One adapter of an engine (or its bare base) behind the `TextModel` door."""

    def __init__(self, engine: LlamaCppEngine, adapter: str | None, name: str) -> None:
        self.name = name
        self.adapter = adapter
        self._engine = engine

    def generate(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Completion]:
        """Answer each conversation, one after the other; callers in several threads share the engine's slots."""
        return [self._complete(conversation, sampling) for conversation in conversations]

    def stream(self, conversation: Conversation, sampling: Sampling) -> Iterator[str]:
        """Answer one conversation piece by piece."""
        for piece in self.stream_completion(conversation, sampling):
            if isinstance(piece, str):
                yield piece

    def stream_completion(self, conversation: Conversation, sampling: Sampling) -> Iterator[str | Completion]:
        """As `stream`, and at last the completion with its counts and why it ended."""
        request = self._engine.request(self.adapter, self._engine.prompt(conversation), sampling)
        pieces: list[str] = []
        held = ""
        for event in self._engine.events(request):
            choice = event["choices"][0]
            piece = held + choice["text"]
            held = "" if choice["finish_reason"] else piece[len(piece.rstrip("�")) :]
            piece = piece.rstrip("�") if held or choice["finish_reason"] else piece
            if piece:
                pieces.append(piece)
                yield piece
            if choice["finish_reason"]:
                yield _completion("".join(pieces), choice["finish_reason"], event["usage"])
                return
        raise StageError("The engine ended an answer without saying why.")

    def score(self, conversations: Sequence[Conversation], options: Sequence[Sequence[str]]) -> list[OptionScores]:  # noqa: ARG002
        """Not possible here: the engine does not report the log-probability of a given text. See `choose`."""
        raise StageError("The embedded engine cannot weigh given texts; use `choose`, or the transformers model.")

    def choose(
        self, conversation: Conversation, options: Sequence[str], count: int = 1
    ) -> list[tuple[str, float | None]]:
        """The `count` options the model would write, best first, each with the probability of writing just that.

        A grammar lets it write nothing but an option; it is asked again with what it wrote struck out. Each answer is
        greedy, so the likeliest option as a whole can be missed. The probability is over all texts, not only the
        options; None where the engine does not report it (characters made of several tokens), and then the order
        is that of asking.
        """
        prompt = self._engine.prompt(conversation)
        left = [option for option in dict.fromkeys(options) if option]
        longest = max((len(option.encode()) for option in left), default=0)
        sampling = Sampling(max_new_tokens=min(longest + 8, 8192))
        chosen: list[tuple[str, float | None]] = []
        while left and len(chosen) < count:
            request = self._engine.request(self.adapter, prompt, sampling)
            answer = self._engine.whole({**request, "grammar": _one_of(left), "n_probs": 1})
            text = answer["choices"][0]["text"]
            if text not in left:
                raise StageError("The engine wrote something that is not among the options.")
            left.remove(text)
            chosen.append((text, _probability(answer)))
        known = all(probability is not None for _, probability in chosen)
        return sorted(chosen, key=lambda choice: -(choice[1] or 0.0)) if known else chosen

    def next_logprobs(self, ids: Sequence[int], top: int = 20) -> dict[int, float]:
        """Log-probability (nats) of the `top` likeliest next tokens after token ids: what parity checks compare."""
        request = self._engine.request(self.adapter, "", Sampling(max_new_tokens=1))
        # The engine reports nothing for a token that is half a character or the end of the answer. The grammar makes it
        # write a plain letter instead; what is reported is the model's own distribution, before grammar and sampling.
        asked = {"prompt": list(ids), "logprobs": top, "grammar": 'root ::= "a"'}
        answer = self._engine.whole({**request, **asked})
        likeliest = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return {int(token["id"]): float(token["logprob"]) for token in likeliest}

    def _complete(self, conversation: Conversation, sampling: Sampling) -> Completion:
        *_, last = self.stream_completion(conversation, sampling)
        return cast("Completion", last)


def _start(base: Path, adapters: list[Path], settings: LlamaCppSettings) -> Any:  # noqa: ANN401 -- xllamacpp has no types
    try:
        import xllamacpp
    except ImportError:
        raise MissingError("xllamacpp is not installed.", hint="pip install 'clinforge[serve]'") from None
    engine = cast("Any", xllamacpp)
    params = engine.CommonParams()
    params.model.path = str(base)
    params.n_ctx = settings.context * settings.slots
    params.n_parallel = settings.slots
    params.n_gpu_layers = settings.gpu_layers
    if settings.threads:
        params.cpuparams.n_threads = settings.threads
        params.cpuparams_batch.n_threads = settings.threads
    params.cache_ram_mib = 0
    params.api_keys = [secrets.token_urlsafe(32)]
    params.endpoint_slots = False
    params.endpoint_props = False
    params.endpoint_metrics = False
    params.ui = False
    params.verbosity = 0
    params.lora_init_without_apply = True
    infos: list[Any] = []
    for path in adapters:
        info = engine.CommonAdapterLoraInfo()
        info.path, info.scale = str(path), 0.0
        infos.append(info)
    params.lora_adapters = infos
    try:
        return engine.Server(params)
    except RuntimeError:
        names = ", ".join(path.name for path in (base, *adapters))
        raise StageError(f"The engine cannot load {names}: a file is broken or they do not belong together.") from None


def _fault(error: Event) -> InputError | StageError:
    if error.get("type") == "exceed_context_size_error":
        return InputError(
            f"The conversation has {error['n_prompt_tokens']} tokens; there is room for {error['n_ctx']}.",
            hint="Start a new conversation, or serve with a larger context=.",
        )
    return StageError(f"The engine refused the request ({error.get('type', 'unknown')}).")


def _completion(text: str, reason: str, usage: Event) -> Completion:
    finish: Literal["stop", "length"] = "length" if reason == "length" else "stop"
    return Completion(
        text=text,
        finish_reason=finish,
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
    )


def _one_of(options: Sequence[str]) -> str:
    """A GBNF grammar that allows exactly the options."""
    return "root ::= " + " | ".join(json.dumps(option, ensure_ascii=False) for option in options)


def _probability(answer: Event) -> float | None:
    tokens = answer["choices"][0]["logprobs"]["content"]
    if len(tokens) < answer["usage"]["completion_tokens"]:
        return None
    return math.exp(sum(token["logprob"] for token in tokens))


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
