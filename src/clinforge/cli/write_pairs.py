"""`clinforge data write-pairs DOCUMENTS key=value ...`: question-answer pairs from documents, by a model at a URL."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from clinforge.config import parse
from clinforge.data.pairs.settings import PairSettings
from clinforge.model.openai_api import OpenAISettings
from clinforge.records import Document, read_jsonl

if TYPE_CHECKING:
    from rich.console import Console

    from clinforge.data.pairs.records import PairReport

NAME = "write-pairs"
HELP = "let a model write question-answer pairs on documents, keep what the text supports; resumable (由文献生成问答)"


class WritePairs(PairSettings):
    """How pairs are written, by which models, and where they go."""

    writer: OpenAISettings
    """The model that writes."""
    judge: OpenAISettings | None = None
    """Another model that says whether the text supports a pair; without one there is no such pass."""
    drugs: Path | None = None
    """List of drugs, one a line, its names separated by `|`. Without it drugs are known by the ends of their names."""
    out: Path = Path("pairs")
    """Folder for pairs.jsonl, report.json and the journal of replies."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("documents", type=Path, help="documents as JSON lines, as fetch-pubmed writes them")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="writer.base_url=..., writer.model=..., out=FOLDER, ..."
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write pairs, then say how many were kept and where the others went."""
    from rich.console import Console

    from clinforge.cli.progress import stage_progress
    from clinforge.data.pairs.drugs import DrugNames
    from clinforge.data.pairs.run import PairWriter

    settings = parse(WritePairs, {}, arguments.overrides, origin="clinforge data write-pairs")
    drugs = DrugNames.read(settings.drugs) if settings.drugs else DrugNames()
    documents = list(read_jsonl(arguments.documents, Document))
    at_once = {"concurrency": settings.concurrency}
    writer = settings.writer.model_copy(update=at_once).build()
    judge = settings.judge.model_copy(update=at_once).build() if settings.judge else None
    console = Console(stderr=True)
    try:
        with stage_progress(console) as progress:
            progress.start("pairs")
            report = PairWriter(settings, writer, drugs, judge).write(documents, settings.out, progress)
            progress.finish(f"{report.kept} of {report.drafts} drafts kept")
    finally:
        for model in (writer, judge):
            if model is not None:
                model.close()
    _tell(console, report)
    print(report.model_dump_json() if arguments.json else f"{report.kept} pairs: {settings.out / 'pairs.jsonl'}")
    return 0


def _tell(console: "Console", report: "PairReport") -> None:
    groups = {
        "documents": report.documents_dropped,
        "passages": report.passages_dropped,
        "drafts": report.dropped | report.unjudged,
    }
    for noun, counts in groups.items():
        for reason, count in counts.items():
            console.print(f"{count} {noun} left out: {reason}", style="yellow", markup=False)
    if report.passages_left:
        why = "the budget is spent" if report.stopped == "budget" else "the server did not answer"
        left = f"{report.passages_left} passages of {report.documents_left} documents are left: {why}."
        console.print(f"{left} The same command goes on from there.", style="yellow", markup=False)
