"""158 common diseases with symptoms, department and typical laboratory findings, in Chinese and English.

From the package faker-healthcare-provider. It was made for test data and read over by a language model, not by a
clinician: what is built on it shows that facts can be learnt, not that they are right for patients.
Its medications and dose tables are not read: they would give the diagnosis away, and dosing is not taught.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

from clinforge.errors import MissingError, UserError
from clinforge.knowledge.graphs.package_files import INSTALL_HINT
from clinforge.records import Lang

REQUIREMENT = "faker-healthcare-provider==2.5.0"
Direction = Literal["low", "high"]
_MODULES: dict[Lang, str] = {"en": "faker_healthcare", "zh": "faker_healthcare.zh_CN"}


@dataclass(frozen=True)
class Measurement:
    """A laboratory value or vital sign that a disease moves out of its reference range."""

    key: str
    label: str
    unit: str
    direction: Direction
    flag: str
    """The direction in the language's words."""
    bounds: tuple[float, float]
    """Smallest and largest value that can be shown, both outside the reference range."""
    decimals: int


@dataclass(frozen=True)
class CommonDisease:
    """One disease in one language."""

    name: str
    icd10: str
    symptoms: tuple[str, ...]
    specialty: str
    measurements: tuple[Measurement, ...]
    sex: Literal["male", "female"] | None
    """The only sex in which it occurs, if any."""
    ages: tuple[int, int]
    """Smallest and largest plausible age in years."""


@cache
def load_healthcare(lang: Lang) -> Mapping[str, CommonDisease]:
    """Diseases of one language by name; MissingError when the package is absent, UserError for another release."""
    tables = _import("faker_healthcare")
    if tables.__version__ != REQUIREMENT.partition("==")[2]:
        raise UserError(f"faker-healthcare-provider is {tables.__version__}.", hint=f"pip install {REQUIREMENT}")
    values = _import("faker_healthcare.clinical_values")
    rows: dict[str, dict[str, Any]] = _import(f"{_MODULES[lang]}.disease_correlations").DISEASE_CORRELATIONS
    labels: dict[str, str] = _import(f"{_MODULES[lang]}.clinical_labels").CLINICAL_LABELS
    return {name: _disease(name, row, values, labels) for name, row in rows.items()}


def _disease(name: str, row: dict[str, Any], values: Any, labels: dict[str, str]) -> CommonDisease:  # noqa: ANN401 -- a module
    code: str = row["icd10"]
    constraint: dict[str, Any] = values.DEMOGRAPHIC_CONSTRAINTS.get(code, {})
    low, high = values.declared_age_range(constraint)
    return CommonDisease(
        name=name,
        icd10=code,
        symptoms=tuple(dict.fromkeys(row["symptoms"])),
        specialty=row["medical_specialty"],
        measurements=tuple(_measurements(code, values, labels)),
        sex=constraint.get("sex"),
        ages=(low if constraint else max(low, 18), high if constraint else min(high, 90)),
    )


def _measurements(code: str, values: Any, labels: dict[str, str]) -> list[Measurement]:  # noqa: ANN401 -- a module
    effects: dict[str, Direction] = {
        **values.CONDITION_LAB_EFFECTS.get(code, {}),
        **values.CONDITION_VITAL_EFFECTS.get(code, {}),
    }
    found: list[Measurement] = []
    for key, direction in effects.items():
        definition = {**values.LAB_DEFINITIONS, **values.VITAL_DEFINITIONS}[key]
        low, high = definition.get("ref_low", definition.get("low")), definition.get("ref_high", definition.get("high"))
        step = 10.0 ** -definition["decimals"]
        bounds = (
            (high + step, definition["max_value"]) if direction == "high" else (definition["min_value"], low - step)
        )
        found.append(
            Measurement(
                key=key,
                label=labels[key],
                unit=definition["unit"],
                direction=direction,
                flag=labels[f"flag_{direction}"],
                bounds=bounds,
                decimals=definition["decimals"],
            )
        )
    return found


def _import(module: str) -> Any:  # noqa: ANN401 -- a module of tables
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise MissingError(f"The knowledge source {REQUIREMENT} is not installed.", hint=INSTALL_HINT) from None
