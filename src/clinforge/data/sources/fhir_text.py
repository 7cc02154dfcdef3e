"""One case as a readable text: who the patient is, what was found, what was given, what was written.

Says sex and age but no name, address or number of the patient, and days of the stay but no dates.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from clinforge.data.sources.fhir_elements import (
    Words,
    age,
    concept,
    counted,
    days_between,
    meaning,
    observed,
    quantity,
    span,
    words,
)
from clinforge.data.sources.fhir_files import Place, Resource
from clinforge.data.sources.fhir_links import reference_in
from clinforge.data.sources.fhir_notes import Note, attached_notes, composed_notes
from clinforge.records import Lang, Section

HEADINGS = {
    "Condition": "conditions",
    "Observation": "observations",
    "MedicationRequest": "medications",
    "DocumentReference": "notes",
    "Composition": "notes",
}
"""Kinds of resources that a case is made of, in the order of the text."""
_NO_VALUE = "is missing or of a kind that is not read"
_TIMES = ("effectiveDateTime", "effectiveInstant", "authoredOn", "recordedDate", "date", "issued")
_REPEAT = {
    "frequency", "frequencyMax", "period", "periodMax", "periodUnit", "when", "timeOfDay", "dayOfWeek",
    "boundsDuration", "boundsPeriod",
}  # fmt: skip
"""What is put into words of `Timing.repeat`; the rest is named as not read."""


@dataclass(frozen=True)
class Case:
    """Everything known about one encounter, or about a patient outside of any."""

    lang: Lang
    patient: Resource
    """Empty if it is not in the data."""
    encounter: Resource
    """Empty outside of encounters."""
    resources: Sequence[tuple[Place, Resource]]
    date: str
    """Start of the encounter, or the last date of what stands outside of any."""
    look_up: Callable[[str, Place, Resource], Resource | None]
    """The resource that a reference in a resource at a place means, if it is in the data."""
    say: Callable[[Place, str, str], None]
    """Takes place, element path and reason of what cannot be used."""


def write_case(case: Case) -> tuple[str, tuple[Section, ...]]:
    """The text and its sections; ("", ()) if there is nothing beyond patient and encounter."""
    body = _body(case)
    if not body:
        return "", ()
    own = words(case.lang)
    text, sections = "", list[Section]()
    for path, part in [*_opening(case, own), *body]:
        text += "\n\n" if text else ""
        text += f"{path[-1]}\n"
        sections.append(Section(path=path, start=len(text), end=len(text) + len(part)))
        text += part
    return text, tuple(sections)


def when(resource: Resource) -> str:
    """The time of a resource, ISO 8601; empty if it gives none."""
    period: Resource = resource.get("effectivePeriod") or resource.get("period") or {}
    return next((resource[name] for name in _TIMES if name in resource), period.get("start", ""))


def _opening(case: Case, own: Words) -> Iterator[tuple[tuple[str, ...], str]]:
    headings: dict[str, str] = own["headings"]
    sex = own["sex"].get(case.patient.get("gender", ""), "")
    years = age(case.patient.get("birthDate", ""), case.date, case.lang)
    if sex or years:
        yield (headings["patient"],), own["comma"].join(filter(None, (sex, years)))
    if case.encounter and (line := _encounter(case.encounter, own)):
        yield (headings["encounter"],), line


def _encounter(encounter: Resource, own: Words) -> str:
    known: Resource = encounter.get("class", {})
    kind = own["class"].get(known.get("code", ""), "") or known.get("display", "")
    parts = [kind, *map(concept, encounter.get("type", [])), concept(encounter.get("serviceType"))]
    period: Resource = encounter.get("period", {})
    if stay := days_between(period.get("start", ""), period.get("end", "")):
        parts.append(counted(own["stay"], stay))
    lines = [own["comma"].join(dict.fromkeys(filter(None, parts)))]
    if reasons := [*filter(None, map(concept, encounter.get("reasonCode", [])))]:
        lines.append(f"{own['labels']['reason']}{own['colon']}{own['comma'].join(reasons)}")
    if discharge := concept(encounter.get("hospitalization", {}).get("dischargeDisposition")):
        lines.append(f"{own['labels']['discharge']}{own['colon']}{discharge}")
    return "\n".join(filter(None, lines))


def _body(case: Case) -> list[tuple[tuple[str, ...], str]]:
    headings: dict[str, str] = words(case.lang)["headings"]
    lines: dict[str, list[str]] = {name: [] for name in HEADINGS.values()}
    notes: list[Note] = []
    for place, resource in sorted(case.resources, key=lambda found: (when(found[1]), found[1].get("id", ""))):
        kind = resource["resourceType"]
        if kind in _LINES:
            lines[HEADINGS[kind]].append(_LINES[kind](case, place, resource))
        else:
            notes += _notes(case, place, resource)
    body = [((headings[name],), "\n".join(filter(None, found))) for name, found in lines.items() if found]
    return [part for part in body if part[1]] + [
        ((headings["notes"], title or headings["notes"]), text) for title, text in notes
    ]


def _notes(case: Case, place: Place, resource: Resource) -> Iterator[Note]:
    if resource["resourceType"] == "Composition":
        found = [*composed_notes(resource)]
        if not found:
            case.say(place, "Composition.section", "has no text")
        yield from found
        return

    def binary(url: str) -> Resource | None:
        return case.look_up(url, place, resource)

    def say(element: str, reason: str) -> None:
        case.say(place, f"DocumentReference.{element}", reason)

    yield from attached_notes(resource, binary, say)


def _condition(case: Case, place: Place, condition: Resource) -> str:
    own = words(case.lang)
    name = concept(condition.get("code"))
    if not name:
        case.say(place, "Condition.code", "has no text, display or code")
        return ""
    told = [
        meaning(condition.get("verificationStatus"), own["verification"]),
        meaning(condition.get("clinicalStatus"), own["clinical"]),
        concept(condition.get("severity")),
        *map(concept, condition.get("bodySite", [])),
        _onset(case, condition, own),
    ]
    return _line(name, told, condition, own)


def _onset(case: Case, condition: Resource, own: Words) -> str:
    if "onsetAge" in condition:
        return own["onset"].format(quantity(condition["onsetAge"]))
    if "onsetString" in condition:
        return condition["onsetString"]
    birth = case.patient.get("birthDate", "")
    then = age(birth, condition.get("onsetDateTime", ""), case.lang)
    # The age at the encounter stands above; only an earlier beginning says something new.
    return own["onset"].format(then) if then and then != age(birth, case.date, case.lang) else ""


def _observation(case: Case, place: Place, observation: Resource) -> str:
    own = words(case.lang)
    name = concept(observation.get("code"))
    if not name:
        case.say(place, "Observation.code", "has no text, display or code")
        return ""
    found = [*_findings(case, place, observation)]
    if not found:
        if "hasMember" not in observation:  # a panel, whose members stand by themselves
            case.say(place, "Observation.value[x]", _NO_VALUE)
        return ""
    day = days_between(case.encounter.get("period", {}).get("start", ""), when(observation))
    told = [
        concept(observation.get("bodySite")),
        own["result"].get(observation.get("status", ""), ""),
        own["day"].format(day + 1) if day is not None and day > 0 else "",
    ]
    return _line(f"{name}{own['colon']}{own['comma'].join(found)}", told, observation, own)


def _findings(case: Case, place: Place, observation: Resource) -> Iterator[str]:
    """What was found: the value, and that of each component under its name."""
    if value := _finding(observation, case.lang):
        yield value
    for number, component in enumerate(observation.get("component", [])):
        value, element = _finding(component, case.lang), f"Observation.component[{number}]"
        if value and (name := concept(component.get("code"))):
            yield f"{name} {value}"
        elif value:
            case.say(place, f"{element}.code", "has no text, display or code")
        else:
            case.say(place, f"{element}.value[x]", _NO_VALUE)


def _finding(observation: Resource, lang: Lang) -> str:
    """Value, interpretation and reference range; empty if there is no value of a kind that is read."""
    own = words(lang)
    value = observed(observation, lang)
    if value is None and "dataAbsentReason" in observation:
        reason = concept(observation["dataAbsentReason"])
        return own["not_given"] + (own["bracket"].format(reason) if reason else "")
    if not value:
        return ""
    told = [meaning(item, own["interpretation"]) for item in observation.get("interpretation", [])]
    for limits in observation.get("referenceRange", []):
        if shown := f"{limits.get('text', '')} {span(limits)}".strip():
            told.append(own["reference"].format(shown))
    told = [*filter(None, told)]
    return value + (own["bracket"].format(own["comma"].join(told)) if told else "")


def _medication(case: Case, place: Place, request: Resource) -> str:
    own = words(case.lang)
    name = concept(request.get("medicationCodeableConcept")) or _medication_named(case, place, request)
    if not name:
        case.say(
            place, "MedicationRequest.medication[x]", "has no text, display or code, and refers to nothing in the data"
        )
        return ""
    doses = [_dose(case, place, number, dose, own) for number, dose in enumerate(request.get("dosageInstruction", []))]
    if doses := [*filter(None, doses)]:
        name += own["colon"] + own["comma"].join(doses)
    told = [own["request"].get(request.get("status", ""), ""), own["intent"].get(request.get("intent", ""), "")]
    told += [*map(concept, request.get("reasonCode", []))]
    return _line(own["do_not"].format(name) if request.get("doNotPerform") else name, told, request, own)


def _medication_named(case: Case, place: Place, request: Resource) -> str:
    reference: Resource = request.get("medicationReference", {})
    found = case.look_up(reference_in(request, "medicationReference"), place, request)
    return concept(found.get("code")) if found else str(reference.get("display", ""))


def _dose(case: Case, place: Place, number: int, dose: Resource, own: Words) -> str:
    """A dosage in its own words, else put together from its parts."""
    if dose.get("text"):
        return dose["text"].strip()
    timing: Resource = dose.get("timing", {})
    repeat: Resource = timing.get("repeat", {})
    for name in sorted(repeat.keys() - _REPEAT):
        case.say(place, f"MedicationRequest.dosageInstruction[{number}].timing.repeat.{name}", "is not read")
    amounts = [quantity(rate["doseQuantity"]) for rate in dose.get("doseAndRate", []) if "doseQuantity" in rate]
    amounts += [span(rate["doseRange"]) for rate in dose.get("doseAndRate", []) if "doseRange" in rate]
    amounts += [quantity(rate["rateQuantity"]) for rate in dose.get("doseAndRate", []) if "rateQuantity" in rate]
    needed = dose.get("asNeededCodeableConcept")
    parts = [
        *amounts,
        concept(dose.get("route")),
        concept(timing.get("code")) or _repeat(repeat, own),
        own["as_needed_for"].format(concept(needed))
        if needed
        else own["as_needed"]
        if dose.get("asNeededBoolean")
        else "",
        *map(concept, dose.get("additionalInstruction", [])),
        dose.get("patientInstruction", ""),
    ]
    return " ".join(filter(None, parts))


def _repeat(repeat: Resource, own: Words) -> str:
    units: dict[str, str] = own["units"]
    parts: list[str] = []
    if "period" in repeat:
        values = {
            "frequency": _to(repeat, "frequency", "1"),
            "period": _to(repeat, "period", ""),
            "unit": units.get(repeat.get("periodUnit", ""), ""),
        }
        parts.append(own["per"].format(**values))
    parts += [part for name in ("when", "timeOfDay", "dayOfWeek") for part in repeat.get(name, []) if part]
    period: Resource = repeat.get("boundsPeriod", {})
    if "boundsDuration" in repeat:
        parts.append(own["for"].format(quantity(repeat["boundsDuration"])))
    elif days := days_between(period.get("start", ""), period.get("end", "")):
        parts.append(own["for"].format(f"{days} {units['d']}"))
    return " ".join(parts)


def _to(repeat: Resource, name: str, missing: str) -> str:
    most = repeat.get(f"{name}Max")
    return f"{repeat.get(name, missing)}{'' if most is None else f'-{most}'}"


def _line(said: str, told: Sequence[str], resource: Resource, own: Words) -> str:
    """A line: what is said, in brackets what is told about it, and the notes."""
    told = [*filter(None, told)]
    line = said + (own["bracket"].format(own["comma"].join(told)) if told else "")
    notes = [text for note in resource.get("note", []) if (text := note.get("text", "").strip())]
    return f"{line} [{own['labels']['note']}{own['colon']}{' '.join(notes)}]" if notes else line


_LINES: dict[str, Callable[[Case, Place, Resource], str]] = {
    "Condition": _condition,
    "Observation": _observation,
    "MedicationRequest": _medication,
}
