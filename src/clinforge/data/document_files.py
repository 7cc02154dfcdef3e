"""Documents as a file that other programs read: JSON lines, or Parquet."""

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from clinforge.errors import ConfigError, MissingError, StageError
from clinforge.records import Document, write_jsonl

SUFFIXES = (".jsonl", ".parquet")
ROWS_A_GROUP = 1_000


def check_suffix(path: Path) -> None:
    """Refuse a file whose form its name does not tell, before anything is made for it."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: documents are written as {' or '.join(SUFFIXES)}.")


def write_documents(path: Path, documents: Iterable[Document]) -> int:
    """Write documents in the form that the file's suffix says; returns their number.

    The file appears when whole; StageError where there is no document.

    Parquet has a column a field; `meta`, which differs from source to source, is JSON text.
    """
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        count = write_jsonl(partial, documents) if path.suffix == ".jsonl" else _write_parquet(partial, documents)
        if not count:
            raise StageError(f"There is no document to write to {path}.")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write_parquet(path: Path, documents: Iterable[Document]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingError("Parquet needs pyarrow.", hint='pip install "clinforge[data]", or write .jsonl') from None
    schema, rows, count = _schema(), iter(documents), 0
    with parquet.ParquetWriter(path, schema) as writer:
        while group := [_row(document) for document in islice(rows, ROWS_A_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _row(document: Document) -> dict[str, object]:
    row = document.model_dump(mode="json")
    return {**row, "meta": json.dumps(row["meta"], ensure_ascii=False)}


def _schema() -> Any:  # noqa: ANN401 -- pyarrow ships no types
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    section = pa.struct([("path", pa.list_(text)), ("start", number), ("end", number), ("page", number)])
    shapes = {
        "sections": pa.list_(section),
        "conversation": pa.list_(pa.struct([("role", text), ("content", text)])),
        "options": pa.list_(text),
    }
    return pa.schema([(name, shapes.get(name, text)) for name in Document.model_fields])
