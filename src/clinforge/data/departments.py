"""One name for each department, whatever the source calls it."""

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files


@cache
def _tables() -> tuple[dict[str, str], frozenset[str]]:
    text = (files("clinforge.data.tasks") / "departments.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    merge: dict[str, list[str]] = table["merge"]
    return {name: ours for ours, names in merge.items() for name in names}, frozenset(table["general"])


def all_departments() -> tuple[str, ...]:
    """Names of the departments that are answers."""
    return tuple(dict.fromkeys(_tables()[0].values()))


def our_name(department: str) -> str | None:
    """Our name of a source's department; None when it is not among the answers."""
    return _tables()[0].get(department)


def only_department(names: Iterable[str]) -> tuple[str | None, str]:
    """(department, '') when the names mean exactly one of ours, else (None, reason); general names do not count."""
    merge, general = _tables()
    specific = {part.strip() for name in names for part in name.split("；")} - general
    if not specific:
        return None, "no specific department"
    ours = {merge.get(name) for name in specific}
    if len(ours) > 1:
        return None, "several departments"
    found = ours.pop()
    return (found, "") if found else (None, "department not used")
