"""Low-rank adapters through PEFT."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForCausalLM

from clinforge.train.settings import LoRASettings


def build(base: Path, base_name: str, settings: LoRASettings, *, seed: int) -> Any:  # noqa: ANN401 -- a PeftModel
    """Load a base model in float32 and add trainable adapters, initialised from the seed."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(seed)
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        base_model_name_or_path=base_name,
        r=settings.rank,
        lora_alpha=settings.alpha or 2 * settings.rank,
        lora_dropout=settings.dropout,
        target_modules=settings.target_modules
        if isinstance(settings.target_modules, str)
        else list(settings.target_modules),
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
    )
    return get_peft_model(model, config)
