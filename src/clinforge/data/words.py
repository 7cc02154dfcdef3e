"""Word lists that decide what counts as the same word; the lists stand in `words.toml`."""

import tomllib
from functools import cache
from importlib.resources import files


@cache
def _table() -> dict[str, str]:
    return tomllib.loads((files("clinforge.data") / "words.toml").read_text(encoding="utf-8"))


@cache
def generic_en() -> frozenset[str]:
    """English words that give no option away."""
    return frozenset(_table()["generic_en"].split())


@cache
def generic_zh() -> frozenset[str]:
    """Chinese characters that give no option away."""
    return frozenset(_table()["generic_zh"])


@cache
def modifiers_en() -> frozenset[str]:
    """English words that do not make two findings related."""
    return frozenset(_table()["modifiers_en"].split())


@cache
def types_en() -> frozenset[str]:
    """English words that tell the types of one disease apart."""
    return frozenset(_table()["types_en"].split())


@cache
def types_zh() -> frozenset[str]:
    """Chinese characters that do so before 型."""
    return frozenset(_table()["types_zh"])
