"""What a served model may be asked to choose from: the diagnoses it was taught, with their departments."""

from collections.abc import Iterable
from typing import Any

from clinforge.data.departments import all_departments
from clinforge.data.tasks.advice import department_name
from clinforge.knowledge.graphs.healthcare import load_healthcare
from clinforge.records import Lang, Sample

_LANGUAGES: tuple[Lang, ...] = ("en", "zh")


def labels(samples: Iterable[Sample]) -> dict[str, dict[str, Any]]:
    """Language -> {"diagnoses": {disease: department}, "departments": [...]}; `samples` are the training rows."""
    taught = {(sample.lang, sample.answer) for sample in samples if sample.task == "diagnosis"}
    found: dict[str, dict[str, Any]] = {}
    for lang in _LANGUAGES:
        rows = load_healthcare(lang)
        departments = {name: department_name(row.specialty) for name, row in sorted(rows.items())}
        listed = sorted(set(departments.values())) if lang == "en" else list(all_departments())
        diagnoses = {name: department for name, department in departments.items() if (lang, name) in taught}
        found[lang] = {"diagnoses": diagnoses, "departments": listed}
    return found
