"""Render a conversation to the exact text a model is given.

Training and serving both call `render`, so what the model was taught and what it is asked are the same bytes.
The chat template is the model's own Jinja file, run in the sandbox and with the settings Hugging Face uses
(`transformers.utils.chat_template_utils`), so the text equals `tokenizer.apply_chat_template(..., tokenize=False)`.
"""

import json
from functools import cache
from pathlib import Path

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clinforge.errors import InputError
from clinforge.records import Conversation

TEMPLATE_FILE = "chat_template.jinja"

PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['content'] }}\n"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)
"""For base models that ship no chat template: turns separated by line breaks."""


class ChatTemplate:
    """A model's chat template with the special tokens it names."""

    def __init__(self, source: str, special_tokens: dict[str, str]) -> None:
        self.source = source
        self.special_tokens = special_tokens
        self._template = _compile(source)

    @classmethod
    def load(cls, folder: Path) -> "ChatTemplate":
        """Read the template of a Hugging Face model folder."""
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        path = folder / TEMPLATE_FILE
        source = path.read_text(encoding="utf-8") if path.is_file() else config.get("chat_template") or PLAIN_TEMPLATE
        names = ("bos_token", "eos_token", "unk_token", "pad_token")
        special = {name: _token_text(config[name]) for name in names if config.get(name)}
        return cls(source, special)

    def render(self, conversation: Conversation, *, answer_next: bool = True) -> str:
        """The text of a conversation; with `answer_next` it ends where the assistant's answer begins."""
        if not conversation:
            raise InputError("A conversation needs at least one message.")
        messages = [message.model_dump() for message in conversation]
        return self._template.render(messages=messages, add_generation_prompt=answer_next, **self.special_tokens)


@cache
def _compile(source: str) -> jinja2.Template:
    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    return environment.from_string(source, globals={"raise_exception": raise_exception})


def _token_text(token: str | dict[str, str]) -> str:
    return token if isinstance(token, str) else token["content"]
