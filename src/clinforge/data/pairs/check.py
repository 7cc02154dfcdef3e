"""What a pair must show before it is believed: that its source says what it says.

Covers: evidence that stands in the source; numbers with their units, drugs and capitalised names of answer and
question; a negation added or lost, and opposites (left for right), where an answer nearly copies its source; answers
made of words the source does not have; questions and answers that point to the text. Evidence that was found is
replaced by the source's own wording.
Does not cover: statements that are wrong in words which the source has (the doses of two drugs exchanged within one
sentence, cause and effect turned round, a negation that a paraphrase lost, a yes that should be a no), names in lower
case that are on no list, nor whether the source is right. The judge pass and doctors' review look at those.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from clinforge.data.pairs.drugs import DrugNames
from clinforge.data.pairs.evidence import (
    Place,
    find_quotation,
    plain_with_offsets,
    sentences,
    whole_sentences,
    whole_words,
)
from clinforge.data.pairs.passages import Passage
from clinforge.data.pairs.reply import Draft
from clinforge.data.pairs.settings import SupportSettings
from clinforge.data.pairs.wording import count_negations, points_to_text, turned
from clinforge.data.quantities import is_unit, missing, quantities
from clinforge.records import Record

_NEAR_COPY = 80
"""Percent of characters in common from which a sentence counts as copied."""
_FEWEST_TO_COMPARE = 12
"""Letters of a sentence; a Chinese character counts as two."""
_STEM = 5
"""Letters by which two forms of a word are taken as one."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_STARTS = re.compile(r"(?:^|[.!?:;\n。！？：；])[\s\"'“‘(*-]*$")


class Evidence(Record):
    """Where a document supports a pair."""

    document_id: str
    start: int
    end: int
    """Offsets into the document's text."""
    text: str
    """The document's own wording between the offsets."""
    how: Literal["exact", "fuzzy"]
    similarity: float
    """1 when the model quoted exactly; else the share of characters in common with what it quoted."""


@dataclass(frozen=True)
class _Claim:
    """A draft beside what may support it."""

    draft: Draft
    quoted: str
    """The evidence in the source's wording."""
    around: str
    """The sentences the evidence touches."""
    title: str
    """Title and headings."""
    passage: str
    """The whole passage, with title and headings."""
    exact: bool
    drugs: DrugNames
    settings: SupportSettings

    @property
    def scope(self) -> str:
        """Where the answer's numbers must stand."""
        return self.around if self.settings.scope == "evidence" else self.passage

    @property
    def drug_scope(self) -> str:
        """Where the answer's drugs must stand: sentences that name no drug speak of the passage's."""
        return self.scope if self.drugs.named(self.around) else self.passage


def check_support(draft: Draft, passage: Passage, drugs: DrugNames, settings: SupportSettings) -> Evidence | str:
    """The evidence of a supported pair, or the reason why the pair is dropped."""
    fault = _form(draft, settings)
    if fault:
        return fault
    place = find_quotation(draft.evidence, passage.text, settings.min_similarity)
    if place is None:
        return "evidence is not in the text"
    claim = _claim(draft, passage, place, drugs, settings)
    for reason, fails in _FAULTS:
        if fails(claim):
            return reason
    start, end = passage.start + place.start, passage.start + place.end
    return Evidence(
        document_id=passage.document.id,
        start=start,
        end=end,
        text=passage.document.text[start:end],
        how=place.how,
        similarity=place.similarity,
    )


def _form(draft: Draft, settings: SupportSettings) -> str:
    evidence = len(plain_with_offsets(draft.evidence)[0])
    checks = (
        (evidence < settings.min_evidence, "evidence is too short"),
        (len(draft.evidence) > settings.max_evidence, "evidence is too long"),
        (len(draft.answer) > settings.max_answer, "answer is too long"),
        (len(draft.question) > settings.max_answer, "question is too long"),
        (points_to_text(draft.question, is_answer=False), "question points to the text"),
        (points_to_text(draft.answer, is_answer=True), "answer points to the text"),
    )
    return next((reason for fails, reason in checks if fails), "")


def _claim(draft: Draft, passage: Passage, place: Place, drugs: DrugNames, settings: SupportSettings) -> _Claim:
    text = passage.text
    low, high = whole_sentences(text, place.start, place.end)
    return _Claim(
        draft=draft,
        quoted=text[slice(*whole_words(text, place.start, place.end))],
        around=text[low:high],
        title=passage.title,
        passage=f"{passage.title}\n{text}",
        exact=place.how == "exact",
        drugs=drugs,
        settings=settings,
    )


