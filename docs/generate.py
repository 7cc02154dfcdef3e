"""Write the reference pages from the code, and the READMEs' tables from measured runs: `python docs/generate.py`.

`python docs/generate.py RUN` first takes the figures of a finished run over into `docs/results/`. A test fails when a
page is not what this program would write.
"""

import argparse
import inspect
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from clinforge.cli.main import build_parser
from clinforge.cli.write_pairs import WritePairs
from clinforge.data.sources.clinical_notes import ClinicalNotes
from clinforge.data.sources.dialogues import Dialogues
from clinforge.data.sources.fhir import Fhir
from clinforge.data.sources.files import Files
from clinforge.data.sources.pubmed import PubMed
from clinforge.data.sources.tables import Table
from clinforge.recipe import Recipe
from clinforge.review.settings import DeskSettings, ExchangeSettings, ReportSettings
from clinforge.serve.settings import ServeSettings

SOURCES = (Dialogues, Files, Table, ClinicalNotes, Fhir, PubMed)
REFERENCE = Path(__file__).parent / "reference"


def cli_page() -> str:
    """One section a verb, as `--help` prints it."""
    parts = ["# Command line\n\n`clinforge VERB --help` prints the same.\n"]
    for name, parser in verbs("clinforge", build_parser()):
        parts.append(f"\n## {name}\n\n{parser.description}\n\n| argument | meaning |\n|---|---|\n")
        for action in (action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)):
            shown = ", ".join(action.option_strings) or action.metavar or action.dest
            parts.append(f"| `{shown}` | {action.help or ''} |\n")
    parts.append("\nExit codes: 0 done, 1 our fault, 2 the user's (with the fix), 130 interrupted.\n")
    return "".join(parts)


def verbs(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Verbs and the verbs within them, in the order of `--help`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield f"{name} {word}", inner
                yield from verbs(f"{name} {word}", inner)


def recipe_page() -> str:
    """The keys of a recipe."""
    opening = "A recipe is a YAML file; every key can be overridden on the command line as `dotted.key=value`."
    return settings_page("Recipe", opening, Recipe)


def serve_page() -> str:
    """The keys of the service."""
    return settings_page(
        "Service", "Given on the command line as `key=value`: `clinforge serve RUN port=8400`.", ServeSettings
    )


def pairs_page() -> str:
    """The keys of writing pairs from text."""
    opening = "Given on the command line as `key=value`: `clinforge data write-pairs DOCUMENTS pairs_per_passage=3`."
    return settings_page("Pairs from text", opening, WritePairs)


def sources_page() -> str:
    """The keys of each kind of source."""
    parts = ["# Sources\n\nWhere documents come from, one section a kind.\n"]
    parts += [tables(f"kind: {source.model_fields['kind'].default}", source) for source in SOURCES]
    return "".join(parts)


REVIEW_SETTINGS = (DeskSettings, ExchangeSettings, ReportSettings)


def review_page() -> str:
    """The keys of a review."""
    openings = (
        "`clinforge review serve RUN reviewer=NAME key=value ...`",
        "`clinforge review export|import RUN reviewer=NAME file=FILE key=value ...`",
        "`clinforge review report RUN key=value ...`",
    )
    titles = ("Review: the page", "Review: files", "Review: the report")
    pages = zip(titles, openings, REVIEW_SETTINGS, strict=True)
    return "\n".join(settings_page(*page) for page in pages)


def settings_page(title: str, opening: str, settings: type[BaseModel]) -> str:
    """A page of `tables`."""
    return f"# {title}\n\n{opening}\n" + tables("top level", settings)


def tables(top: str, settings: type[BaseModel]) -> str:
    """One table a section: key, type, default, meaning."""
    parts: list[str] = []
    for path, model in sections("", settings):
        parts.append(f"\n## {path or top}\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n")
        parts.append("| key | type | default | meaning |\n|---|---|---|---|\n")
        for name, field in model.model_fields.items():
            key, meaning = field.alias or name, one_line(field.description)
            parts.append(f"| `{key}` | {kind(field.annotation)} | {default(field)} | {meaning} |\n")
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
    if get_origin(annotation) is dict:
        return " → ".join(kind(argument) for argument in get_args(annotation))
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


RESULTS = Path(__file__).parent / "results"
READMES = {"README.md": "en", "README.zh-CN.md": "zh"}
SYSTEMS = ("base", "control", "majority", "lexical", "tfidf", "lookup", "tuned")
HEADS = {
    "en": ("task", "kind", "n", "chance", *SYSTEMS, "tuned − base", "tuned − control"),
    "zh": ("任务", "类别", "题数", "随机", *SYSTEMS, "tuned − base", "tuned − control"),
}


def take_over(run: Path) -> None:
    """Keep a run's figures (no questions, no answers) as `docs/results/NAME.json`."""
    report = json.loads((run / "report" / "report.json").read_text(encoding="utf-8"))
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    kept = {
        "recipe": report["recipe"],
        "created": report["created"],
        "machine": environment["machine"],
        "packages": report["packages"],
        "seconds": report["timings"],
        "parity": report["parity"],
        "parents": report["parents"],
        "comparisons": report["evaluation"]["comparisons"],
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(kept, ensure_ascii=False, indent=1) + "\n"
    (RESULTS / f"{run.resolve().name}.json").write_text(text, encoding="utf-8")


def results_table(lang: str, name: str) -> str:
    """A run's scores in percent with their intervals, and the paired differences in points."""
    found = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["comparisons"]
    rows = [HEADS[lang], ("---",) * len(HEADS[lang])]
    for task in found:
        if task["metric"] != "accuracy":
            continue
        scores = {row["system"]: interval(row["score"]) for row in task["systems"]}
        differences = {row["other"]: interval(row["difference"], "+") for row in task["differences"]}
        head = (f"`{task['info']['name']}`", task["info"]["kind"], str(task["n"]), f"{100 * task['chance']:.1f}")
        cells = [f"**{scores[s]}**" if s == "tuned" else scores.get(s, "–") for s in SYSTEMS]
        rows.append((*head, *cells, differences.get("base", "–"), differences.get("control", "–")))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def interval(value: dict[str, float], sign: str = "") -> str:
    """An estimate in percent with its limits."""
    middle, low, high = (format(100 * value[key], f"{sign}.1f") for key in ("value", "low", "high"))
    return f"{middle} [{low}, {high}]"


def readme(page: str) -> str:
    """A README with its results tables as measured: whatever stands between `<!-- results NAME -->` marks."""
    text = (Path(__file__).parents[1] / page).read_text(encoding="utf-8")
    return re.sub(
        r"(<!-- results (\S+) -->\n).*?(\n<!-- end -->)",
        lambda found: found[1] + results_table(READMES[page], found[2]) + found[3],
        text,
        flags=re.S,
    )


PAGES = {
    "cli.md": cli_page,
    "recipe.md": recipe_page,
    "serve.md": serve_page,
    "review.md": review_page,
    "sources.md": sources_page,
    "write-pairs.md": pairs_page,
}

if __name__ == "__main__":
    for run in sys.argv[1:]:
        take_over(Path(run))
    for page, write in PAGES.items():
        (REFERENCE / page).write_text(write(), encoding="utf-8")
    for page in READMES:
        text = readme(page)
        (Path(__file__).parents[1] / page).write_text(text, encoding="utf-8")
