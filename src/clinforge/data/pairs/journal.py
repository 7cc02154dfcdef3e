"""What models replied, one line a reply, so that nothing is asked twice: also after a kill.

A line is on disk before its request counts as answered. It belongs to the settings that decided the request, so other
settings ask anew and going back costs nothing; how replies are checked is decided later and has no part in it. The file
holds replies to de-identified text and is as confidential as the dataset it lies beside.
"""

import fcntl
import json
import os
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from clinforge.errors import UserError
from clinforge.records import Record

JOURNAL_FILE = "journal.jsonl"


class Reply(Record):
    """One answered request."""

    key: str
    """Document id and offsets of the passage, or `judge:` and the pair's id."""
    settings: str
    """Hash of what decided the request, the model's name included."""
    text: str
    refused: bool = False
    """The model refused the text; `text` is then empty."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


class Journal:
    """The replies in a folder. One process at a time may have it open."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / JOURNAL_FILE
        self.unreadable = 0
        """Lines that could not be read; what they answered is asked again."""
        self._lock = threading.Lock()
        self._replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise UserError(f"Another process is writing pairs in {folder}.", hint="Wait for it, or stop it.") from None
        self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def replies(self, key: str, settings: str) -> list[Reply]:
        """Replies to one question under these settings, in order."""
        with self._lock:
            return list(self._replies.get((key, settings), ()))

    def spent(self) -> tuple[int, float]:
        """(tokens, money) of all replies in the file."""
        with self._lock:
            rows = [reply for replies in self._replies.values() for reply in replies]
        return sum(row.prompt_tokens + row.completion_tokens for row in rows), sum(row.cost for row in rows)

    def add(self, reply: Reply) -> None:
        """Write a reply and wait until the disk has it."""
        line = (json.dumps(reply.model_dump(), ensure_ascii=False) + "\n").encode("utf-8", "replace")
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._replies[reply.key, reply.settings].append(reply)

    def _read(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        for line in data.splitlines():
            try:
                reply = Reply.model_validate_json(line)
            except ValidationError:
                self.unreadable += 1
            else:
                self._replies[reply.key, reply.settings].append(reply)
        if data and not data.endswith(b"\n"):  # a write that was cut short must not swallow the next one
            self._file.write(b"\n")
            self._file.flush()
