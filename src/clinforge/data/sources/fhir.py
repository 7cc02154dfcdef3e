"""FHIR R4: one case document for each encounter, one for each patient of what belongs to no encounter.

    files ──scan──▶ resources ──check──▶ links ──▶ groups ──read again──▶ text ──▶ Document
                       └─ broken, unclear or unread ──▶ faults, as FILE:LINE field 'ELEMENT': why

Two passes: the first keeps only where each resource stands and whom it belongs to, the second reads one case at a time.
So memory grows with the number of resources, not with their texts; a bundle is read whole.

Covers: numbers of patients and encounters leave here only as keyed hashes; names, addresses and dates of the structured
parts are not put into the text. Does not cover: names and numbers within notes, which later steps take out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from clinforge.config import Settings
from clinforge.data.sources import document_id, hashed_id, records_key
from clinforge.data.sources.fhir_check import KINDS, faults_of
from clinforge.data.sources.fhir_elements import strings_in
from clinforge.data.sources.fhir_files import Found, Place, Resource, ResourceFiles
from clinforge.data.sources.fhir_links import Key, Links, reference_in
from clinforge.data.sources.fhir_text import HEADINGS, Case, when, write_case
from clinforge.data.sources.table_guess import language_named
from clinforge.errors import InputError
from clinforge.records import Document, Lang
from clinforge.safety.normalise import is_chinese

_ERROR = "entered-in-error"
_TELLING = 500
"""Characters of a case that tell its language."""


class Fhir(Settings):
    """FHIR R4 bundles (.json) and NDJSON, a file or a folder of them; a case document for each encounter."""

    kind: Literal["fhir"] = "fhir"
    path: Path
    """A file, or a folder whose .json, .ndjson and .jsonl files are read together."""
    source: str = Field(min_length=1)
    """Key of the licence table's row, or the name you give to these files."""
    licence: str = ""
    """What the files may be used for, in a word or two."""
    version: str = ""
    """Release or date of the export."""
    lang: Literal["auto", "en", "zh"] = "auto"
    """Language of our own words (headings, units of age); `auto` takes that of the resources."""

    def documents(self, faults: list[str]) -> Iterator[Document]:
        """Yield case documents in the order of their encounters; what cannot be used goes to `faults`.

        Raises InputError if there is no file or no case, MissingError without a key or without `fhir.resources`.
        """
        key = records_key()
        files = ResourceFiles(self.path)
        cases = _Cases(files, faults)
        num_written = 0
        for group in cases.groups():
            if document := self._document(group, cases, key):
                num_written += 1
                yield document
        if not num_written:
            raise InputError(f"{self.path} gave no case; {len(faults)} faults.", hint="\n".join(faults[:3]))

    def _document(self, group: "_Group", cases: "_Cases", key: bytes) -> Document | None:
        patient, encounter = cases.read(group.patient), cases.read(group.encounter)
        resources = [(place, cases.files.read(place)) for place in group.places]
        date = when(encounter) or max((when(resource) for _, resource in resources), default="")
        lang = self._lang([encounter, *(resource for _, resource in resources)])
        if lang is None:
            cases.say(group.first, "", "this case is in neither Chinese nor English; set lang to read it all the same")
            return None
        case = Case(lang, patient, encounter, resources, date, cases.look_up, cases.say)
        text, sections = write_case(case)
        if not text:
            cases.say(group.first, "", "this case has no condition, observation, medication or note that can be read")
            return None
        patient_id = hashed_id("patient", group.patient.id, key) if group.patient.name else ""
        visit_id = hashed_id("visit", group.encounter.id, key) if group.encounter.name else ""
        source_id = f"encounter/{visit_id}" if visit_id else f"patient/{patient_id}"
        return Document(
            id=document_id(self.source, source_id, text),
            text=text,
            lang=lang,
            source=self.source,
            source_id=source_id,
            sections=sections,
            patient_id=patient_id,
            visit_id=visit_id,
            date=date,
            licence=self.licence,
            version=self.version,
            meta=_meta(encounter, [resource for _, resource in resources]),
        )

    def _lang(self, resources: Sequence[Resource]) -> Lang | None:
        """The language most resources name, else that of what they say; None if they name another."""
        if self.lang != "auto":
            return self.lang
        said = Counter(resource["language"] for resource in resources if "language" in resource)
        if said:
            return next((lang for name, _ in said.most_common() if (lang := language_named(name))), None)
        text = " ".join(text for resource in resources for text in strings_in(resource))
        return "zh" if is_chinese(text[:_TELLING]) else "en"


@dataclass
class _Group:
    """What belongs to one encounter, or to one patient and no encounter."""

    patient: Key
    encounter: Key
    first: Place
    places: list[Place] = field(default_factory=list[Place])


@dataclass(frozen=True, slots=True)
class _Member:
    """A resource of a case, and the references that say whose."""

    place: Place
    kind: str
    key: Key
    patient: str
    encounter: str


