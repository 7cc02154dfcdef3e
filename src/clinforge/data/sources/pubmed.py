"""Literature from PubMed: what to search for, and the documents of what was fetched.

`clinforge data fetch-pubmed` fetches (`pubmed_fetch`); `documents` reads what is on disk and never uses the network.
"""

import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from clinforge.config import Settings
from clinforge.data.sources.pubmed_cache import Fetched, RecordStore, Search, read_state
from clinforge.errors import InputError, MissingError
from clinforge.model.catalogue import cache_folder
from clinforge.records import Document, content_hash


def _partial_date(value: object) -> str:
    """`2020`, `2020-03` or `2020-03-15`, also as YAML reads them (a number, a date)."""
    text = value.isoformat() if isinstance(value, date) else str(value).strip().replace("/", "-")
    if not re.fullmatch(r"([0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?)?", text):
        raise ValueError("a date is written YYYY, YYYY-MM or YYYY-MM-DD")
    return text


PartialDate = Annotated[str, BeforeValidator(_partial_date)]


class PubMed(Settings):
    """Articles and book chapters that a PubMed search finds.

    A key for ten requests a second instead of three is taken from the environment (NCBI_API_KEY), never from a recipe.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    kind: Literal["pubmed"] = "pubmed"
    query: str = Field(min_length=1)
    """What to search for, in PubMed's own language of queries."""
    from_: PartialDate = Field(default="", alias="from")
    """First date of publication, as YYYY, YYYY-MM or YYYY-MM-DD."""
    to: PartialDate = ""
    """Last date of publication, in the same forms."""
    max_results: int = Field(default=1_000, ge=1)
    """Fetch at most so many records, the first in `order`; beyond 9,999 the newest entries in PubMed come first."""
    order: Literal["relevance", "pub_date"] = "relevance"
    """Which records come first: the best match, or the latest published."""
    folder: Path | None = None
    """Where fetched records are kept; by default `pubmed` in the cache folder."""
    base_url: str = Field(default="https://eutils.ncbi.nlm.nih.gov/entrez/eutils/", pattern=r"^https?://[^\s/]+")
    """Address of the E-utilities, or of a mirror of them."""
    email: str = Field(default="", pattern=r"^([!-~]+@[!-~]+)?$")
    """Where NCBI can write to before it blocks a program that troubles it. NCBI asks everyone to give one."""
    tool: str = Field(default="clinforge", pattern=r"^[!-~]+$")
    """Name under which requests are made."""
    page_size: int = Field(default=200, ge=1, le=9_999)
    """Records fetched with one request."""
    timeout_s: float = Field(default=60, gt=0)
    """Seconds that one whole answer may take."""
    attempts: int = Field(default=6, ge=1)
    """How often one request is tried before the fetching stops; what is on disk stays."""
    max_age_days: float = Field(default=30, ge=0)
    """Fetch a finished search and its records again when they are older than this; 0: now."""
    keep_retracted: bool = False
    """Whether retracted articles become documents, marked as such; if not, each is noted and left out."""

    @property
    def records_folder(self) -> Path:
        """Where records are kept."""
        return self.folder or cache_folder() / "pubmed"

    @property
    def search_folder(self) -> Path:
        """Where this search's state is kept."""
        decided = self.model_dump(mode="json", include={"query", "from_", "to", "max_results", "order", "base_url"})
        return self.records_folder / "searches" / content_hash(decided)[:16]

    def fetched(self) -> Fetched:
        """What the finished search fetched. MissingError where it is not fetched whole."""
        found = read_state(self.search_folder / "fetched.json", Fetched)
        if found is not None:
            return found
        begun = read_state(self.search_folder / "found.json", Search)
        state = "was begun but not finished" if begun else "was not made yet"
        raise MissingError(f"The PubMed search '{self.query}' {state}.", hint=f"Fetch it: {self.command}")

    @property
    def command(self) -> str:
        """The command that fetches this search."""
        given = self.model_dump(mode="json", exclude={"kind", "query"}, exclude_defaults=True)
        return shlex.join(["clinforge", "data", "fetch-pubmed", self.query, *(f"{k}={v}" for k, v in given.items())])

    def documents(self, faults: list[str]) -> Iterator[Document]:
        """Yield the fetched records in the search's order; what gives no document is noted in `faults`."""
        from clinforge.data.sources.pubmed_xml import document_of, is_retracted

        fetched, store = self.fetched(), RecordStore(self.records_folder)
        faults += [f"PMID {pmid}: PubMed listed it but did not give it." for pmid in fetched.not_given]
        for record in fetched.records:
            try:
                document = document_of(store.read(record), record.retrieved_at)
            except InputError as error:
                faults.append(f"PMID {record.pmid} {error}")
                continue
            if is_retracted(document) and not self.keep_retracted:
                faults.append(f"PMID {record.pmid}: retracted, left out; keep_retracted=true keeps it.")
            else:
                yield document
