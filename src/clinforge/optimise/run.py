"""The story of the export stage."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from clinforge.artifacts import write_json
from clinforge.errors import StageError
from clinforge.model.llama_cpp import LlamaCppEngine
from clinforge.model.template import TEMPLATE_FILE, ChatTemplate
from clinforge.model.transformers import ChatTokenizer, load_merged
from clinforge.optimise.gguf import adapter_to_gguf, base_to_gguf
from clinforge.optimise.parity import Agreement, compare, greedy_paths, load_adapter, read_llama_cpp, read_transformers
from clinforge.optimise.settings import OptimiseSettings
from clinforge.records import Conversation

Progress = Callable[[str, int, int], None]
PARITY_FILE = "parity.json"


def export(
    base: Path,
    adapter: Path,
    prompts: Sequence[Conversation],
    settings: OptimiseSettings,
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Write adapter, merged model and GGUF files to `folder`, and refuse to finish if they do not agree."""
    progress("adapter", 0, 5)
    shutil.copytree(adapter, folder / "adapter", ignore=shutil.ignore_patterns("tensorboard", "*.log", "*.partial"))
    for name in (TEMPLATE_FILE, "tokenizer_config.json"):
        shutil.copyfile(adapter / name, folder / name)
    progress("merged model", 1, 5)
    tokens = ChatTokenizer(base)
    merged = load_merged(base, adapter)
    merged.save_pretrained(folder / "merged")
    tokens.tokenizer.save_pretrained(folder / "merged")
    progress("GGUF", 2, 5)
    base_to_gguf(base, settings.gguf_type, folder / "base.gguf")
    adapter_to_gguf(adapter, base, folder / "adapter.gguf")
    progress("do they agree?", 3, 5)
    paths = greedy_paths(
        load_adapter(base, adapter), tokens, prompts[: settings.parity_prompts], settings.parity_tokens
    )
    agreements = [compare("merged", read_transformers(merged), paths, settings.merged_tolerance)]
    progress("do they agree?", 4, 5)
    engine = LlamaCppEngine(folder / "base.gguf", ChatTemplate.load(folder), {"adapter": folder / "adapter.gguf"})
    agreements.append(compare("gguf", read_llama_cpp(engine.model("adapter")), paths, settings.gguf_tolerance))
    progress("export", 5, 5)
    _refuse_disagreement(agreements)
    parity = [agreement.model_dump() for agreement in agreements]
    write_json(folder / PARITY_FILE, parity)
    return {"parity": parity}


def _refuse_disagreement(agreements: Sequence[Agreement]) -> None:
    wrong = [agreement for agreement in agreements if not agreement.agrees]
    if wrong:
        raise StageError(
            "Exported forms differ from the trained adapter: "
            + "; ".join(
                f"{found.form}: log-probability differs by {found.max_difference:.4f} nats, {found.tolerance} allowed"
                for found in wrong
            )
        )
