"""Which layout a question-answer set has, judged by its first rows, and said aloud.

sample of rows ─▶ detect ─▶ (Detected, Reading): the layout, the columns it reads, what was ambiguous
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

from clinforge.data.sources.layouts import (
    LAYOUTS,
    AnswerForm,
    LayoutName,
    Reading,
    RowError,
    Turns,
    is_index,
    letters_in,
    names,
    options_of,
)
from clinforge.errors import ConfigError, InputError
from clinforge.records import Record
from clinforge.rows import ROW_KEY, Placed, Row

SAMPLED = 100
"""Rows that are looked at before a layout is chosen."""
_LEAST = 0.5
_ONE_INSTRUCTION = 0.9
_SHOWN = 12


class Detected(Record):
    """How a file will be read. `str()` says it in a sentence."""

    file: str
    layout: LayoutName
    fields: dict[str, str]
    """Part of a row -> column."""
    options: tuple[str, ...] = ()
    """Columns of the options, where each has its own."""
    answers: AnswerForm = ""
    """How a choice question names its answer."""
    first_option: int | None = None
    """Number of the first option where answers are numbers; None while no row has told."""
    confidence: float
    """Share of the sampled rows that the layout reads."""
    sampled: int
    ambiguous: tuple[str, ...] = ()
    """What could be read otherwise; settle it with `layout:`, `fields:` or `first_option:`."""
    unused: tuple[str, ...] = ()
    """Columns that are not read."""

    def __str__(self) -> str:
        parts = ", ".join(f"{part} from '{column}'" for part, column in self.fields.items())
        if self.options:
            parts += f", options from {self.options[0]!r} to {self.options[-1]!r}"
        if self.answers:
            start = f" counted from {self.first_option}" if self.answers == "index" else ""
            parts += f", answered by {self.answers}{start}"
        text = f"{self.file}: layout {self.layout}; {parts}; fits {self.confidence:.0%} of {self.sampled} rows"
        text += f"; not read: {', '.join(column or '(unnamed)' for column in self.unused)}" if self.unused else ""
        return text + "".join(f"\n  ambiguous: {one}" for one in self.ambiguous)


def match(layout: LayoutName, columns: Iterable[str]) -> Reading | None:
    """How a layout would read these columns; None when it lacks one."""
    by_name = {_plain(column): column for column in reversed(list(columns))}
    table = names()["layouts"][layout]
    required = _columns_of(table["required"], by_name)
    if len(required) < len(table["required"]):
        return None
    fields = required | _columns_of(table.get("optional", {}), by_name)
    if layout != "choices" or "options" in fields:
        return Reading(fields)
    for columns_of_options in names()["options"]["columns"]:
        options = [by_name[_plain(name)] for name in columns_of_options if _plain(name) in by_name]
        if len(options) >= 2:
            return Reading(fields, tuple(options))
    return None


def names_columns(fields: Mapping[str, str]) -> Callable[[Sequence[str]], bool]:
    """Decides whether a table's first row is a header: a layout fits it, or it holds the columns of `fields`."""
    wanted = {column for column in fields.values() if not column.isdigit()}

    def is_header(cells: Sequence[str]) -> bool:
        if wanted:
            return wanted <= set(cells)
        return not fields and any(match(layout, cells) for layout in LAYOUTS)

    return is_header


