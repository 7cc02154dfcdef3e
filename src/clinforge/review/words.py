"""The words of the review page in both languages, from words.toml."""

import tomllib
from functools import cache
from importlib.resources import files


@cache
def page_words() -> dict[str, dict[str, dict[str, str]]]:
    """Section -> key -> language -> text."""
    return tomllib.loads((files("clinforge.review") / "words.toml").read_text(encoding="utf-8"))
