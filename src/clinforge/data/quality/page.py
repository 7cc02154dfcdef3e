"""The report page of a judgement: per rule its reason, counts, and examples of what it dropped and of what was kept.

The page shows text of the set. It is written where the caller asks and nowhere else, and asks the network for nothing.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from clinforge.data.draw import ordered
from clinforge.data.quality.judge import Judgement
from clinforge.data.quality.rules import answer_of, question_of
from clinforge.records import Document, Record


class Example(Record):
    """One document as the page shows it."""

    id: str
    source_id: str
    question: str
    answer: str
    also: tuple[str, ...] = ()
    """Other rules it breaks."""


def write_page(judgement: Judgement, path: Path, *, examples: int = 20, seed: int = 0) -> None:
    """Write the page; equal judgement, number of examples and seed give the same bytes."""
    path.write_text(render_page(judgement, examples=examples, seed=seed), encoding="utf-8")


def render_page(judgement: Judgement, *, examples: int = 20, seed: int = 0) -> str:
    """The page as one HTML text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    total = len(judgement.kept) + len(judgement.dropped)
    return environment.from_string(_resource("page.html.jinja")).render(
        t=_both,
        css=Markup(_resource("page.css")),  # noqa: S704 -- our own file
        judgement=judgement,
        total=total,
        seed=seed,
        dropped={rule: _dropped(judgement, rule, examples, seed) for rule in judgement.rules},
        kept={rule: _kept(judgement.kept, rule, examples, seed) for rule in judgement.rules},
        share={
            rule: f"{100 * count / max(1, total):.1f}\N{NO-BREAK SPACE}%" for rule, count in judgement.broken.items()
        },
    )


def _dropped(judgement: Judgement, rule: str, examples: int, seed: int) -> list[Example]:
    broken = {place: one for place, one in enumerate(judgement.dropped) if rule in one.rules}
    chosen = sorted(ordered(broken, seed, "dropped", rule)[:examples])
    return [
        _example(broken[place].document, tuple(other for other in broken[place].rules if other != rule))
        for place in chosen
    ]


def _kept(kept: Sequence[Document], rule: str, examples: int, seed: int) -> list[Example]:
    return [_example(kept[place]) for place in sorted(ordered(range(len(kept)), seed, "kept", rule)[:examples])]


def _example(document: Document, also: tuple[str, ...] = ()) -> Example:
    return Example(
        id=document.id,
        source_id=document.source_id,
        question=question_of(document) or document.title,
        answer=answer_of(document),
        also=also,
    )


def _both(key: str, **values: object) -> Markup:
    """Both languages of a text (`section.name`), each marked as such; what is filled in is escaped."""
    section, _, name = key.partition(".")
    return Markup("").join(
        Markup('<span class="{0}" lang="{0}">{1}</span>').format(lang, escape(text.format(**values)))
        for lang, text in _words()[section][name].items()
    )


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(_resource("words.toml"))


def _resource(name: str) -> str:
    return (files("clinforge.data.quality") / name).read_text(encoding="utf-8")
