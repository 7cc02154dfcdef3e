"""One reviewer at work: what is theirs to judge, what they may see, and what becomes of a verdict.

Blinding: what others said about an item is shown to a reviewer only when their own verdict and those of all its other
reviewers are in. A verdict given after that is marked `blind: false` and does not count for agreement.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinforge.errors import InputError, MissingError
from clinforge.records import Verdict
from clinforge.review.decisions import faults_of
from clinforge.review.journal import Journal, journal_path
from clinforge.review.material import Material, dataset_folder, read_material
from clinforge.review.queue import Entry, assigned, make_queue
from clinforge.review.settings import QueueSettings, ReviewerSettings
from clinforge.review.view import view_of
from clinforge.verdicts import Key, not_undone, outcomes, read_journal, standing


@dataclass(frozen=True)
class Round:
    """A dataset, its queue, and where verdicts on it are kept."""

    material: Material
    entries: tuple[Entry, ...]
    folder: Path
    """Folder of the journals."""
    faults: tuple[str, ...]
    """Rows of the files of losses and disagreements that were set aside."""

    def journals(self) -> dict[str, Path]:
        """Reviewer -> journal, of everyone who has begun."""
        return {path.stem: path for path in sorted(self.folder.glob("*.jsonl"))}

    def holds(self, key: Key) -> bool:
        """Whether the dataset has such an item."""
        return key[1] in (self.material.facts if key[0] == "fact" else self.material.samples)

    def target(self, key: Key) -> tuple[str, tuple[str, ...]]:
        """The text that an edit replaces, and the options it must be one of; MissingError if there is no such item."""
        if not self.holds(key):
            raise MissingError(f"No {key[0]} '{key[1]}' in {self.material.folder}.")
        if key[0] == "fact":
            return self.material.facts[key[1]].object, ()
        sample = self.material.samples[key[1]]
        return sample.answer, sample.options


def open_round(target: Path, settings: QueueSettings) -> Round:
    """Read the dataset at `target` (a dataset or a run folder) and make its queue."""
    folder, faults = dataset_folder(target), list[str]()
    material = read_material(folder)
    entries = make_queue(material, settings, faults)
    return Round(material, tuple(entries), settings.reviews or folder.parent / "reviews", tuple(faults))


def require_complete(verdict: Verdict, work: Round) -> None:
    """Raise InputError naming each field of a verdict that is missing or out of place."""
    current, options = work.target((verdict.item, verdict.item_id))
    if faults := [f"field '{field}': {fault}" for field, fault in faults_of(verdict, current, options)]:
        raise InputError(" ".join(faults))


class Desk:
    """A reviewer's part of a round, with their journal open. Use it as a context manager."""

    def __init__(self, work: Round, settings: ReviewerSettings, *, simulated: bool = False) -> None:
        self.work = work
        self.reviewer = settings.reviewer
        self.simulated = simulated
        self._assigned = {entry.key: assigned(entry, settings.roster, settings.seed) for entry in work.entries}
        self._lock = threading.RLock()
        self._journal = Journal(work.folder, settings.reviewer)
        self._others: dict[Path, tuple[tuple[int, int], list[Verdict]]] = {}
        lines = self._all_lines()
        unsettled = {(one.item, one.item_id) for one in outcomes(lines) if one.decision == "escalate"}
        # What the others could not settle comes to everyone of the roster.
        self.entries = [
            entry for entry in work.entries if self.reviewer in self._assigned[entry.key] or entry.key in unsettled
        ]
        self._seen = {key for key, given in standing(lines).items() if self._revealed(key, given)}
        self._seen |= {(line.item, line.item_id) for line in self._journal.lines if not line.blind}

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def progress(self) -> list[dict[str, Any]]:
        """The reviewer's items in order, each with the decision they took (or None)."""
        with self._lock:
            mine = standing(self._journal.lines)
        return [
            entry.model_dump() | {"decision": mine[entry.key][self.reviewer].decision if entry.key in mine else None}
            for entry in self.entries
        ]

    def view(self, key: Key) -> dict[str, Any]:
        """Everything the reviewer may see of an item; MissingError if there is no such item."""
        self.work.target(key)
        with self._lock:
            given = standing(self._all_lines()).get(key, {})
            revealed = self._revealed(key, given)
            if revealed:
                self._seen.add(key)
        own = given.get(self.reviewer)
        others = [one.model_dump() for name, one in sorted(given.items()) if name != self.reviewer]
        return view_of(self.work.material, key) | {
            "own": own.model_dump() if own else None,
            "others": others if revealed else [],
        }

    def decide(self, draft: Verdict) -> Verdict:
        """Write a verdict down; reviewer, time, blinding and simulation are filled in here.

        Raises InputError naming the fields that are incomplete, MissingError for an item that is not there.
        """
        with self._lock:
            verdict = draft.model_copy(
                update={
                    "reviewer": self.reviewer,
                    "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "blind": (draft.item, draft.item_id) not in self._seen,
                    "simulated": self.simulated,
                }
            )
            require_complete(verdict, self.work)
            self._journal.append(verdict)
            return verdict

    def undo(self) -> Verdict | None:
        """Take back the reviewer's latest verdict on this dataset; None when there is none left."""
        with self._lock:
            given = [one for one in not_undone(self._journal.lines) if self.work.holds((one.item, one.item_id))]
            if not given:
                return None
            last = given[-1]
            return self.decide(Verdict(item=last.item, item_id=last.item_id, reviewer="", decision="undo", at=""))

    def take_in(self, verdict: Verdict) -> bool:
        """Write down a verdict that was given elsewhere, as it is; False if the same stands already."""
        with self._lock:
            require_complete(verdict, self.work)
            own = standing(self._journal.lines).get((verdict.item, verdict.item_id), {}).get(self.reviewer)
            if own is not None and own.model_copy(update={"at": verdict.at}) == verdict:
                return False
            self._journal.append(verdict)
            return True

    def _revealed(self, key: Key, given: dict[str, Verdict]) -> bool:
        wanted = {self.reviewer, *self._assigned.get(key, ())}
        return len(given) > 1 and wanted <= given.keys()

    def _all_lines(self) -> list[Verdict]:
        return [*self._journal.lines, *(line for lines in self._other_journals() for line in lines)]

    def _other_journals(self) -> Iterator[list[Verdict]]:
        """The others' journals, read again when they have grown."""
        own = journal_path(self.work.folder, self.reviewer)
        for path in self.work.journals().values():
            if path != own:
                state = path.stat()
                stamp = (state.st_mtime_ns, state.st_size)
                if path not in self._others or self._others[path][0] != stamp:
                    self._others[path] = (stamp, read_journal(path))
                yield self._others[path][1]
