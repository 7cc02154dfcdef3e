"""A whole run in under a minute: the real pipeline on a random two-layer model and a handful of samples."""

from pathlib import Path

from clinforge.config import parse
from clinforge.recipe import Recipe

TASKS = [
    {"kind": "organ_system", "num_train": 32, "num_validation": 8, "num_test": 20},
    {"kind": "department", "num_train": 32, "num_validation": 8, "num_test": 20, "num_departments": 6},
    {"kind": "diagnosis", "lang": "en", "num_train": 10, "num_diseases": 10, "num_validation": 2, "num_test": 4},
    {"kind": "diagnosis", "lang": "zh", "num_train": 10, "num_diseases": 10, "num_validation": 2, "num_test": 4},
    {"kind": "advice", "lang": "en", "num_train": 4, "num_validation": 1, "num_test": 1},
]


def small_recipe(base: Path, output: Path, **changes: object) -> Recipe:
    """A recipe that runs every stage quickly."""
    tree = {
        "name": "small",
        "output": str(output),
        "model": {"base": str(base)},
        "data": {"tasks": TASKS},
        "train": {"method": {"kind": "lora", "rank": 4}, "epochs": 1, "save_every_steps": 1, "precision": "fp32"},
        "evaluate": {"free_text_items": 1, "max_new_tokens": 4, "resamples": 200},
        "optimise": {"parity_prompts": 2, "parity_tokens": 2},
        **changes,
    }
    return parse(Recipe, tree, origin="small")


class Silent:
    """A progress display that remembers what each stage came to."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.details: list[tuple[str, str, int]] = []
        self._stage = ""

    def start(self, stage: str) -> None:
        self._stage = stage

    def __call__(self, detail: str, done: int, total: int) -> None:
        self.details.append((self._stage, detail, done))

    def finish(self, outcome: str) -> None:
        self.outcomes[self._stage] = outcome
