"""Low-rank adapters through PEFT."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, TaskType, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM

from clinforge.model.device import NumberFormat
from clinforge.model.tree_attention import enable_trees
from clinforge.train.methods.fused_lora import fuse
from clinforge.train.settings import LoRASettings


def build(
    base: Path, base_name: str, settings: LoRASettings, *, seed: int, device: str, precision: NumberFormat
) -> Any:  # noqa: ANN401 -- a PeftModel
    """Load a base model to a device and add trainable float32 adapters, initialised from the seed.

    The frozen weights are held in bf16 if steps are computed in it: a step then casts none of them.

    A model family that takes no token trees is left as it is; the loop then trains its samples one by one.
    """
    model: Any = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.bfloat16 if precision == "bf16" else torch.float32
    )
    enable_trees(model)
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
    adapted: Any = get_peft_model(model, config).to(device)
    if precision != "fp32":
        # Autocast picks each product's format; PEFT's own casts to the adapters' float32 would only be undone by it.
        for module in adapted.modules():
            if isinstance(module, LoraLayer):
                module.cast_input_dtype_enabled = False
    fuse(adapted)
    return adapted
