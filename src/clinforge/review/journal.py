"""One reviewer's journal: a verdict is on the disk before it is confirmed.

Covers: a crash at any moment (a line half written is set aside when the journal is next opened), two programs writing
one journal (refused). Does not cover: someone who edits the file by hand.
"""

import fcntl
import os
from pathlib import Path

from clinforge.errors import InputError, UserError
from clinforge.records import Verdict
from clinforge.verdicts import read_journal, split_tail


class Journal:
    """Appends verdicts to `FOLDER/REVIEWER.jsonl`. Close it, or use it as a context manager."""

    def __init__(self, folder: Path, reviewer: str) -> None:
        self.path = journal_path(folder, reviewer)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._lock(reviewer)
            self._mend()
            self.lines = read_journal(self.path)
            _require_own(self.lines, reviewer, self.path)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, verdict: Verdict) -> None:
        """Add one line; it has reached the disk when this returns."""
        line = verdict.model_dump_json().encode() + b"\n"
        before = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError:  # a full disk must not leave half a line for the next verdict to be joined to
            os.ftruncate(self._file, before)
            raise
        self.lines.append(verdict)

    def close(self) -> None:
        """Let another program write."""
        os.close(self._file)

    def _lock(self, reviewer: str) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{reviewer}'s journal is open in another program.", hint="Close the other review first."
            ) from None

    def _mend(self) -> None:
        """End a last line that a crash left without its end; what is no verdict goes to `REVIEWER.torn`."""
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            if split_tail(content)[1]:
                os.write(self._file, b"\n")
            else:
                start = content.rfind(b"\n") + 1
                with self.path.with_suffix(".torn").open("ab") as torn:
                    torn.write(content[start:] + b"\n")
                os.ftruncate(self._file, start)
        os.fsync(self._file)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)  # a new file's name is on the disk only when its folder is
        os.close(folder)


def journal_path(folder: Path, reviewer: str) -> Path:
    """Where a reviewer's verdicts stand."""
    return folder / f"{reviewer}.jsonl"


def _require_own(lines: list[Verdict], reviewer: str, path: Path) -> None:
    """Names that differ only in case share a file on some disks."""
    if strangers := {line.reviewer for line in lines} - {reviewer}:
        raise InputError(f"{path} holds verdicts of {', '.join(sorted(strangers))}.", hint="Choose another name.")
