"""The training loop: steps, validation, early stop, best checkpoint, exact resume.

The loss of a step is the mean over the supervised tokens of its whole global batch, however many trees it is cut into
(the sum over trees is divided by the batch's token count before the backward pass), so gradient accumulation equals one
big batch.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from clinforge.errors import StageError
from clinforge.model.device import NumberFormat, mixed_precision
from clinforge.model.tree_attention import plain_inputs, takes_trees, tree_inputs
from clinforge.train.batches import Batch, TokenisedSample, epoch_order, lay_out
from clinforge.train.settings import TrainSettings

Log = Callable[[dict[str, float]], None]
Progress = Callable[[str, int, int], None]
STATE_FILE = "state.pt"


@dataclass(slots=True)
class State:
    """Where a run stands, apart from the tensors: all that decides what happens next."""

    step: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    stale_evaluations: int = 0
    computed_tokens: int = 0
    separate_tokens: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


class Loop:
    """Trains the trainable parameters of a model; `run` starts or continues.

    `folder` keeps the resumable state. After `run`, the model holds the weights with the lowest validation loss.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 -- a PeftModel
        device: str,
        precision: NumberFormat,
        settings: TrainSettings,
        folder: Path,
    ) -> None:
        self.model = model
        self.device = device
        self.settings = settings
        self.folder = folder
        self.precision: NumberFormat = precision
        self.state = State()
        self.max_tree_tokens = settings.max_tree_tokens if takes_trees(model) else 0
        self.parameters: dict[str, torch.nn.Parameter] = {
            name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad
        }
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.best: dict[str, torch.Tensor] = self._weights()

    def run(
        self,
        train: Sequence[TokenisedSample],
        validation: Sequence[TokenisedSample],
        log: Log,
        progress: Progress,
    ) -> State:
        """Train to the end, or until the validation loss has stopped falling."""
        per_epoch = len(epoch_order(train, self.settings.global_batch_size, seed=0))
        total = per_epoch * self.settings.epochs
        every = max(1, per_epoch // self.settings.evaluations_per_epoch)
        self._restore()
        order: list[list[TokenisedSample]] = []
        while self.state.step < total and self.state.stale_evaluations < self.settings.patience:
            epoch, within = divmod(self.state.step, per_epoch)
            if within == 0 or not order:
                order = epoch_order(train, self.settings.global_batch_size, self.settings.seed + epoch)
            loss = self._step(order[within], total)
            log({"step": self.state.step, "loss": loss, "learning_rate": self._learning_rate(total)})
            progress(f"loss {loss:.3f}", self.state.step, total)
            if self.state.step % every == 0 or self.state.step == total:
                log({"step": self.state.step, "validation_loss": self._validate(validation)})
            if self.state.step % self.settings.save_every_steps == 0:
                self._save()
        self._save()
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.best[name])
        return self.state

    def _step(self, samples: Sequence[TokenisedSample], total: int) -> float:
        started = time.monotonic()
        batches = lay_out(samples, self.max_tree_tokens)
        supervised = sum(len(batch.targets) for batch in batches)
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate(total)
        self.model.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss_sum = 0.0
        for batch in batches:
            loss = self._loss_sum(batch) / supervised
            loss.backward()
            loss_sum += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.settings.max_grad_norm)
        if not math.isfinite(loss_sum) or not torch.isfinite(norm):
            raise StageError(
                f"Loss or gradient is not finite at step {self.state.step + 1}. Samples of the batch: "
                + ", ".join(sample.id for sample in samples)
            )
        self.optimiser.step()
        self.state.step += 1
        self.state.computed_tokens += sum(len(batch.tree) for batch in batches)
        self.state.separate_tokens += sum(batch.num_separate_tokens for batch in batches)
        self.state.seconds += time.monotonic() - started
        self.state.history.append({"step": self.state.step, "loss": loss_sum})
        return loss_sum

    def _loss_sum(self, batch: Batch) -> torch.Tensor:
        """Summed cross-entropy (nats) of a tree's targets; logits exist only where something is predicted."""
        kept = sorted(set(batch.sources))
        row_of = {node: row for row, node in enumerate(kept)}
        inputs = tree_inputs(batch.tree, self.device) if self.max_tree_tokens else plain_inputs(batch.tree, self.device)
        with mixed_precision(self.device, self.precision):
            logits = self.model(**inputs, logits_to_keep=torch.tensor(kept, device=self.device)).logits[0]
        log_probabilities = torch.log_softmax(logits.float(), dim=-1)
        rows = [row_of[node] for node in batch.sources]
        return -log_probabilities[rows, list(batch.targets)].sum()

    @torch.no_grad()
    def _validate(self, samples: Sequence[TokenisedSample]) -> float:
        """Mean loss per supervised token over the validation split; keeps the weights when it is the lowest yet."""
        self.model.eval()
        ordered = sorted(samples, key=lambda sample: sample.group)
        batches = lay_out(ordered, self.max_tree_tokens)
        supervised = sum(len(batch.targets) for batch in batches)
        loss = sum(self._loss_sum(batch).item() for batch in batches) / supervised
        if loss < self.state.best_loss:
            self.state.best_loss, self.state.best_step, self.state.stale_evaluations = loss, self.state.step, 0
            self.best = self._weights()
        else:
            self.state.stale_evaluations += 1
        self.state.history.append({"step": self.state.step, "validation_loss": loss})
        return loss

    def _learning_rate(self, total: int) -> float:
        """Linear warm-up, then a cosine down to zero."""
        warmup = max(1, round(total * self.settings.warmup_ratio))
        if self.state.step < warmup:
            return self.settings.learning_rate * (self.state.step + 1) / warmup
        share = (self.state.step - warmup) / max(1, total - warmup)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    def _save(self) -> None:
        """Write everything the next step depends on, so that a killed run continues to the same loss."""
        temporary = self.folder / (STATE_FILE + ".partial")
        torch.save(
            {
                "state": asdict(self.state),
                "weights": self._weights(),
                "best": self.best,
                "optimiser": self.optimiser.state_dict(),
                "generator": torch.get_rng_state(),
            },
            temporary,
        )
        temporary.replace(self.folder / STATE_FILE)

    def _restore(self) -> None:
        path = self.folder / STATE_FILE
        if not path.is_file():
            return
        saved = torch.load(path, map_location=self.device, weights_only=True)
        self.state = State(**saved["state"])
        self.best = saved["best"]
        self.optimiser.load_state_dict(saved["optimiser"])
        torch.set_rng_state(saved["generator"].cpu())
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(saved["weights"][name])
