"""What comes out: pairs, and the account of how they came about."""

from typing import Literal

from clinforge.data.pairs.check import Evidence
from clinforge.records import Lang, Record

PAIRS_FILE = "pairs.jsonl"
REPORT_FILE = "report.json"


class Pair(Record):
    """A question with its answer and the place in a document that supports it."""

    id: str
    lang: Lang
    question: str
    answer: str
    evidence: Evidence
    fact_id: str
    """Id of the fact "this document states this": what a sample made of the pair refers to."""
    source: str
    source_id: str
    licence: str
    patient_id: str = ""
    """Keyed hash; a patient's pairs never stand in two splits."""
    judged: bool = False
    """Whether a judge said that the text supports it."""


class PairReport(Record):
    """Where everything went.

    documents = those dropped + those cut into passages; passages = with drafts + dropped + left;
    drafts = kept + dropped + unjudged.
    """

    documents: int
    documents_dropped: dict[str, int]
    """Not asked about, by reason."""
    passages: int
    passages_dropped: dict[str, int]
    """Answered without a draft, by reason."""
    passages_left: int
    """Not answered yet; the next run asks them."""
    documents_left: int
    """Documents that have such a passage."""
    requests: int
    """Requests answered in this run; the rest was in the journal."""
    drafts: int
    dropped: dict[str, int]
    """Drafts dropped, by reason."""
    unjudged: dict[str, int]
    """Drafts that passed the checks but have no verdict, by reason. They are withheld: no verdict is not a good one."""
    kept: int
    stopped: Literal["", "budget", "server"]
    """Why the run ended before everything was asked."""
    tokens: int
    """Of this folder, earlier runs included."""
    cost: float
    models: dict[str, str]
    """Role -> name."""
