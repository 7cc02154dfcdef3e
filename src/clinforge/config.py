"""Typed settings: a YAML file, dotted overrides, and every fault reported at once with its path."""

import difflib
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from clinforge.errors import ConfigError


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, the text under a field is its documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


SettingsT = TypeVar("SettingsT", bound=Settings)


def load(kind: type[SettingsT], path: Path, overrides: Sequence[str] = ()) -> SettingsT:
    """Read settings of one kind from a YAML file, with `dotted.key=value` overrides applied on top.

    Raises ConfigError with all faults of the file and the overrides together.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from None
    try:
        tree = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: settings must be 'key: value' lines, not a {type(tree).__name__}.")
    return parse(kind, cast("dict[str, Any]", tree), overrides, origin=str(path))


def parse(kind: type[SettingsT], tree: dict[str, Any], overrides: Sequence[str] = (), *, origin: str) -> SettingsT:
    """Check a tree of plain values against a kind of settings; `origin` names it in messages."""
    for override in overrides:
        _apply(tree, override)
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        faults = [_describe(kind, dict(fault)) for fault in error.errors(include_url=False)]
    noun = "problem" if len(faults) == 1 else "problems"
    raise ConfigError(f"{origin} has {len(faults)} {noun}:\n" + "\n".join(f"  {fault}" for fault in faults))


def to_yaml(settings: Settings) -> str:
    """Write settings as the YAML that `load` reads back to the same settings."""
    return yaml.safe_dump(settings.model_dump(mode="json"), allow_unicode=True, sort_keys=False)


def _apply(tree: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"'{override}' is not an override.", hint="Write it as key=value, e.g. train.epochs=2.")
    *parents, last = key.split(".")
    node = tree
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"'{key}': '{parent}' is a value, not a section.")
        node = cast("dict[str, Any]", child)
    try:
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        node[last] = text


def _describe(kind: type[BaseModel], fault: dict[str, Any]) -> str:
    location = [str(part) for part in fault["loc"]]
    path = ".".join(location)
    if fault["type"] == "extra_forbidden":
        known = _keys_at(kind, location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        advice = f"Did you mean '{near[0]}'?" if near else f"Known keys: {', '.join(sorted(known))}."
        return f"{path}: unknown key. {advice}"
    given = fault.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    message = f"{path}: {fault['msg']}{shown}."
    choices = cast("dict[str, Any]", fault.get("ctx", {})).get("expected")
    if fault["type"] == "literal_error" and isinstance(given, str) and isinstance(choices, str):
        near = difflib.get_close_matches(given, choices.replace("'", "").replace(" or ", ", ").split(", "), n=1)
        message += f" Did you mean '{near[0]}'?" if near else ""
    return message


def _keys_at(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Keys allowed at a path; tags of unions and list positions in the path are stepped over."""
    models = [kind]
    for part in path:
        deeper = [
            found
            for model in models
            if part in model.model_fields
            for found in _models_in(model.model_fields[part].annotation)
        ]
        if deeper:
            models = deeper
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, list, tuple, dict) or get_args(annotation):
        for argument in get_args(annotation):
            yield from _models_in(argument)
