"""Progress on a terminal: one bar a stage, with the time left; plain lines where there is no terminal."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_SECONDS = 15.0


class StageProgress:
    """Shows how far each stage is. Call it with (what is being done, done, total)."""

    def __init__(self, console: Console, bars: Progress | None) -> None:
        self._console = console
        self._bars = bars
        self._task: TaskID | None = None
        self._stage = ""
        self._started = self._since = self._printed = 0.0
        self._done = 0

    def start(self, stage: str) -> None:
        """Open a stage's bar."""
        self._stage, self._started, self._printed, self._done = stage, time.monotonic(), 0.0, 0
        self._since = self._started
        if self._bars is not None:
            self._task = self._bars.add_task(stage, total=None, detail="")
        else:
            self._console.print(f"{stage} ...")

    def __call__(self, detail: str, done: int, total: int) -> None:
        """Move the open stage's bar."""
        if done < self._done:  # the next part of the stage: its pace is its own
            self._since = time.monotonic()
            if self._bars is not None and self._task is not None:
                self._bars.reset(self._task)
        self._done = done
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, total=total or None, detail=detail)
        elif time.monotonic() - self._printed > PLAIN_SECONDS:
            self._printed = time.monotonic()
            spent = self._printed - self._since
            left = f", about {spent / done * (total - done):.0f} s left" if done else ""
            self._console.print(f"{self._stage}: {detail} {done}/{total}{left}")

    def finish(self, outcome: str) -> None:
        """Close the open stage's bar with one line."""
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        seconds = time.monotonic() - self._started
        self._console.print(f"[green]✓[/green] {self._stage:<12} {outcome} [dim]({seconds:.0f} s)[/dim]")


@contextmanager
def stage_progress(console: Console) -> Generator[StageProgress]:
    """Bars while the block runs; plain lines if the console is not a terminal."""
    if not console.is_terminal:
        yield StageProgress(console, None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield StageProgress(console, bars)
