"""Dataset + base model -> Checkpoint (a PEFT adapter with everything needed to repeat it).

    samples ─▶ preflight ─▶ batches (shared prefixes as trees) ─▶ loop ─▶ best adapter
"""

from clinforge.train.settings import LoRASettings, TrainSettings

__all__ = ["LoRASettings", "TrainSettings"]
