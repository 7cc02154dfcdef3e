"""Settings of the training stage. Importing this never imports torch."""

from typing import Literal

from pydantic import Field

from clinforge.config import Settings
from clinforge.model.device import Precision


class LoRASettings(Settings):
    """Low-rank adaptation (Hu et al. 2021, arXiv:2106.09685) through PEFT.

    Question answering does well with rank 8-16, writing whole records with 32-64.
    """

    kind: Literal["lora"] = "lora"
    rank: int = Field(default=16, ge=1, le=512)
    alpha: int | None = Field(default=None, ge=1)
    """Scale of the update is alpha / rank; left out, alpha is twice the rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Layers that get an adapter: all linear layers but the output head, or names."""
    use_rslora: bool = False
    """Scale by alpha / sqrt(rank) (rank-stabilised LoRA)."""
    use_dora: bool = False
    """Weight-decomposed LoRA: slower, sometimes better at low rank."""


class TrainSettings(Settings):
    """How an adapter is trained."""

    method: LoRASettings = LoRASettings()
    learning_rate: float = Field(default=5e-4, gt=0, le=1)
    epochs: int = Field(default=2, ge=1)
    global_batch_size: int = Field(default=16, ge=1)
    """Samples per optimiser step; split into as many trees as `max_tree_tokens` needs."""
    max_tree_tokens: int = Field(default=1024, ge=64)
    """Tokens per forward pass, shared prefixes counted once. Bounds the memory of a step."""
    max_seq_length: int = Field(default=512, ge=16)
    """Longest sample, in tokens of prompt and answer."""
    on_overlength: Literal["error", "drop"] = "error"
    """What happens to a sample longer than `max_seq_length`; an answer is never cut."""
    warmup_ratio: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    evaluations_per_epoch: int = Field(default=2, ge=1)
    """How often the validation loss is taken."""
    patience: int = Field(default=3, ge=1)
    """Stop after this many evaluations without a lower validation loss."""
    save_every_steps: int = Field(default=10, ge=1)
    """A killed run loses at most this many steps."""
    precision: Precision = "auto"
    seed: int = 17