def detect(
    file: str, rows: Sequence[Placed], *, layout: LayoutName | None = None, fields: Mapping[str, str] | None = None
) -> tuple[Detected, Reading]:
    """The layout that fits best and how it reads the columns; `layout` and `fields` settle what they name.

    Raises InputError when none fits, ConfigError when the layout asked for lacks a column.
    """
    sample = [row for _, row in rows[:SAMPLED]]
    columns = list(dict.fromkeys(column for row in sample for column in row))
    fitting: dict[LayoutName, Reading] = dict(_candidates(layout, columns, dict(fields or {}), sample))
    if not fitting:
        raise _no_layout(file, layout, columns)
    scores: dict[LayoutName, float] = {name: _share_read(name, reading, sample) for name, reading in fitting.items()}
    chosen = _first_good(scores)
    reading = fitting[chosen]
    if not scores[chosen]:
        raise _unreadable(file, chosen, reading, rows)
    rivals = [
        f"layout {name} fits {scores[name]:.0%} of the rows as well"
        for name, other in fitting.items()
        if scores[name] >= _LEAST and _is_rival((chosen, reading), (name, other), sample)
    ]
    used = {*reading.fields.values(), *reading.options, *kept_columns(columns, ())}
    found = Detected(
        file=file,
        layout=chosen,
        fields=dict(reading.fields),
        options=reading.options,
        answers=reading.answers,
        first_option=first_option(reading, sample) if reading.answers == "index" else None,
        confidence=scores[chosen],
        sampled=len(sample),
        ambiguous=tuple(rivals),
        unused=tuple(column for column in columns if column not in used and column != ROW_KEY),
    )
    return found, reading


def kept_columns(columns: Iterable[str], also: Sequence[str]) -> tuple[str, ...]:
    """Columns whose values are kept as `meta`: those the table knows to class a row, and those asked for."""
    known = {_plain(name) for name in names()["meta"]["columns"]} | {_plain(name) for name in also}
    return tuple(column for column in columns if _plain(column) in known)


def first_option(reading: Reading, rows: Iterable[Row]) -> int | None:
    """Whether numbered answers count options from 0 or from 1; None if no row tells.

    Only the ends tell: a 0, or a number as large as there are options.
    """
    for row in rows:
        try:
            given, count = reading.text(row, "answer"), len(options_of(row, reading))
        except RowError:
            continue
        if is_index(given) and int(given) in (0, count):
            return int(int(given) > 0)
    return None


def _columns_of(parts: Mapping[str, Sequence[str]], by_name: Mapping[str, str]) -> dict[str, str]:
    found = {
        part: next((by_name[_plain(name)] for name in known if _plain(name) in by_name), "")
        for part, known in parts.items()
    }
    return {part: column for part, column in found.items() if column}


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _candidates(
    wanted: LayoutName | None, columns: Sequence[str], fields: dict[str, str], sample: Sequence[Row]
) -> Iterator[tuple[LayoutName, Reading]]:
    """Layouts whose columns are there, with what only the rows tell."""
    for layout in (wanted,) if wanted else tuple(LAYOUTS):
        reading = _with_fields(layout, columns, fields)
        if reading is None and layout == "choices" and not fields:
            reading = _without_header(columns, sample)
        if reading is None or (layout == "chatdoctor" and not wanted and not _one_instruction(reading, sample)):
            continue
        if layout == "choices":
            form = _answer_form(reading, sample)
            reading = Reading(reading.fields, reading.options, form, first_option(reading, sample) or 0)
        yield layout, reading


def _with_fields(layout: LayoutName, columns: Sequence[str], fields: dict[str, str]) -> Reading | None:
    """Match with some parts settled: their columns stand for the first known name of the part."""
    table = names()["layouts"][layout]
    parts: dict[str, list[str]] = {**table["required"], **table.get("optional", {})}
    if not fields:
        return match(layout, columns)
    if not fields.keys() <= parts.keys() or not set(fields.values()) <= set(columns):
        return None
    free = [column for column in columns if column not in fields.values()]
    found = match(layout, [*(parts[part][0] for part in fields), *free])
    return Reading({**found.fields, **fields}, found.options) if found else None


def _without_header(columns: Sequence[str], sample: Sequence[Row]) -> Reading | None:
    """MMLU's tables: question, options, and the letter of the right one, without a header."""
    if len(columns) < 4 or columns != [str(position) for position in range(len(columns))]:
        return None
    last = columns[-1]
    letters = [letters_in(cast("str", row.get(last, ""))) for row in sample]
    if not all(len(letter) == 1 and ord(letter) - ord("A") < len(columns) - 2 for letter in letters):
        return None
    return Reading({"question": "0", "answer": last}, tuple(columns[1:-1]))


