"""Named-field prompts: how a question is put to the model, in training and in serving alike.

The wording lives in `prompts.toml`. A prompt marked `use = "test"` never appears in training, so that a score on it
cannot come from having memorised the wording.
"""

import string
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from clinforge.errors import InputError
from clinforge.records import Conversation, Lang, Message, Record


class Prompt(Record):
    """One wording of one task in one language."""

    id: str
    task: str
    lang: Lang
    use: Literal["train", "test"]
    system: str
    """The role prompt."""
    text: str
    """The user's turn, with `{field}` places."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the places to fill, in order of appearance."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(self.text) if name)

    def render(self, **values: str) -> Conversation:
        """Fill the places; a missing or unknown field raises, naming it."""
        if set(values) != set(self.fields):
            wrong = sorted(set(values) ^ set(self.fields))
            raise InputError(f"Prompt '{self.id}' takes the fields {list(self.fields)}; wrong or missing: {wrong}.")
        return (
            Message(role="system", content=self.system),
            Message(role="user", content=self.text.format(**values)),
        )


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.model") / "prompts.toml").read_text(encoding="utf-8"))


def not_given(lang: Lang) -> str:
    """What stands in a field that nothing is known about."""
    return _read()["not_given"][lang]


def role_message(lang: Lang) -> Message:
    """The role prompt as a system turn."""
    return Message(role="system", content=_read()["role"][lang])


@cache
def all_prompts() -> dict[str, Prompt]:
    """Every prompt that ships with the package, by id."""
    table = _read()
    roles: dict[str, str] = table["role"]
    prompts = [Prompt(system=roles[row["lang"]], **row) for row in table["prompt"]]
    return {prompt.id: prompt for prompt in prompts}


def prompts_for(task: str, lang: Lang, use: Literal["train", "test"]) -> list[Prompt]:
    """The wordings of a task; InputError when there is none."""
    found = [p for p in all_prompts().values() if (p.task, p.lang, p.use) == (task, lang, use)]
    if not found:
        raise InputError(f"No {use} prompt for task '{task}' in '{lang}' (see clinforge/model/prompts.toml).")
    return found
