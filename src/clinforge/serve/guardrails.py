"""What is done around every answer, in this order: validate -> triage -> generate -> disclaimer and label.

Validation of single fields is in `schemas.py`; here are the limits that come from the settings, the triage of all that
a person said, and what is put on the answer. Covers red flags in what users write. Does not cover what the model
writes: its answers are labelled, not checked.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from clinforge.errors import InputError
from clinforge.records import Lang
from clinforge.safety.disclaimer import DISCLAIMERS, LABELS, footer, label_metadata
from clinforge.safety.triage import Triage, triage, triage_all
from clinforge.serve.settings import ServeSettings


def check_texts(texts: Sequence[str], settings: ServeSettings) -> None:
    """Refuse texts that are too long or too many, by position, never by content."""
    if len(texts) > settings.max_messages:
        raise InputError(f"There are {len(texts)} messages; the limit is {settings.max_messages}.")
    for number, text in enumerate(texts):
        if len(text) > settings.max_text_chars:
            raise InputError(f"Text {number} has {len(text)} characters; the limit is {settings.max_text_chars}.")


def triage_history(texts: Sequence[str]) -> Triage:
    """Judge all that a person said: each text, and all together, so that no later text takes back an emergency."""
    worst = triage_all([*texts, "\n".join(texts)] if len(texts) > 1 else texts)
    lang = triage(texts[-1]).lang
    ordered = dict(sorted(worst.advice.items(), key=lambda item: item[0] != lang))
    return worst.model_copy(update={"lang": lang, "advice": ordered})


def new_id(kind: str) -> str:
    """A fresh id of an answer."""
    return f"{kind}-{uuid.uuid4().hex}"


def ending(verdict: Triage) -> str:
    """What follows a model's answer: advice when something should be seen soon, the disclaimer and the label."""
    advice = f"\n\n{verdict.advice[verdict.lang]}" if verdict.advice and not verdict.emergency else ""
    return advice + footer(verdict.lang)


def emergency_answer(verdict: Triage) -> str:
    """The whole answer to an emergency, in both languages."""
    return verdict.advice_text + footer(verdict.lang)


def label_fields(verdict: Triage, answer_id: str, model: str, lang: Lang | None = None) -> dict[str, Any]:
    """The fields of `schemas.Labelled`."""
    lang = lang or verdict.lang
    return {
        "id": answer_id,
        "model": model,
        "emergency": verdict.emergency,
        "triage_level": verdict.level,
        "red_flags": list(verdict.rules),
        "advice": verdict.advice,
        "disclaimer": DISCLAIMERS[lang],
        "label": LABELS[lang],
    }


def metadata(verdict: Triage, answer_id: str, model: str) -> dict[str, Any]:
    """The metadata that goes with an answer in OpenAI's shape."""
    return {**label_metadata(answer_id, model), **label_fields(verdict, answer_id, model)}
