"""A dataset's samples in the layouts that other trainers read. Ids go along, so that a row can be traced back."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from clinforge.data.split import SPLITS
from clinforge.errors import InputError
from clinforge.records import Sample, Split, read_jsonl

Form = Literal["messages", "sharegpt", "alpaca", "prompt_completion"]
_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}


def export(dataset: Path, folder: Path, form: Form, split: Split | Literal["all"] = "all") -> dict[str, int]:
    """Write `SPLIT.jsonl` files and LLaMA-Factory's `dataset_info.json`; returns rows by file.

    Raises InputError where the folder exists, or where a sample has turns that the layout cannot hold.
    """
    if folder.exists():
        raise InputError(f"{folder} exists already.", hint="Name a folder that does not.")
    wanted = SPLITS if split == "all" else (split,)
    rows = {f"{name}.jsonl": [_ROW[form](sample) for sample in _samples(dataset, name)] for name in wanted}
    folder.mkdir(parents=True)
    for name, content in rows.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        (folder / name).write_text(text, encoding="utf-8")
    info = {f"clinforge_{Path(name).stem}": {"file_name": name, **_INFO[form]} for name in rows}
    if form != "prompt_completion":
        (folder / "dataset_info.json").write_text(json.dumps(info, indent=1), encoding="utf-8")
    return {name: len(content) for name, content in rows.items()}


def _samples(dataset: Path, split: str) -> list[Sample]:
    return list(read_jsonl(dataset / f"{split}.jsonl", Sample))


def _turns(sample: Sample) -> list[dict[str, str]]:
    return [*(turn.model_dump() for turn in sample.prompt), {"role": "assistant", "content": sample.answer}]


def _messages(sample: Sample) -> dict[str, Any]:
    return {"id": sample.id, "messages": _turns(sample)}


def _sharegpt(sample: Sample) -> dict[str, Any]:
    turns = [{"from": _SHAREGPT[turn["role"]], "value": turn["content"]} for turn in _turns(sample)]
    return {"id": sample.id, "conversations": turns}


def _alpaca(sample: Sample) -> dict[str, Any]:
    system = "\n".join(turn.content for turn in sample.prompt if turn.role == "system")
    *earlier, last = [turn for turn in sample.prompt if turn.role != "system"]
    if len(earlier) % 2 or any(
        turn.role != role for turn, role in zip(earlier, ("user", "assistant") * len(earlier), strict=False)
    ):
        raise InputError(
            f"Sample {sample.id}: its turns do not alternate, which alpaca needs.", hint="Use form=messages."
        )
    history = [[earlier[at].content, earlier[at + 1].content] for at in range(0, len(earlier), 2)]
    row = {"id": sample.id, "instruction": last.content, "input": "", "output": sample.answer, "system": system}
    return {**row, "history": history} if history else row


def _prompt_completion(sample: Sample) -> dict[str, Any]:
    *prompt, answer = _turns(sample)
    return {"id": sample.id, "prompt": prompt, "completion": [answer]}


_ROW: Mapping[Form, Callable[[Sample], dict[str, Any]]] = {
    "messages": _messages,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "prompt_completion": _prompt_completion,
}
_ROLES = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
_INFO: Mapping[Form, dict[str, Any]] = {
    "messages": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {**_ROLES, "system_tag": "system"},
    },
    "sharegpt": {"formatting": "sharegpt", "columns": {"messages": "conversations"}},
    "alpaca": {"columns": {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}},
    "prompt_completion": {},
}
