"""Write the reference pages from the code: `python docs/generate.py`. A test fails when they are out of date."""

import argparse
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from clinforge.cli.main import build_parser
from clinforge.recipe import Recipe
from clinforge.serve.settings import ServeSettings

REFERENCE = Path(__file__).parent / "reference"


def cli_page() -> str:
    """One section a verb, as `--help` prints it."""
    parts = ["# Command line\n\n`clinforge VERB --help` prints the same.\n"]
    actions = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    for name, parser in actions[0].choices.items():
        parts.append(f"\n## clinforge {name}\n\n{parser.description}\n\n| argument | meaning |\n|---|---|\n")
        for action in parser._actions:
            shown = ", ".join(action.option_strings) or action.metavar or action.dest
            parts.append(f"| `{shown}` | {action.help or ''} |\n")
    parts.append("\nExit codes: 0 done, 1 our fault, 2 the user's (with the fix), 130 interrupted.\n")
    return "".join(parts)


def recipe_page() -> str:
    """The keys of a recipe."""
    opening = "A recipe is a YAML file; every key can be overridden on the command line as `dotted.key=value`."
    return settings_page("Recipe", opening, Recipe)


def serve_page() -> str:
    """The keys of the service."""
    return settings_page(
        "Service", "Given on the command line as `key=value`: `clinforge serve RUN port=8400`.", ServeSettings
    )


def settings_page(title: str, opening: str, settings: type[BaseModel]) -> str:
    """One table a section: key, type, default, meaning."""
    parts = [f"# {title}\n\n{opening}\n"]
    for path, model in sections("", settings):
        parts.append(f"\n## {path or 'top level'}\n\n{(model.__doc__ or '').strip()}\n\n")
        parts.append("| key | type | default | meaning |\n|---|---|---|---|\n")
        for name, field in model.model_fields.items():
            parts.append(
                f"| `{name}` | {kind(field.annotation)} | {default(field)} | {one_line(field.description)} |\n"
            )
    return "".join(parts)


def sections(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The model and all models within it, with the path that leads there."""
    yield path, model
    for name, field in model.model_fields.items():
        for inner in models_in(field.annotation):
            kinds = inner.model_fields.get("kind")
            suffix = f" (kind: {kinds.default})" if kinds is not None else ""
            yield from sections(f"{path}.{name}{suffix}".lstrip("."), inner)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Settings classes named in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def kind(annotation: Any) -> str:
    """A type as a reader of YAML would say it."""
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind(argument) for argument in get_args(annotation)))
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, BaseModel):
            return "section"
        return {"str": "text", "int": "integer", "float": "number", "bool": "true/false", "NoneType": "null"}.get(
            annotation.__name__, annotation.__name__.lower()
        )
    if str(annotation).startswith("typing.Literal"):
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list of " + kind(get_args(annotation)[0])
    arguments = get_args(annotation)
    return kind(arguments[0]) if arguments else str(annotation)


def default(field: Any) -> str:
    """A default as YAML."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel) or (isinstance(value, tuple) and value and isinstance(value[0], BaseModel)):
        return "see below"
    return f"`{value}`" if value not in (None, "", ()) else "-"


def one_line(text: str | None) -> str:
    """A docstring on one line."""
    return " ".join((text or "").split()).replace("|", "\\|")


PAGES = {"cli.md": cli_page, "recipe.md": recipe_page, "serve.md": serve_page}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (REFERENCE / page).write_text(write(), encoding="utf-8")
