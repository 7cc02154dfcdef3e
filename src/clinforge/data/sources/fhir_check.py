"""Whether a resource is what FHIR R4 allows, by the classes of `fhir.resources`.

The package (8.x) models R5, R4B and STU3, not R4 itself. R4B (4.3.0) changed nothing in the kinds read here: it
reworked medicinal products, evidence and subscriptions (https://hl7.org/fhir/R4B/history.html). Its classes ask for
elements, types and the form of dates and numbers; not for codes of value sets, nor for what a profile demands.
"""

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from clinforge.data.sources.fhir_files import Resource
from clinforge.errors import MissingError

KINDS = (
    "Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Medication", "DocumentReference",
    "Composition", "Binary",
)  # fmt: skip
"""Kinds of resources that are read."""
_REASONS = {"missing": "is missing", "extra_forbidden": "is not an element of FHIR R4"}
_TRUTHS = ("valueBoolean", "doNotPerform", "asNeededBoolean")


def faults_of(kind: str, resource: Resource) -> list[tuple[str, str]]:
    """(element path, what is wrong with it) of a resource; never the value itself, which may be a patient's."""
    try:
        _model(kind).model_validate(resource)
    except ValidationError as error:
        found = error.errors(include_input=False, include_context=False, include_url=False)
        return [(_path(kind, fault["loc"]), _reason(fault["type"])) for fault in found]
    except (KeyError, AttributeError, TypeError):  # fhir-core 1.1 on a contained resource of a kind it does not know
        return [(f"{kind}.contained", "holds what is not a resource of FHIR R4")]
    return [(path, "must be true or false, without quotes") for path in _quoted_truths(kind, resource)]


def _path(kind: str, location: Sequence[int | str]) -> str:
    path = kind
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path


def _reason(kind: str) -> str:
    return _REASONS.get(kind.rpartition(".")[2], "is not what FHIR R4 allows here")


def _quoted_truths(path: str, value: object) -> list[str]:
    """Elements that hold "false" where false is meant: pydantic takes both, and who reads on would take it for true."""
    if isinstance(value, list):
        return [one for number, item in enumerate(value) for one in _quoted_truths(f"{path}[{number}]", item)]
    if not isinstance(value, dict):
        return []
    own = [f"{path}.{key}" for key in _TRUTHS if not isinstance(value.get(key, False), bool)]
    return own + [one for key, item in value.items() for one in _quoted_truths(f"{path}.{key}", item)]


@functools.cache
def _model(kind: str) -> type[BaseModel]:
    try:
        module: Any = importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")
    except ImportError:
        raise MissingError("Checking FHIR needs fhir.resources.", hint='pip install "clinforge[data]"') from None
    return getattr(module, kind)
