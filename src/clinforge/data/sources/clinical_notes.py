"""Clinical notes in tables of known layout: MIMIC-III, MIMIC-IV-Note and the NOTE table of the OMOP data model.

The same reader as for other tables, with the columns known beforehand. De-identification marks in the texts
(`[** **]`, `___`) stay as they are.
"""

import functools
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from clinforge.config import Settings
from clinforge.data.sources.tables import Table
from clinforge.errors import InputError
from clinforge.records import Document


class ClinicalNotes(Settings):
    """Notes of MIMIC-III (NOTEEVENTS), MIMIC-IV-Note (discharge, radiology) or OMOP (NOTE), as CSV, TSV or .gz."""

    kind: Literal["clinical_notes"] = "clinical_notes"
    layout: Literal["mimic3", "mimic4_discharge", "mimic4_radiology", "omop"]
    """Which table it is."""
    path: Path
    """The file, e.g. NOTEEVENTS.csv.gz."""
    source: str = ""
    """Key of the licence table's row, or the name you give to these files; the layout's own if not given."""
    licence: str = ""
    """What the files may be used for; what the layout says if not given."""
    version: str = ""
    """Release of the data, e.g. 2.2."""
    categories: tuple[str, ...] = ()
    """Keep only notes of these categories (as in `meta.category`), e.g. Discharge summary; empty keeps all."""

    def table(self) -> Table:
        """The layout as a table with its columns."""
        known = {key: value for key, value in _layouts()[self.layout].items() if key != "categories"}
        given = {key: value for key in ("source", "licence") if (value := getattr(self, key))}
        return Table.model_validate(known | given | {"path": self.path, "version": self.version})

    def documents(self, faults: list[str]) -> Iterator[Document]:
        """Yield a document for each note; bad rows and notes marked as errors go to `faults`.

        Raises what `Table.documents` raises, and InputError if there is no note of the wanted categories.
        """
        names: dict[str, str] = _layouts()[self.layout].get("categories", {})
        seen: Counter[str] = Counter()
        for document in self.table().documents(faults):
            coded = str(document.meta.get("category", ""))
            category = names.get(coded, coded)
            seen[category] += 1
            if not self.categories or category in self.categories:
                meta = document.meta | {"category": category} if category else document.meta
                yield document.model_copy(update={"meta": meta})
        if self.categories:
            self._say_what_was_left(seen, faults)

    def _say_what_was_left(self, seen: Counter[str], faults: list[str]) -> None:
        left = {category: count for category, count in seen.items() if category not in self.categories}
        counts = ", ".join(f"{category or 'without category'} {count}" for category, count in sorted(left.items()))
        if len(left) == len(seen):
            raise InputError(
                f"{self.path} has no note of the categories {list(self.categories)}.", hint=f"Has: {counts}."
            )
        if left:
            faults.append(f"{self.path}: {sum(left.values())} notes of other categories are left out: {counts}.")


@functools.cache
def _layouts() -> dict[str, Any]:
    return tomllib.loads((files("clinforge.data.sources") / "clinical_notes.toml").read_text(encoding="utf-8"))
