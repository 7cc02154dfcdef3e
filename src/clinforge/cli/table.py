"""The comparison of a run as a table on the terminal."""

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clinforge.evaluate.report.model import RunReport
from clinforge.evaluate.results import Interval, TaskComparison


def print_comparison(console: Console, report: RunReport) -> None:
    """Print every task: each system's score with its interval, and what tuned minus the others came to."""
    for task in report.evaluation.comparisons:
        console.print(_table(task, report.evaluation.level))


def _table(task: TaskComparison, level: float) -> Table:
    chance = "" if task.chance is None else f", chance {100 * task.chance:.0f} %"
    title = f"{escape(task.info.name)} ({task.info.kind}): {task.n} questions, {task.families} families{chance}"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE)
    table.add_column("system", no_wrap=True)
    table.add_column(f"{task.metric} % [{100 * level:g} %]", justify="right", no_wrap=True)
    table.add_column("tuned minus it", justify="right", no_wrap=True)
    table.add_column("tuned is", no_wrap=True)
    by_other = {difference.other: difference for difference in task.differences}
    for system in task.systems:
        difference = by_other.get(system.system)
        table.add_row(
            system.system,
            _percent(system.score),
            "" if difference is None else _percent(difference.difference, sign="+"),
            "" if difference is None else difference.verdict,
        )
    return table


def _percent(interval: Interval, sign: str = "") -> str:
    numbers = (format(100 * value, f"{sign}.1f") for value in (interval.value, interval.low, interval.high))
    value, low, high = numbers
    return f"{value} [{low}, {high}]"
