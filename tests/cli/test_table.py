import io

from rich.console import Console

from clinforge.cli.table import print_comparison
from tests.evaluate.report_example import example


def test_the_table_shows_each_system_with_its_interval_and_the_verdict():
    report = example()
    out = io.StringIO()
    print_comparison(Console(file=out, width=120), report)
    text = out.getvalue()
    for task in report.evaluation.comparisons:
        assert f"{task.info.name} ({task.info.kind}): {task.n} questions" in text
        for system in task.systems:
            assert f"{100 * system.score.value:.1f} [{100 * system.score.low:.1f}, " in text
        for difference in task.differences:
            assert difference.verdict in text
