"""What a served model may be asked to choose from: the diagnoses it was taught, with their departments."""

from collections.abc import Iterable
from typing import Any

from clinforge.data.tasks.advice import department_name
from clinforge.knowledge.graphs.healthcare import load_healthcare
from clinforge.records import Lang, Sample

_LANGUAGES: tuple[Lang, ...] = ("en", "zh")


def labels(samples: Iterable[Sample]) -> dict[str, dict[str, Any]]:
    """Language -> {"diagnoses": {disease: department}, "departments": [...]}: what the training rows `samples` taught.

    Without a department task in a language there are no departments: the diagnosis's own is shown then.
    """
    rows = list(samples)
    found: dict[str, dict[str, Any]] = {}
    for lang in _LANGUAGES:
        taught = {row.answer for row in rows if (row.task, row.lang) == ("diagnosis", lang)}
        table = load_healthcare(lang)
        offered = next((row.options for row in rows if (row.task, row.lang) == ("department", lang)), ())
        found[lang] = {
            "diagnoses": {name: department_name(table[name].specialty) for name in sorted(taught)},
            "departments": list(offered),
        }
    return found
