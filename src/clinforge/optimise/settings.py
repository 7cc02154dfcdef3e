"""Settings of the export. Importing this never imports torch."""

from typing import Literal

from pydantic import Field

from clinforge.config import Settings


class OptimiseSettings(Settings):
    """What is exported and how closely the exports must agree."""

    gguf_type: Literal["f32", "f16", "bf16", "q8_0"] = "f16"
    """Number format of the base model's GGUF; the adapter's stays f32."""
    parity_prompts: int = Field(default=12, ge=1)
    """Test prompts on which the exports are compared."""
    parity_tokens: int = Field(default=8, ge=1, le=64)
    """Tokens of greedy answer compared for each prompt."""
    merged_tolerance: float = Field(default=1e-3, gt=0)
    """Largest allowed difference of next-token log-probability (nats), merged model against adapter."""
    gguf_tolerance: float = Field(default=0.05, gt=0)
    """The same for GGUF against adapter."""