class _Cases:
    """Resources of some files, brought together by encounter."""

    def __init__(self, files: ResourceFiles, faults: list[str]) -> None:
        self.files, self.faults, self.links = files, faults, Links()
        self.members: list[_Member] = []
        self.diagnoses: list[tuple[str, Key, Place]] = []
        """Conditions that an encounter names as its diagnoses: reference, encounter, place of the reference."""
        self.visits: list[tuple[Key, str, Place]] = []
        """Encounters with the reference to their patient."""
        self._scan()

    def say(self, place: Place, element: str, reason: str) -> None:
        """Note what cannot be used, by file, line or entry, and element."""
        where = f" field '{element}'" if element else ""
        self.faults.append(f"{self.files.name(place)}{where}: {reason}.")

    def read(self, key: Key) -> Resource:
        """The resource of a key; empty if it is not in the data."""
        place = self.links.places.get(key)
        return self.files.read(place) if place else {}

    def look_up(self, reference: str, place: Place, resource: Resource) -> Resource | None:
        """What a reference means: something contained in the resource itself, or in the data."""
        if reference.startswith("#"):
            return next((one for one in resource.get("contained", []) if f"#{one.get('id')}" == reference), None)
        key = self.links.follow(reference, place)
        return self.read(key) or None if key else None

    def groups(self) -> Iterator[_Group]:
        """Encounters in the order in which they stand, then patients with what belongs to no encounter."""
        groups: dict[tuple[str, Key], _Group] = {}
        for key, reference, place in self.visits:
            patient = self._follow(reference, place, "Encounter.subject")
            if patient:
                groups["encounter", key] = _Group(patient, key, place)
        named = self._diagnosed()
        for member in self.members:
            self._place(member, groups, named)
        alone = [group for (kind, _), group in groups.items() if kind == "patient"]
        yield from [group for (kind, _), group in groups.items() if kind == "encounter"] + alone

    def _scan(self) -> None:
        unread: Counter[str] = Counter()
        for found in self.files.scan(self.faults):
            kind = found.resource.get("resourceType")
            if not isinstance(kind, str):
                self.say(found.place, "resourceType", "is missing")
            elif kind not in KINDS:
                unread[kind] += 1
            else:
                self._take(kind, found)
        if unread:
            counts = ", ".join(f"{kind} {count}" for kind, count in sorted(unread.items()))
            self.faults.append(f"Kinds of resources that are not read: {counts}.")

    def _take(self, kind: str, found: Found) -> None:
        resource, place = found.resource, found.place
        if broken := faults_of(kind, resource):
            for element, reason in broken:
                self.say(place, element, reason)
            return
        if _ERROR in _states(resource):
            self.say(place, f"{kind}.status", "marks what was entered in error")
            return
        key = self.links.add(found)
        if key is None:
            return
        if kind == "Encounter":
            self.visits.append((key, reference_in(resource, "subject"), place))
            diagnoses = (reference_in(item, "condition") for item in resource.get("diagnosis", []))
            self.diagnoses += [(reference, key, place) for reference in diagnoses if reference]
        elif kind in HEADINGS:
            encounter = reference_in(resource, "encounter") or reference_in(resource, "context", "encounter")
            self.members.append(_Member(place, kind, key, reference_in(resource, "subject"), encounter))

    def _diagnosed(self) -> dict[Key, Key]:
        """The encounter of each condition that an encounter names as its diagnosis."""
        found = ((self.links.follow(reference, place), encounter) for reference, encounter, place in self.diagnoses)
        return {condition: encounter for condition, encounter in found if condition}

    def _place(self, member: _Member, groups: dict[tuple[str, Key], _Group], named: dict[Key, Key]) -> None:
        patient = self._follow(member.patient, member.place, f"{member.kind}.subject")
        encounter = self._follow(member.encounter, member.place, f"{member.kind}.encounter")
        if patient is None or encounter is None:
            return
        encounter = encounter if encounter.name else named.get(member.key, encounter)
        if not encounter.name and not patient.name:
            self.say(
                member.place, f"{member.kind}.subject", "is missing, and so is the encounter: nobody knows whose it is"
            )
            return
        known = ("encounter", encounter) if encounter.name else ("patient", patient)
        group = groups.setdefault(known, _Group(patient, encounter, member.place))
        group.patient = group.patient if group.patient.name else patient
        if patient.name and patient != group.patient:
            self.say(member.place, f"{member.kind}.subject", "is not the patient of the encounter it belongs to")
            return
        group.places.append(member.place)

    def _follow(self, reference: str, place: Place, element: str) -> Key | None:
        if reference.startswith("#"):
            self.say(place, element, "refers to a contained resource, which is not read")
            return None
        key = self.links.follow(reference, place) if reference else Key("")
        if key is None:
            self.say(
                place, element, "refers to an id that several different resources have; give each an id of its own"
            )
        return key


def _states(resource: Resource) -> Iterator[str]:
    """Every status that can say that a resource was a mistake."""
    yield resource.get("status", "")
    yield resource.get("docStatus", "")
    for coding in resource.get("verificationStatus", {}).get("coding", []):
        yield coding.get("code", "")


def _meta(encounter: Resource, resources: Sequence[Resource]) -> dict[str, Any]:
    """Codes by which cases can be told apart: the encounter's class and those of its conditions."""
    codings = [
        f"{coding['system']}|{coding['code']}"
        for resource in resources
        if resource["resourceType"] == "Condition"
        for coding in resource.get("code", {}).get("coding", [])
        if "system" in coding and "code" in coding
    ]
    kind = encounter.get("class", {}).get("code", "")
    found = {"encounter_class": kind, "condition_codes": list(dict.fromkeys(codings))}
    return {key: value for key, value in found.items() if value}
