"""`clinforge data fetch-pubmed QUERY [key=value ...]`: search PubMed and write what is found as documents."""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clinforge.config import parse
from clinforge.data.sources.pubmed import PubMed
from clinforge.errors import MissingError
from clinforge.records import Document

if TYPE_CHECKING:
    from rich.console import Console

    from clinforge.cli.progress import StageProgress

NAME = "fetch-pubmed"
HELP = "fetch articles from PubMed as JSON lines or Parquet; a killed run goes on from what is on disk (获取文献)"
MOST_SHOWN = 20


class FetchPubMed(PubMed):
    """A PubMed search, and the file its documents go to."""

    out: Path | None = None
    """File to write, .jsonl or .parquet; by default `pubmed-KEY.jsonl`, KEY being the search's own."""

    @property
    def file(self) -> Path:
        """The file to write."""
        return self.out or Path(f"pubmed-{self.search_folder.name[:8]}.jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("query", help='what to search for, e.g. "diabetes treatment"')
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="max_results=5000, from=2020, to=2024, out=FILE.parquet, ..."
    )
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Fetch, then write the documents; says how many there are and what was left out."""
    from rich.console import Console

    from clinforge.cli.progress import stage_progress
    from clinforge.data.document_files import check_suffix, write_documents

    settings = parse(FetchPubMed, {"query": arguments.query}, arguments.overrides, origin="clinforge data fetch-pubmed")
    check_suffix(settings.file)
    try:
        from clinforge.data.sources.pubmed_fetch import fetch
    except ModuleNotFoundError as error:
        raise MissingError(f"{error.name} is not installed.", hint='pip install "clinforge[data]"') from None

    console, started, faults = Console(stderr=True), time.monotonic(), list[str]()
    with stage_progress(console) as progress:
        progress.start("PubMed")
        fetched = fetch(settings, progress)
        progress.finish(f"{len(fetched.records)} records of {fetched.count} found")
        progress.start("documents")
        documents = _counted(settings.documents(faults), progress, len(fetched.records))
        try:
            written = write_documents(settings.file, documents)
        finally:
            if not arguments.json:
                _tell(console, [*fetched.notes, *faults])
        progress.finish(f"{written} written, {len(faults)} left out")
    summary = {
        "query": settings.query,
        "found": fetched.count,
        "fetched": len(fetched.records),
        "written": written,
        "searched_at": fetched.searched_at,
        "out": str(settings.file),
        "notes": list(fetched.notes),
        "faults": faults,
        "seconds": round(time.monotonic() - started, 1),
    }
    if arguments.json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        print(f"{written} documents: {settings.file}")
    return 0


def _counted(documents: Iterable[Document], progress: "StageProgress", total: int) -> Iterator[Document]:
    for done, document in enumerate(documents):
        if not done % 100:
            progress("written", done, total)
        yield document


def _tell(console: "Console", lines: Sequence[str]) -> None:
    for line in lines[:MOST_SHOWN]:
        console.print(line, style="yellow", markup=False, soft_wrap=True)
    if len(lines) > MOST_SHOWN:
        console.print(f"... and {len(lines) - MOST_SHOWN} more; --json lists them all", style="yellow")