def _one_instruction(reading: Reading, sample: Sequence[Row]) -> bool:
    """Whether nearly all rows say the same instruction and bring their question in `input`."""
    said = [(str(reading.value(row, "instruction")), bool(reading.value(row, "input"))) for row in sample]
    most = max(map(said.count, set(said))) if said else 0
    return len(said) > 1 and most >= _ONE_INSTRUCTION * len(said) and max(said, key=said.count)[1]


def _answer_form(reading: Reading, sample: Sequence[Row]) -> AnswerForm:
    """Letter, index or text: the form in which most rows' answers name an option."""
    counts: dict[AnswerForm, int] = {"text": 0, "letter": 0, "index": 0}
    for row in sample:
        try:
            given, options = reading.text(row, "answer"), options_of(row, reading)
        except RowError:
            continue
        counts["text"] += given in options.values()
        counts["letter"] += bool(letters_in(given)) and set(letters_in(given)) <= options.keys()
        counts["index"] += is_index(given) and int(given) <= len(options)
    return max(counts, key=lambda form: counts[form])


def _first_good(scores: Mapping[LayoutName, float]) -> LayoutName:
    """The first layout that reads most rows, the one that asks for more; if none does, the best."""
    for name, score in scores.items():
        if score >= _LEAST:
            return name
    best: LayoutName = max(scores, key=scores.__getitem__)
    return best


def _is_rival(chosen: tuple[LayoutName, Reading], other: tuple[LayoutName, Reading], sample: Sequence[Row]) -> bool:
    """Whether another layout reads the rows differently, and not only because it uses less of what ours knows."""
    known = {*_known_columns(chosen[0], sample), *chosen[1].options}
    ours, theirs = ({*reading.fields.values(), *reading.options} for _, reading in (chosen, other))
    if theirs <= known and len(theirs) < len(ours):
        return False
    return any(_outcome(*chosen, row) != _outcome(*other, row) for row in sample)


def _known_columns(layout: LayoutName, sample: Sequence[Row]) -> Iterator[str]:
    table = names()["layouts"][layout]
    parts = {**table["required"], **table.get("optional", {})}
    known = {_plain(name) for usual in parts.values() for name in usual}
    return (column for row in sample for column in row if _plain(column) in known)


def _share_read(layout: LayoutName, reading: Reading, sample: Sequence[Row]) -> float:
    return sum(_outcome(layout, reading, row) is not None for row in sample) / len(sample)


def _outcome(layout: LayoutName, reading: Reading, row: Row) -> Turns | None:
    try:
        return LAYOUTS[layout](row, reading)
    except RowError:
        return None


def _no_layout(file: str, layout: LayoutName | None, columns: Sequence[str]) -> InputError | ConfigError:
    shown = ", ".join(f"'{column[:40]}'" for column in columns[:_SHOWN])
    unnamed = all(column.isdigit() for column in columns)
    has = f"{len(columns)} columns whose names are not known" if unnamed else f"the columns {shown}"
    if layout:
        table = names()["layouts"][layout]
        parts = ", ".join(f"{part}: COLUMN" for part in table["required"])
        return ConfigError(f"{file} has {has}; layout {layout} needs others.", hint=f"Name them: fields: {{{parts}}}.")
    return InputError(
        f"{file} is no question-answer set that ClinForge knows: it has {has}.",
        hint=f"Name its layout ({', '.join(LAYOUTS)}) with `layout:` and its columns with `fields:`, "
        "or read it with another kind of source (texts: `kind: files`).",
    )


def _unreadable(file: str, layout: LayoutName, reading: Reading, rows: Sequence[Placed]) -> InputError:
    rows = rows[:SAMPLED]
    rows = rows[:SAMPLED]
    where, row = rows[0]
    try:
        LAYOUTS[layout](row, reading)
    except RowError as error:
        first = f"{file}{where} {error}"
    else:
        first = ""
    return InputError(
        f"{file} looks like layout {layout}, but none of its first {len(rows)} rows can be read. {first}",
        hint="Name the right columns with `fields:`, or another layout with `layout:`.",
    )
