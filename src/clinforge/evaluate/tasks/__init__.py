"""Ways to ask a model: weigh given options, or write an answer; and questions brought along in a file.

samples ─┬─ choice     options weighed by log-probability ─┐
         └─ free_text  answers written, then compared ─────┴─▶ Score per sample
file.jsonl ─ custom ─▶ samples
"""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told (label, done, total) as the work goes on."""


def silent(_label: str, _done: int, _total: int) -> None:
    """A progress that shows nothing."""
