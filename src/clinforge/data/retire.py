"""Act on what reviewers said: rejected rows leave the dataset, edited ones are replaced, and both are on record.

Covers: facts and samples by id, edits of edits. Does not cover: a fact that another source states in other words, and
what was trained before the review.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinforge.data.lineage import AppliedReview, Lineage
from clinforge.errors import GateError
from clinforge.records import Fact, Sample, content_hash
from clinforge.verdicts import Key, Outcome, outcomes, read_verdicts, retired


@dataclass(frozen=True)
class Reviewed:
    """Rows after the review."""

    samples: list[Sample]
    facts: dict[str, Fact]
    applied: list[AppliedReview]
    notes: dict[str, Any]
    """For the manifest: `retired` (facts, samples) and `reviewed` (outcomes by decision, edits, trial verdicts)."""


def apply_reviews(
    samples: Sequence[Sample], facts: Mapping[str, Fact], reviews: Sequence[Path], lineage: Lineage
) -> Reviewed:
    """Take out what the journals `reviews` reject, put edited answers in place; facts no sample needs go too.

    Raises GateError when a task loses all its samples.
    """
    verdicts = read_verdicts(reviews)
    gone = retired(verdicts)
    found: dict[Key, Outcome] = {(one.item, one.item_id): one for one in outcomes(verdicts)}
    kept: list[Sample] = []
    replaced: dict[str, str] = {}
    dropped: Counter[str] = Counter()
    others = {sample.id for sample in samples}
    for sample in samples:
        after, chain = _edited(sample, found)
        replaced |= chain
        if gone.fact_ids.intersection(after.fact_ids):
            dropped["a fact it rests on was rejected or corrected"] += 1
        elif after.id in gone.sample_ids:
            dropped["rejected"] += 1
        elif chain and after.id in others:
            dropped["the same as another after its edit"] += 1
        else:
            kept.append(after)
    _require_all_tasks(samples, kept)
    said = {"outcomes": [one.model_dump() for one in found.values()]}
    lineage.record("all", "review", said, (len(samples), len(kept)), dropped)
    needed = {fact_id for sample in kept for fact_id in sample.fact_ids}
    idle = {fact_id for sample in samples for fact_id in sample.fact_ids} - needed
    left = {fact_id: fact for fact_id, fact in facts.items() if fact_id not in gone.fact_ids | idle}
    present = {("fact", fact_id) for fact_id in facts} | {("sample", sample.id) for sample in samples}
    present |= {("sample", sample_id) for sample_id in replaced.values()}
    applied = [
        AppliedReview(outcome=one, replaced_by=replaced.get(one.item_id, "") if one.item == "sample" else "")
        for key, one in found.items()
        if key in present
    ]
    return Reviewed(kept, left, applied, _notes(applied, facts, gone.fact_ids, dropped))


def _edited(sample: Sample, found: Mapping[Key, Outcome]) -> tuple[Sample, dict[str, str]]:
    """The sample with its edits, and old id -> new id of each; edits that lead back to where they began end there."""
    chain: dict[str, str] = {}
    seen = {sample.id}
    while (outcome := found.get(("sample", sample.id))) is not None and outcome.decision == "edit":
        draft = sample.model_copy(update={"id": "", "answer": outcome.edited})
        after = draft.model_copy(update={"id": content_hash(draft.model_dump(mode="json"))[:16]})
        chain[sample.id] = after.id
        sample = after
        if sample.id in seen:
            break
        seen.add(sample.id)
    return sample, chain


def _require_all_tasks(before: Sequence[Sample], after: Sequence[Sample]) -> None:
    lost = {f"{sample.task}.{sample.lang}" for sample in before}
    lost -= {f"{sample.task}.{sample.lang}" for sample in after}
    if lost:
        raise GateError(
            f"The reviews reject every sample of {', '.join(sorted(lost))}.",
            hint="Remove the task from data.tasks, or correct its source.",
        )


def _notes(
    applied: Sequence[AppliedReview],
    before: Mapping[str, Fact],
    gone: frozenset[str],
    dropped: Mapping[str, int],
) -> dict[str, Any]:
    return {
        "retired": {"facts": len(gone & before.keys()), "samples": sum(dropped.values())},
        "reviewed": {
            **dict(sorted(Counter(one.outcome.decision for one in applied).items())),
            "samples replaced": sum(bool(one.replaced_by) for one in applied),
            "simulated": sum(one.outcome.simulated for one in applied),
        },
    }
