"""`clinforge review serve|export|import|report RUN ...`: doctors review a dataset."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clinforge.config import parse
from clinforge.review.settings import DeskSettings, ExchangeSettings, ReportSettings

if TYPE_CHECKING:
    from rich.console import Console

    from clinforge.review.agreement import Estimate
    from clinforge.review.report import ReviewReport

NAME = "review"
HELP = "doctors review a dataset: in the browser, or in files; and how far they agree (审核数据)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    what = "serve: the page, for one reviewer; export, import: a file to review elsewhere; report: how far it is"
    parser.add_argument("action", choices=("serve", "export", "import", "report"), help=what)
    parser.add_argument("target", type=Path, metavar="RUN", help="a run folder or a dataset")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="reviewer=NAME, reviewers=A,B, port=8330, file=..., ..."
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked; return the exit code."""
    origin = f"clinforge review {arguments.action}"
    if arguments.action == "serve":
        settings = parse(DeskSettings, {}, arguments.overrides, origin=origin)
        from clinforge.review.run import serve

        serve(arguments.target, settings)
    elif arguments.action == "report":
        _report(arguments.target, parse(ReportSettings, {}, arguments.overrides, origin=origin), json=arguments.json)
    else:
        settings = parse(ExchangeSettings, {}, arguments.overrides, origin=origin)
        (_export if arguments.action == "export" else _import)(arguments.target, settings)
    return 0


def _export(target: Path, settings: ExchangeSettings) -> None:
    from clinforge.review.exchange import export

    print(f"{export(target, settings)} items for {settings.reviewer} in {settings.file}")


def _import(target: Path, settings: ExchangeSettings) -> None:
    from clinforge.review.exchange import take_in

    found = take_in(target, settings)
    for fault in found.faults:
        print(f"set aside: {fault}", file=sys.stderr)
    print(f"{found.new} verdicts taken in, {found.known} known already, {len(found.faults)} rows set aside")


def _report(target: Path, settings: ReportSettings, *, json: bool) -> None:
    from rich.console import Console

    from clinforge.review.report import report

    found = report(target, settings)
    if json:
        print(found.model_dump_json(indent=2))
    else:
        _show(Console(), found, settings.confidence_level)


def _show(console: "Console", found: "ReviewReport", level: float) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("Part of the queue", "queued", "judged", "verdicts", f"alpha [{100 * level:g} %]", "items twice")
    for row in found.strata:
        table.add_row(
            row.stratum, str(row.queued), str(row.judged), _counts(row.decisions), _figure(row.alpha), str(row.alpha.n)
        )
    table.add_row("all", str(found.queued), str(found.judged), _counts(found.decisions), _figure(found.alpha),
                  str(found.alpha.n))  # fmt: skip
    console.print(table)
    lines = [
        f"By reviewer: {_counts(found.reviewers)}",
        f"Reasons: {_counts(found.reasons)}",
        *(
            f"{pair.first} and {pair.second}: alike on {100 * (pair.equal or 0):.0f} % of {pair.kappa.n} items, "
            f"Cohen's kappa {_figure(pair.kappa)}"
            for pair in found.pairs
        ),
        f"Waiting for a second reviewer: {found.waiting}. Unsettled (they stay in): {found.unsettled}.",
        f"The next build with these reviews leaves out {found.retires['facts']} facts and "
        f"{found.retires['samples']} samples.",
    ]
    lines += [f"Agreement: {found.alpha.note}."] if found.alpha.note else []
    lines += [f"{found.simulated} verdicts are simulated."] if found.simulated else []
    lines += [f"{found.elsewhere} verdicts are on items this dataset does not hold."] if found.elsewhere else []
    for line in lines:
        console.print(escape(line), soft_wrap=True, highlight=False)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _figure(estimate: "Estimate") -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
