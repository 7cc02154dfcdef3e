"""Which facts and samples reviewers look at, in which order, and why.

    safety        facts that can hurt a patient when wrong (safety.toml), worst first
    high_loss     samples the model found hardest to believe
    disagreement  samples with one question and several answers, and what a judge contradicts
    random        a share of the rest

Each item stands in the first stratum that wants it. The queue depends on data and settings alone, not on verdicts, so
every reviewer has the same and agreement per stratum means something.
"""

import math
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from clinforge.records import ItemKind, Record, Sample, content_hash, read_json_lines
from clinforge.review.material import Material
from clinforge.review.settings import QueueSettings
from clinforge.verdicts import Key

Stratum = Literal["safety", "high_loss", "disagreement", "random"]


class Entry(Record):
    """One item of the queue."""

    item: ItemKind
    item_id: str
    stratum: Stratum
    detail: str = ""
    """What put it there: the kind of danger, the loss, or what disagrees."""
    double: bool = False
    """Whether two reviewers judge it."""

    @property
    def key(self) -> Key:
        """(kind, id)."""
        return (self.item, self.item_id)


def make_queue(material: Material, settings: QueueSettings, faults: list[str]) -> list[Entry]:
    """The queue in order; rows of `losses` and `disagreements` that cannot be used are noted in `faults`."""
    wanted: dict[Key, tuple[Stratum, str]] = {}
    for key, stratum, detail in _candidates(material, settings, faults):
        wanted.setdefault(key, (stratum, detail))
    return [
        Entry(
            item=item,
            item_id=item_id,
            stratum=stratum,
            detail=detail,
            double=_place(settings.seed, "double", item, item_id) < settings.double_share,
        )
        for (item, item_id), (stratum, detail) in wanted.items()
    ]


def assigned(entry: Entry, roster: Iterable[str], seed: int) -> tuple[str, ...]:
    """Who reviews an item: one of the roster, two where it is judged twice.

    By rendezvous hashing (Thaler & Ravishankar 1998, IEEE/ACM Trans. Networking 6:1): a reviewer who joins takes items
    over, but none moves between those who were there.
    """
    ranked = sorted(roster, key=lambda name: _place(seed, "reviewer", *entry.key, name))
    return tuple(ranked[: 2 if entry.double else 1])


def danger(predicate: str) -> str:
    """The section of safety.toml that a predicate falls under; "" if none."""
    plain = predicate.casefold().replace("_", " ").replace("-", " ")
    return next((name for name, parts in _safety().items() if any(part in plain for part in parts)), "")


Candidate = tuple[Key, Stratum, str]


def _candidates(material: Material, settings: QueueSettings, faults: list[str]) -> Iterator[Candidate]:
    yield from _dangerous(material, settings.seed)
    if settings.losses is not None:
        yield from _hardest(_losses(settings.losses, material, faults), settings.high_loss_share)
    yield from _contradictory(material.samples)
    if settings.disagreements is not None:
        yield from _listed(settings.disagreements, material, faults)
    everything: list[Key] = [*(("fact", one) for one in material.facts), *(("sample", one) for one in material.samples)]
    for key in sorted(everything, key=lambda key: _place(settings.seed, "order", *key)):
        if _place(settings.seed, "random", *key) < settings.random_share:
            yield key, "random", ""


def _dangerous(material: Material, seed: int) -> Iterator[Candidate]:
    ranks = {name: rank for rank, name in enumerate(_safety())}
    found = [(danger(fact.predicate), fact.id) for fact in material.facts.values()]
    for name, fact_id in sorted(
        (one for one in found if one[0]), key=lambda one: (ranks[one[0]], _place(seed, "order", "fact", one[1]))
    ):
        yield ("fact", fact_id), "safety", name


def _hardest(losses: Mapping[str, float], share: float) -> Iterator[Candidate]:
    ranked = sorted(losses, key=lambda sample_id: (-losses[sample_id], sample_id))
    for sample_id in ranked[: math.ceil(share * len(ranked))]:
        yield ("sample", sample_id), "high_loss", f"{losses[sample_id]:.3g}"


def _contradictory(samples: Mapping[str, Sample]) -> Iterator[Candidate]:
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples.values():
        asked = [message.model_dump() for message in sample.prompt]
        groups[content_hash([asked, sorted(sample.options)])].append(sample)
    for group in groups.values():
        if len({sample.answer for sample in group}) > 1:
            for sample in group:
                yield ("sample", sample.id), "disagreement", "several_answers"


def _listed(path: Path, material: Material, faults: list[str]) -> Iterator[Candidate]:
    for number, row in read_json_lines(path, faults):
        item_id, why = row.get("id"), row.get("why", "")
        if not isinstance(why, str):
            faults.append(f"{path}:{number} field 'why': must be a text.")
        elif isinstance(item_id, str) and item_id in material.samples:
            yield ("sample", item_id), "disagreement", why
        elif isinstance(item_id, str) and item_id in material.facts:
            yield ("fact", item_id), "disagreement", why
        else:
            faults.append(f"{path}:{number} field 'id': no fact or sample of this dataset.")


def _losses(path: Path, material: Material, faults: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for number, row in read_json_lines(path, faults):
        sample_id, loss = row.get("id"), row.get("loss")
        if not isinstance(sample_id, str) or sample_id not in material.samples:
            faults.append(f"{path}:{number} field 'id': no sample of this dataset.")
        elif isinstance(loss, bool) or not isinstance(loss, int | float) or not math.isfinite(loss):
            faults.append(f"{path}:{number} field 'loss': must be a finite number.")
        else:
            found[sample_id] = float(loss)
    return found


def _place(*parts: object) -> float:
    """A number in [0, 1), uniform over different parts."""
    return int(content_hash([str(part) for part in parts])[:13], 16) / 16**13


@cache
def _safety() -> dict[str, list[str]]:
    table = tomllib.loads((files("clinforge.review") / "safety.toml").read_text(encoding="utf-8"))
    return {name: row["parts"] for name, row in table.items()}
