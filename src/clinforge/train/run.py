"""The story of the training stage."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from clinforge.model.device import pick_device, pick_precision
from clinforge.model.template import TEMPLATE_FILE
from clinforge.model.transformers import ChatTokenizer
from clinforge.records import Sample
from clinforge.train.loop import STATE_FILE, Loop, Progress, State
from clinforge.train.methods import lora
from clinforge.train.plot import plot_loss
from clinforge.train.preflight import preflight
from clinforge.train.settings import TrainSettings

LOG_FILE = "trainer_log.jsonl"
STATE_JSON = "trainer_state.json"


def train(
    base: Path, samples: Sequence[Sample], settings: TrainSettings, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Train an adapter on the train split and write it to `folder` in PEFT's form; returns figures for the manifest.

    Called again on a folder that holds the state of a killed run, it continues from there.
    """
    transformers_logging.set_verbosity_error()
    tokens = ChatTokenizer(base)
    splits = {
        split: preflight([sample for sample in samples if sample.split == split], tokens, settings)
        for split in ("train", "validation")
    }
    device = pick_device()
    precision = pick_precision(settings.precision, device)
    model = lora.build(base, str(base), settings.method, seed=settings.seed, device=device, precision=precision)
    loop = Loop(model, device, precision, settings, folder)
    with Tracker(folder) as tracker:
        state = loop.run(splits["train"][0], splits["validation"][0], tracker.log, progress)
    _save_adapter(model, tokens, folder)
    return _leave(state, loop, folder) | {"preflight": {split: figures for split, (_, figures) in splits.items()}}


def shuffle_answers(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """Give each training sample of a task another one's answer: the control that shows what format alone brings.

    Answers keep their frequencies. Validation and test samples stay as they are.
    """
    rng = random.Random(seed)  # noqa: S311 -- a control group, not a secret
    by_task: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sample in samples:
        if sample.split == "train":
            by_task[sample.task, sample.lang].append(sample.answer)
    for answers in by_task.values():
        rng.shuffle(answers)
    return [
        sample.model_copy(update={"answer": by_task[sample.task, sample.lang].pop()})
        if sample.split == "train"
        else sample
        for sample in samples
    ]


class Tracker:
    """Writes every figure to `trainer_log.jsonl` and to TensorBoard files under `tensorboard/`."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._file = (folder / LOG_FILE).open("a", encoding="utf-8")
        self._board: Any = SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._board.close()

    def log(self, figures: dict[str, float]) -> None:
        """Record figures of one step; `step` is among them."""
        self._file.write(json.dumps(figures) + "\n")
        self._file.flush()
        for name, value in figures.items():
            if name != "step":
                self._board.add_scalar(f"train/{name}", value, int(figures["step"]))


def _save_adapter(model: Any, tokens: ChatTokenizer, folder: Path) -> None:  # noqa: ANN401 -- a PeftModel
    model.save_pretrained(folder)
    # PEFT writes a model card of placeholders; ours is written from evidence by the release stage.
    (folder / "README.md").unlink(missing_ok=True)
    tokens.tokenizer.save_pretrained(folder)
    (folder / TEMPLATE_FILE).write_text(tokens.template.source, encoding="utf-8")


def _leave(state: State, loop: Loop, folder: Path) -> dict[str, Any]:
    (folder / STATE_FILE).unlink()
    figures = {
        "steps": state.step,
        "best_step": state.best_step,
        "best_validation_loss": state.best_loss,
        "final_train_loss": [row["loss"] for row in state.history if "loss" in row][-1],
        "computed_tokens": state.computed_tokens,
        "separate_tokens": state.separate_tokens,
        "seconds": round(state.seconds, 1),
        "precision": loop.precision,
        "device": loop.device,
        "trainable_parameters": sum(parameter.numel() for parameter in loop.parameters.values()),
    }
    (folder / STATE_JSON).write_text(json.dumps({**figures, "history": state.history}, indent=1), encoding="utf-8")
    plot_loss(state.history, folder / "training_loss.png")
    return figures