def _evidence_altered(claim: _Claim) -> bool:
    """A quotation that is not exact may differ in letters, not in numbers, drugs or negation."""
    quoted = claim.draft.evidence
    return not claim.exact and (
        bool(missing(quantities(quoted), quantities(claim.around)))
        or bool(claim.drugs.unsupported(quoted, claim.around))
        or count_negations(quoted) != count_negations(claim.quoted)
    )


def _answer_number(claim: _Claim) -> bool:
    return bool(missing(quantities(claim.draft.answer), quantities(claim.scope)))


def _question_number(claim: _Claim) -> bool:
    return bool(missing(quantities(claim.draft.question), quantities(f"{claim.title}\n{claim.scope}")))


def _answer_drug(claim: _Claim) -> bool:
    return bool(claim.drugs.unsupported(claim.draft.answer, f"{claim.title}\n{claim.drug_scope}"))


def _question_drug(claim: _Claim) -> bool:
    return bool(claim.drugs.unsupported(claim.draft.question, claim.passage))


def _other_drug(claim: _Claim) -> bool:
    """The question is about drugs, the evidence is about drugs, and they have none in common."""
    asked = claim.drugs.named(claim.draft.question)
    if not asked or not claim.drugs.named(claim.around):
        return False
    return len(claim.drugs.unsupported(claim.draft.question, f"{claim.title}\n{claim.around}")) >= len(asked)


def _foreign_name(claim: _Claim) -> bool:
    """A capitalised word or an abbreviation, in question or answer, that the passage does not have."""
    known = {word.lower().removesuffix("s") for word in _WORD.findall(claim.passage)}
    names = [name for text in (claim.draft.question, claim.draft.answer) for name in _names(text)]
    return any(name.lower().removesuffix("s") not in known for name in names)


def _negation(claim: _Claim) -> bool:
    return any(count_negations(ours) != count_negations(theirs) for ours, theirs in _copied(claim))


def _opposite(claim: _Claim) -> bool:
    return any(turned(ours, theirs) for ours, theirs in _copied(claim))


def _copied(claim: _Claim) -> Iterator[tuple[str, str]]:
    """(answer's wording, source's wording) of what the answer nearly copies from around its evidence."""
    from rapidfuzz import fuzz

    hay, offsets = plain_with_offsets(claim.around)
    for sentence in sentences(claim.draft.answer):
        needle, own = plain_with_offsets(sentence)
        if len(needle) + sum(not character.isascii() for character in needle) < _FEWEST_TO_COMPARE or not hay:
            continue
        found = fuzz.partial_ratio_alignment(needle, hay, score_cutoff=_NEAR_COPY)
        if found and found.dest_end > found.dest_start and found.src_end > found.src_start:
            # At its edges an alignment leaves out what differs, and that is what is looked for.
            spare = max(0, len(needle) - (found.dest_end - found.dest_start))
            low, high = max(0, found.dest_start - spare), min(len(hay), found.dest_end + spare)
            theirs = whole_words(claim.around, offsets[low], offsets[high - 1] + 1)
            ours = whole_words(sentence, own[found.src_start], own[found.src_end - 1] + 1)
            yield sentence[slice(*ours)], claim.around[slice(*theirs)]


def _foreign_words(claim: _Claim) -> bool:
    words = _content(claim.draft.answer)
    return bool(words) and len(words & _content(claim.passage)) < claim.settings.min_overlap * len(words)


def _content(text: str) -> set[str]:
    """First five letters of longer words, and pairs of Chinese characters: what two texts on one subject share."""
    latin = {word[:_STEM] for word in re.findall(r"[a-z]{4,}", text.lower())}
    runs = re.findall(r"[\u3400-\u9fff]{2,}", text)
    return latin | {run[at : at + 2] for run in runs for at in range(len(run) - 1)}


def _names(text: str) -> list[str]:
    """Words with a capital that do not owe it to the start of a sentence; units are none."""
    return [
        match.group()
        for match in _WORD.finditer(text)
        if match.group() not in ("I", "A")
        and not is_unit(match.group())
        and (not match.group()[1:].islower() or not _STARTS.search(text, 0, match.start()))
        and match.group() != match.group().lower()
    ]


_FAULTS: tuple[tuple[str, Callable[[_Claim], bool]], ...] = (
    ("evidence differs in a number, a drug or a negation", _evidence_altered),
    ("answer has a number that its evidence has not", _answer_number),
    ("answer names a drug that its evidence does not", _answer_drug),
    ("question has a number that its evidence has not", _question_number),
    ("question names a drug that the text does not", _question_drug),
    ("question and evidence are about different drugs", _other_drug),
    ("question or answer has a name that the text has not", _foreign_name),
    ("answer adds or loses a negation", _negation),
    ("answer says the opposite", _opposite),
    ("answer has too few words of the text", _foreign_words),
)
