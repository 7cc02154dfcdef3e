"""Checkpoint -> Bundle: the adapter, the merged model and GGUF files, shown to agree.

    adapter ─┬▶ merged/       (Hugging Face folder)        ┐
             ├▶ adapter.gguf, base.gguf (llama.cpp)        ├▶ parity.json
             └▶ adapter/      (PEFT, as trained)           ┘
"""

from clinforge.optimise.settings import OptimiseSettings

__all__ = ["OptimiseSettings"]
