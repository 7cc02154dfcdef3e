"""Draw a RunReport as one HTML file that asks the network for nothing.

Both languages stand in the page; a switch shows one of them. All text that comes from data or models is escaped.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from clinforge import __version__
from clinforge.artifacts import write_json
from clinforge.evaluate.compare import SUBJECT
from clinforge.evaluate.report.charts import loss_chart
from clinforge.evaluate.report.model import RunReport
from clinforge.evaluate.results import Interval, SystemResult, TaskComparison, Words

MODELS = ("base", "tuned", "control")
"""Systems that are language models; all others count as baselines."""


def write_report(report: RunReport, folder: Path) -> None:
    """Write `report.json` and the page drawn from it, `report.html`."""
    write_json(folder / "report.json", report.model_dump(mode="json"))
    (folder / "report.html").write_text(render_report(report), encoding="utf-8")


def render_report(report: RunReport) -> str:
    """The page as one HTML text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        percent=percent, points=points, p_value=p_value, decimal=decimal, span=span, level=level, short=short
    )
    page = environment.from_string(_resource("page.html.jinja"))
    results = report.evaluation
    return page.render(
        t=text,
        both=both,
        words=words,
        system_name=system_name,
        verdict_name=verdict_name,
        version=__version__,
        report=report,
        css=Markup(_resource("page.css")),  # noqa: S704 -- our own file
        systems=list(dict.fromkeys(one.system for task in results.comparisons for one in task.systems)),
        cards=[_card(task) for task in results.comparisons if task.info.kind == "claim"],
        by_system={task.info.name: {one.system: one for one in task.systems} for task in results.comparisons},
        titles={task.info.name: task.info.title for task in results.comparisons},
        calibrated=[one for one in results.calibrations if one.system == SUBJECT],
        loss=loss_chart(report.losses),
    )


@cache
def word_table() -> dict[str, dict[str, dict[str, str]]]:
    """Section -> key -> language -> text."""
    return tomllib.loads(_resource("words.toml"))


def text(key: str, **values: object) -> Markup:
    """Both languages of a text (`section.key`), each marked as such; what is filled in is escaped."""
    section, _, name = key.partition(".")
    return _marked({lang: Markup(template) for lang, template in word_table()[section][name].items()}, values)  # noqa: S704


def words(given: Words) -> Markup:
    """Both languages of a text that came with the data."""
    return _marked({"en": escape(given.en), "zh": escape(given.zh)}, {})


def both(key: str, **values: object) -> str:
    """Both languages in one plain text, for places that hold no markup (aria-label, title)."""
    section, _, name = key.partition(".")
    english, chinese = (word_table()[section][name][lang].format(**values) for lang in ("en", "zh"))
    return english if english == chinese else f"{english} / {chinese}"


def _marked(languages: Mapping[str, Markup], values: Mapping[str, object]) -> Markup:
    filled = {lang: template.format(**values) if values else template for lang, template in languages.items()}
    if filled["en"] == filled["zh"]:
        return filled["en"]
    return Markup("").join(Markup('<span class="{0}" lang="{0}">{1}</span>').format(*one) for one in filled.items())


def system_name(system: str, *, capital: bool = True) -> Markup:
    """A system's name for people, with a capital where it begins a line; one of the user's own keeps its name."""
    if system not in word_table()["system"]:
        return escape(system)
    names = {lang: escape(name) for lang, name in word_table()["system"][system].items()}
    return _marked({lang: name[:1].upper() + name[1:] if capital else name for lang, name in names.items()}, {})


def verdict_name(verdict: str) -> Markup:
    """A verdict in both languages."""
    return text(f"verdict.{verdict if verdict in word_table()['verdict'] else 'null'}")


def percent(value: float) -> str:
    """0.6789 -> 67.9 %."""
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def span(interval: Interval) -> str:
    """An interval in percent without the sign, e.g. 65.1–75.1."""
    return f"{100 * interval.low:.1f}–{100 * interval.high:.1f}"


def level(value: float) -> str:
    """0.95 -> 95 %."""
    return f"{100 * value:g}\N{NO-BREAK SPACE}%"


def short(value: object) -> object:
    """A measured number without digits that mean nothing; anything else as it is."""
    if not isinstance(value, float):
        return value
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.4g}"


def points(value: float) -> str:
    """0.0512 -> +5.1, with a true minus sign."""
    shown = f"{100 * value:+.1f}"
    return "0.0" if shown in ("+0.0", "-0.0") else shown.replace("-", "\N{MINUS SIGN}")


def p_value(value: float | None) -> str:
    """Three decimals, never 0."""
    if value is None:
        return "–"
    return "<\N{NO-BREAK SPACE}0.001" if value < 0.001 else f"{value:.3f}"


def decimal(value: float | None) -> str:
    """Three decimals; a dash where there is no value."""
    return "–" if value is None else f"{value:.3f}"


def _card(task: TaskComparison) -> dict[str, object]:
    """What the summary says of a claim: the tuned model, the base, and the strongest baseline whoever wins."""
    results = {one.system: one for one in task.systems}
    against = {one.other: one for one in task.differences}
    baselines = [one for one in task.systems if one.system not in MODELS]
    best: SystemResult | None = max(baselines, key=_value, default=None)
    return {
        "task": task,
        "tuned": results.get(SUBJECT),
        "gains": [against[other] for other in ("base", "control") if other in against],
        "best": best,
        "best_difference": against.get(best.system) if best else None,
    }


def _value(result: SystemResult) -> float:
    score: Interval = result.score
    return score.value


def _resource(name: str) -> str:
    return (files("clinforge.evaluate.report") / name).read_text(encoding="utf-8")
