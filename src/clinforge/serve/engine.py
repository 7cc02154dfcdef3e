"""The models of a bundle behind one counter: who may come in, what they may choose from, and whether all is well."""

import contextlib
import json
import math
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from clinforge.artifacts import MANIFEST
from clinforge.errors import InputError, MissingError, StageError
from clinforge.model.base import Sampling, TextModel
from clinforge.records import Completion, Conversation, Lang, Record
from clinforge.serve.settings import ServeSettings

Choice = tuple[str, float | None]


class Labels(Record):
    """What /diagnose chooses from, in one language."""

    diagnoses: dict[str, str]
    """Disease -> department."""
    departments: tuple[str, ...] = ()
    """Departments that the model was taught to choose from; empty when it was not."""


@runtime_checkable
class Chooser(Protocol):
    """A model that can be held to a list of answers."""

    def choose(self, conversation: Conversation, options: Sequence[str], count: int = 1) -> list[Choice]:
        """The best `count` options, best first."""
        ...


@runtime_checkable
class Counter(Protocol):
    """A model whose stream ends with its counts."""

    def stream_completion(self, conversation: Conversation, sampling: Sampling) -> Iterator[str | Completion]:
        """Pieces, and at last the completion."""
        ...


class Engine:
    """Models by name, the first being the default. With no models every question is refused with a StageError."""

    def __init__(self, models: Mapping[str, TextModel], labels: Mapping[Lang, Labels], places: int = 18) -> None:
        self.models = dict(models)
        self.labels = dict(labels)
        self.ready = bool(self.models)
        """Whether the last question was answered."""
        self._places = places
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def default(self) -> str:
        """Name of the model that answers when none is named."""
        return next(iter(self.models), "none")

    def stream(self, model: str, conversation: Conversation, sampling: Sampling) -> Iterator[str | Completion]:
        """Pieces of an answer and at last the completion; closing the iterator stops the work."""
        with self._place():
            for piece in _counted(self._model(model), conversation, sampling):
                self.ready = True
                yield piece

    def choose(self, model: str, conversation: Conversation, options: Sequence[str], count: int) -> list[Choice]:
        """The best options, best first, with the probability the model gives them where it can tell."""
        with self._place():
            chosen_by = self._model(model)
            if isinstance(chosen_by, Chooser):
                return chosen_by.choose(conversation, options, count)
            logprobs = chosen_by.score([conversation], [options])[0].logprobs
            total = sum(math.exp(value - max(logprobs)) for value in logprobs)
            weights = [math.exp(value - max(logprobs)) / total for value in logprobs]
            ranked = sorted(zip(options, weights, strict=True), key=lambda choice: -choice[1])
            return cast("list[Choice]", ranked[:count])

    def _model(self, name: str) -> TextModel:
        if not self.models:
            raise StageError("No model is loaded.")
        return self.models[name]

    @contextlib.contextmanager
    def _place(self) -> Generator[None]:
        with self._lock:
            if self._taken >= self._places:
                raise StageError("Too many requests are waiting.")
            self._taken += 1
        try:
            yield
            self.ready = True
        except StageError:
            self.ready = False
            raise
        finally:
            with self._lock:
                self._taken -= 1


def find_bundle(path: Path) -> Path:
    """The bundle of a run folder, or the folder itself when it is one."""
    for folder in (path / "bundle", path):
        if (folder / MANIFEST).is_file() and (folder / "base.gguf").is_file():
            return folder
    raise MissingError(f"No finished bundle at {path}.", hint="Make one first: clinforge run recipes/quickstart.yaml")


def read_labels(bundle: Path) -> dict[Lang, Labels]:
    """The labels of a bundle; InputError when the file is not what it should be."""
    path = bundle / "labels.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return {lang: Labels.model_validate(row) for lang, row in table.items()}
    except ValueError:
        raise InputError(f"{path} is not a table of labels.", hint="Make the bundle again.") from None


def load_engine(bundle: Path, settings: ServeSettings) -> Engine:
    """Load a bundle's adapter and base; an engine without models when they do not load, so that triage serves."""
    from clinforge.model.llama_cpp import LlamaCppEngine, LlamaCppSettings
    from clinforge.model.template import ChatTemplate

    adapter = bundle / "adapter.gguf"
    engine_settings = LlamaCppSettings(
        context=settings.context, slots=settings.slots, threads=settings.threads, timeout_s=settings.timeout_s
    )
    labels = read_labels(bundle)
    try:
        engine = LlamaCppEngine(
            bundle / "base.gguf",
            ChatTemplate.load(bundle),
            {"clinforge": adapter} if adapter.is_file() else {},
            engine_settings,
        )
    except StageError:
        return Engine({}, labels)
    models = {name: engine.model(name) for name in engine.adapters} | {"base": engine.model(None)}
    return Engine(models, labels, places=settings.slots + settings.queue)


def _counted(model: TextModel, conversation: Conversation, sampling: Sampling) -> Iterator[str | Completion]:
    if isinstance(model, Counter):
        yield from model.stream_completion(conversation, sampling)
        return
    pieces: list[str] = []
    for piece in model.stream(conversation, sampling):
        pieces.append(piece)
        yield piece
    text = "".join(pieces)
    reason = "length" if len(pieces) >= sampling.max_new_tokens else "stop"
    prompt_tokens = sum(len(message.content) for message in conversation)
    yield Completion(text=text, finish_reason=reason, prompt_tokens=prompt_tokens, completion_tokens=len(pieces))
