"""Every patient here is made up."""

import base64
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinforge.data.sources import hashed_id
from clinforge.data.sources.fhir import Fhir
from clinforge.data.sources.fhir_elements import age, narrative
from clinforge.errors import InputError, MissingError

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"


def coded(text, code="1", system=SNOMED):
    return {"coding": [{"system": system, "code": code, "display": text}]}


def status(code, kind):
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{kind}", "code": code}]}


def about(visit="e1", patient="p1"):
    encounter = {"encounter": {"reference": f"Encounter/{visit}"}} if visit else {}
    return {"subject": {"reference": f"Patient/{patient}", "display": "Ann Nobody"}} | encounter


def patient(number="p1", **more):
    return {
        "resourceType": "Patient", "id": number, "gender": "female", "birthDate": "1974-06-15",
        "name": [{"family": "Nobody", "given": ["Ann"]}], "address": [{"city": "Nowhere"}], **more,
    }  # fmt: skip


def visit(number="e1", who="p1", **more):
    return {
        "resourceType": "Encounter", "id": number, "status": "finished", "class": {"code": "IMP"},
        "subject": {"reference": f"Patient/{who}", "display": "Ann Nobody"},
        "period": {"start": "2020-06-14T10:00:00+00:00", "end": "2020-06-17T09:00:00+00:00"}, **more,
    }  # fmt: skip


def condition(name="Pneumonia", where="e1", **more):
    return {"resourceType": "Condition", "code": coded(name), **about(where), **more}


def observation(name="Potassium", where="e1", **more):
    value = (
        {"valueQuantity": {"value": 4.1, "unit": "mmol/L"}} if not any(key.startswith("value") for key in more) else {}
    )
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": coded(name, "2", LOINC),
        **about(where),
        **value,
        **more,
    }


def request(name="Amoxicillin", where="e1", **more):
    drug = {"medicationCodeableConcept": coded(name)} if "medicationReference" not in more else {}
    return {"resourceType": "MedicationRequest", "status": "active", "intent": "order", **drug, **about(where), **more}


def document(text, kind="text/plain", where="e1", **more):
    data = text if isinstance(text, bytes) else text.encode()
    attachment = {"contentType": kind, "data": base64.b64encode(data).decode(), "title": "Note"}
    context = {"context": {"encounter": [{"reference": f"Encounter/{where}"}]}}
    subject = {"subject": about(where)["subject"]}
    return (
        {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}
        | subject
        | context
        | more
    )


def composition(*sections, where="e1"):
    return {
        "resourceType": "Composition", "status": "final", "type": coded("Discharge summary"), "date": "2020-06-17",
        "author": [{"display": "Dr No"}], "title": "Discharge summary", "section": list(sections), **about(where),
    }  # fmt: skip


def div(text, **more):
    return {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}, **more}


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}


def write_bundle(folder, *resources, name="bundle.json"):
    (folder / name).write_text(json.dumps(bundle(*resources)), encoding="utf-8")
    return folder / name


def write_lines(folder, *resources, name="all.ndjson"):
    lines = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in resources)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def read(path, **given):
    faults = []
    return list(Fhir.model_validate({"path": path, "source": "ward", **given}).documents(faults)), faults


def case_of(folder, *resources):
    found, faults = read(write_lines(folder, patient(), visit(), *resources))
    assert len(found) == 1
    return found[0].text, faults


CASE = (
    patient(),
    visit(reasonCode=[coded("Cough")], hospitalization={"dischargeDisposition": {"text": "Home"}}),
    condition(clinicalStatus=status("active", "condition-clinical"), onsetDateTime="2010-01-01"),
    condition("Embolism", verificationStatus=status("refuted", "condition-ver-status")),
    observation(
        effectiveDateTime="2020-06-15T08:00:00+00:00", interpretation=[status("H", "v3-ObservationInterpretation")]
    ),
    request(dosageInstruction=[{"text": "500 mg t.i.d."}]),
    document("Seen on the ward.\nNo fever."),
    composition(div("<p>Well.</p><p>Home.</p>", title="Course")),
)
TEXT = """Patient
female, 45 years

Encounter
inpatient, stay of 3 days
Reason: Cough
Discharged to: Home

Conditions
Pneumonia (onset at 35 years)
Embolism (RULED OUT)

Observations
Potassium: 4.1 mmol/L (high) (day 2)

Medications
Amoxicillin: 500 mg t.i.d.

Note
Seen on the ward.
No fever.

Course
Well.
Home."""


def test_an_encounter_becomes_one_readable_case(tmp_path, key):
    found, faults = read(write_bundle(tmp_path, *CASE))
    assert faults == []
    assert [one.text for one in found] == [TEXT]
    case = found[0]
    assert [case.text[part.start : part.end].split("\n")[0] for part in case.sections] == [
        "female, 45 years", "inpatient, stay of 3 days", "Pneumonia (onset at 35 years)",
        "Potassium: 4.1 mmol/L (high) (day 2)", "Amoxicillin: 500 mg t.i.d.", "Seen on the ward.", "Well.",
    ]  # fmt: skip
    assert [part.path for part in case.sections][-2:] == [("Notes", "Note"), ("Notes", "Course")]
    assert (case.patient_id, case.visit_id) == (hashed_id("patient", "p1", key), hashed_id("visit", "e1", key))
    assert case.date == "2020-06-14T10:00:00+00:00"
    assert case.meta == {"encounter_class": "IMP", "condition_codes": [f"{SNOMED}|1"]}


def test_no_name_address_or_number_of_the_patient_is_in_a_case(tmp_path, key):
    found, faults = read(
        write_bundle(tmp_path, *CASE, observation(status="broken"), observation(where="e1", subject={}))
    )
    told = "".join(one.model_dump_json() for one in found) + "".join(faults).replace(str(tmp_path), "")
    assert not any(word in told for word in ("Nobody", "Ann", "Nowhere", "1974", "Patient/p1", "Encounter/e1"))


def test_bundles_and_lines_in_any_order_give_the_same_case(tmp_path, key):
    identified = [{"id": f"r{number}", **resource} for number, resource in enumerate(CASE)]
    expected, _ = read(write_bundle(tmp_path, *identified))
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        shuffled = random.Random(seed).sample(identified, len(identified))
        write_lines(folder, *shuffled[:4], name="a.ndjson")
        write_lines(folder, *shuffled[4:], name="b.jsonl")
        found, faults = read(folder)
        assert faults == []
        assert [(sorted(one.text.split("\n\n")), one.patient_id) for one in found] == [
            (sorted(one.text.split("\n\n")), one.patient_id) for one in expected
        ]


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (observation(valueQuantity={"value": "high"}), "field 'Observation.valueQuantity.value'"),
        ({**condition(), "subject": None}, "field 'Condition.subject'"),
        ({**request(), "intent": 3}, "field 'MedicationRequest.intent'"),
        (observation(component=[{"valueString": "x"}]), "field 'Observation.component[0].code'"),
        (observation(unknown=1), "field 'Observation.unknown'"),
        (observation(valueBoolean="false"), "field 'Observation.valueBoolean'"),
        (observation(effectiveDateTime="14.6.2020"), "field 'Observation.effectiveDateTime'"),
        (observation(contained=[{"resourceType": "Nonsense", "id": "x"}]), "field 'Observation.contained'"),
        ({"id": "x"}, "field 'resourceType'"),
        (observation(valueString=None), "field 'Observation.value[x]'"),
        (condition(code={}), "field 'Condition.code'"),
    ],
)
def test_a_broken_resource_names_place_and_element_and_the_rest_goes_on(tmp_path, key, broken, named):
    for path, place in (
        (write_bundle(tmp_path, patient(), visit(), broken, condition()), " entry[2]"),
        (write_lines(tmp_path, patient(), visit(), broken, condition()), ":3"),
    ):
        found, faults = read(path)
        assert len(found) == 1
        assert "Pneumonia" in found[0].text
        assert [fault.startswith(f"{path}{place} {named}") for fault in faults] == [True], faults


def test_broken_lines_and_files_are_named_and_the_rest_goes_on(tmp_path, key):
    write_lines(
        tmp_path, patient(), "{broken", "[1]", visit(), '{"resourceType": "Observation", "x": NaN}', condition()
    )
    (tmp_path / "b.json").write_text("{\n\n!}", encoding="utf-8")
    (tmp_path / "c.json").write_bytes('{"resourceType": "患者"}'.encode("gb18030"))
    found, faults = read(tmp_path)
    assert len(found) == 1
    assert [fault.split("column")[0].removeprefix(f"{tmp_path}/")[:13] for fault in faults] == [
        "all.ndjson:2 ", "all.ndjson:3:", "all.ndjson:5:", "b.json:3 ", "c.json: not U",
    ]  # fmt: skip


def test_what_was_entered_in_error_and_what_is_not_read_is_said(tmp_path, key):
    wrong = condition("Leprosy", verificationStatus=status("entered-in-error", "condition-ver-status"))
    other = {"resourceType": "Procedure", "id": "x"}
    text, faults = case_of(tmp_path, condition(), wrong, other, other)
    assert "Leprosy" not in text
    assert ":4 field 'Condition.status': marks what was entered in error" in faults[0]
    assert faults[1] == "Kinds of resources that are not read: Procedure 2."


@pytest.mark.parametrize(
    ("resource", "line"),
    [
        (observation(valueQuantity={"value": 7.10, "comparator": "<", "code": "mg/dL"}), "Potassium: <7.1 mg/dL"),
        (observation(valueCodeableConcept=coded("Present")), "Potassium: Present"),
        (observation(valueBoolean=False), "Potassium: no"),
        (observation(valueInteger=0), "Potassium: 0"),
        (observation(valueRange={"low": {"value": 1}, "high": {"value": 2, "unit": "cm"}}), "Potassium: 1-2 cm"),
        (observation(valueRatio={"numerator": {"value": 1}, "denominator": {"value": 128}}), "Potassium: 1:128"),
        (
            observation(valueString="x", referenceRange=[{"text": "all", "low": {"value": 3}, "high": {"value": 5}}]),
            "Potassium: x (reference all 3-5)",
        ),
        (
            {**observation(valueX=0), "dataAbsentReason": {"text": "clotted"}, "valueX": None},
            "Potassium: value not given (clotted)",
        ),
        (observation(status="preliminary", bodySite={"text": "arm"}), "Potassium: 4.1 mmol/L (arm, preliminary)"),
        (
            {**observation("BP", valueX=0, component=[
                {"code": {"text": "systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg"}},
                {"code": {"text": "diastolic"}, "valueQuantity": {"value": 80, "unit": "mmHg"}},
            ]), "valueX": None},
            "BP: systolic 120 mmHg, diastolic 80 mmHg",
        ),
        (request(doNotPerform=True), "DO NOT GIVE: Amoxicillin"),
        (request(status="stopped", intent="proposal"), "Amoxicillin (stopped, proposed, not ordered)"),
        (
            request(dosageInstruction=[{
                "doseAndRate": [{"doseQuantity": {"value": 2.50, "unit": "mg"}}], "route": coded("oral"),
                "asNeededBoolean": True,
                "timing": {"repeat": {
                    "frequency": 2, "period": 1, "periodUnit": "d", "boundsDuration": {"value": 5, "unit": "d"},
                }},
            }]),
            "Amoxicillin: 2.5 mg oral 2× per 1 d for 5 d as needed",
        ),
        (
            request(medicationReference={"reference": "#m"},
                    contained=[{"resourceType": "Medication", "id": "m", "code": {"text": "Iron"}}]),
            "Iron",
        ),
        (condition(verificationStatus=status("provisional", "condition-ver-status"), severity={"text": "severe"}),
         "Pneumonia (provisional, severe)"),
        (condition(code=coded(None, "44054006"), note=[{"text": "diet only"}]), "SNOMED CT 44054006 [Note: diet only]"),
    ],
)  # fmt: skip
def test_what_a_resource_says_is_put_into_words(tmp_path, key, resource, line):
    clean = json.loads(json.dumps(resource), object_hook=lambda item: {k: v for k, v in item.items() if v is not None})
    text, faults = case_of(tmp_path, clean)
    assert faults == []
    assert line in text.splitlines()


def test_decimals_keep_their_digits(tmp_path, key):
    line = json.dumps(observation()).replace("4.1", "4.10")
    text, _ = case_of(tmp_path, line)
    assert "Potassium: 4.10 mmol/L" in text


def test_a_chinese_case_speaks_chinese(tmp_path, key):
    text, faults = case_of(
        tmp_path,
        condition("肺炎", onsetDateTime="2010-01-01", verificationStatus=status("provisional", "condition-ver-status")),
        observation("钾", interpretation=[status("L", "v3-ObservationInterpretation")]),
        document("患者发热3天。".encode("gb18030")),
    )
    assert faults == []
    assert text == (
        "患者\n女，45岁\n\n就诊\n住院，历时3天\n\n诊断与问题\n肺炎（初步诊断，35岁起病）\n\n"
        "检查与检验\n钾：4.1 mmol/L（偏低）\n\n"
        "Note\n患者发热3天。"
    )


def test_the_language_that_resources_name_decides(tmp_path, key):
    found, _ = read(write_lines(tmp_path, patient(), visit(language="zh-CN"), condition()))
    assert (found[0].lang, found[0].text[:2]) == ("zh", "患者")
    path = write_lines(tmp_path, patient(), visit(language="ja"), condition(), visit("e2"), condition(where="e2"))
    found, faults = read(path)
    assert len(found) == 1
    assert ":2: this case is in neither" in faults[0]
    assert len(read(path, lang="en")[0]) == 2


def test_what_belongs_to_no_encounter_goes_to_a_document_of_the_patient(tmp_path, key):
    lines = [patient(), visit(), condition(), condition("Asthma", where="", recordedDate="2019-01-01")]
    found, faults = read(
        write_lines(tmp_path, *lines, patient("p2"), condition("Gout", "", subject={"reference": "Patient/p2"}))
    )
    assert faults == []
    assert [(one.source_id.split("/")[0], one.visit_id != "") for one in found] == [
        ("encounter", True), ("patient", False), ("patient", False),
    ]  # fmt: skip
    assert found[1].text == "Patient\nfemale, 44 years\n\nConditions\nAsthma"
    assert found[1].patient_id == found[0].patient_id != found[2].patient_id


def test_a_diagnosis_that_the_encounter_names_belongs_to_it(tmp_path, key):
    named = visit(diagnosis=[{"condition": {"reference": "Condition/c1"}}])
    found, _ = read(write_lines(tmp_path, condition(where="", id="c1"), named, patient()))
    assert [one.text.count("Pneumonia") for one in found] == [1]
    assert found[0].visit_id


def test_a_finding_never_goes_to_another_patient(tmp_path, key):
    stray = observation("Lithium", subject={"reference": "Patient/p2"})
    text, faults = case_of(tmp_path, condition(), stray)
    assert "Lithium" not in text
    assert ":4 field 'Observation.subject': is not the patient of the encounter" in faults[0]


def test_two_hospitals_with_the_same_numbers_are_not_mixed(tmp_path, key):
    write_bundle(tmp_path, patient(), visit(), condition("Gout"), name="a.json")
    write_bundle(
        tmp_path, patient(gender="male"), visit(period={"start": "2019-01-01"}), condition("Asthma"), name="b.json"
    )
    found, faults = read(tmp_path)
    assert faults == []
    assert [("Gout" in one.text, "Asthma" in one.text) for one in found] == [(True, False), (False, True)]
    write_lines(tmp_path, observation(), name="c.ndjson")
    assert "several different resources" in read(tmp_path)[1][0]


def test_pages_that_repeat_a_resource_count_it_once(tmp_path, key):
    measured = observation(id="o1", effectiveDateTime="2020-06-14")
    write_bundle(tmp_path, patient(), visit(), measured, name="a.json")
    write_bundle(tmp_path, patient(meta={"versionId": "2"}), visit(), measured, condition(), name="b.json")
    found, faults = read(tmp_path)
    assert faults == []
    assert len(found) == 1
    assert found[0].text.count("Potassium") == 1
    assert "Pneumonia" in found[0].text


def test_references_by_uuid_and_by_address_are_followed(tmp_path, key):
    entries = [
        {"fullUrl": "urn:uuid:aaaa", "resource": {k: v for k, v in patient().items() if k != "id"}},
        {"fullUrl": "https://fhir.example/r4/Encounter/e1", "resource": visit(subject={"reference": "urn:uuid:aaaa"})},
        {"resource": condition(
            subject={"reference": "urn:uuid:aaaa"},
            encounter={"reference": "https://fhir.example/r4/Encounter/e1/_history/2"},
        )},
    ]  # fmt: skip
    path = tmp_path / "b.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    found, faults = read(path)
    assert faults == []
    assert found[0].text.startswith("Patient\nfemale, 45 years")
    assert found[0].patient_id == hashed_id("patient", "aaaa", key)


@pytest.mark.parametrize(
    ("attachment", "said"),
    [
        ({"url": "https://example.org/note.txt"}, "is at a URL, which is not fetched"),
        ({"contentType": "application/pdf", "data": "AAAA"}, "is application/pdf, not text"),
        (
            {"contentType": "text/plain; charset=utf-8", "data": base64.b64encode(b"\xff\xfe\xfa").decode()},
            "is not in the encoding",
        ),
        ({"contentType": "text/plain"}, "has neither data nor url"),
        ({"contentType": "text/plain", "data": base64.b64encode(b" ").decode()}, "is empty"),
    ],
)
def test_an_attachment_that_is_not_text_here_is_said_and_never_fetched(tmp_path, key, attachment, said, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", lambda *a, **k: pytest.fail("the network was reached"))
    broken = {**document("x"), "content": [{"attachment": attachment}]}
    text, faults = case_of(tmp_path, condition(), broken)
    assert "Note" not in text
    assert f":4 field 'DocumentReference.content[0].attachment': {said}" in faults[0]


def test_attachments_are_read_in_their_encoding_as_html_and_from_a_binary(tmp_path, key):
    binary = {
        "resourceType": "Binary",
        "id": "b1",
        "contentType": "text/plain",
        "data": base64.b64encode(b"In a binary.").decode(),
    }
    linked = {**document("x"), "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/b1"}}]}
    html = document(
        "<html><head><title>T</title></head><body><p>A&amp;B</p><script>x()</script></body></html>", "text/html"
    )
    text, faults = case_of(
        tmp_path, binary, linked, html, document("térm".encode("cp1252"), "text/plain; charset=windows-1252")
    )
    assert faults == []
    assert [part in text for part in ("In a binary.", "\nA&B", "térm", "x()", "T\n")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_inner_sections_of_a_composition_are_kept(tmp_path, key):
    inner = div("<table><tr><td>Na</td><td>140</td></tr><tr><td>K</td><td>4</td></tr></table>", title="Labs")
    text, faults = case_of(tmp_path, composition(div("<p>Well<br/>today</p>", title="Course", section=[inner])))
    assert faults == []
    assert text.endswith("Course\nWell\ntoday\n\nLabs\nNa\t140\nK\t4")


def test_an_encounter_with_nothing_to_say_is_said_and_no_case_at_all_is_an_error(tmp_path, key):
    found, faults = read(write_lines(tmp_path, patient(), visit(), visit("e2"), condition(where="e2")))
    assert len(found) == 1
    assert ":2: this case has no condition" in faults[0]
    with pytest.raises(InputError, match="no case"):
        read(write_lines(tmp_path, patient(), visit()))
    with pytest.raises(InputError, match="no file of FHIR"):
        read(tmp_path / "none")


def test_without_a_key_nothing_is_read(tmp_path, no_key):
    with pytest.raises(MissingError, match="keyed hashes"):
        read(write_lines(tmp_path, *CASE))


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 10**20)
    | st.floats()
    | st.sampled_from(["", "x", "2020", "true", "#p", "1e9"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["value", "text", "coding", "code", "reference", "start"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def nodes(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from nodes(item, (*path, name))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_stands_in_a_resource_the_others_are_read(tmp_path_factory, key, data):
    broken = json.loads(json.dumps(data.draw(st.sampled_from(CASE[2:]))))
    *above, last = data.draw(st.sampled_from([path for path in nodes(broken) if path]))
    place = broken
    for name in above:
        place = place[name]
    place[last] = data.draw(JUNK)
    path = write_lines(tmp_path_factory.mktemp("junk"), patient(), visit(), condition("Gout"), broken)
    found, _ = read(path, lang="en")
    assert any("Gout" in one.text for one in found)


@pytest.mark.parametrize(
    ("birth", "day", "expected"),
    [
        ("1974-06-15", "2020-06-14", "45 years"),
        ("1974-06-15", "2020-06-15", "46 years"),
        ("2020-06-15", "2020-06-16", "1 day"),
        ("2020-01-31", "2020-03-01", "1 month"),
        ("2018-06-15", "2020-06-14", "23 months"),
        ("1974", "2020-06-14", "about 46 years"),
        ("1920", "2020-06-14", "over 89 years"),
        ("1930-06-15", "2020-06-15", "over 89 years"),
        ("1930-06-16", "2020-06-15", "89 years"),
        ("2020-06-15", "2020-06-14", ""),
        ("", "2020-06-14", ""),
        ("2020-06-14", "2020-06", "about 0 years"),
    ],
)
def test_age_is_exact_where_the_dates_are(birth, day, expected):
    assert age(birth, day, "en") == expected


def test_a_narrative_is_read_as_people_see_it():
    assert (
        narrative("<div><h1>A</h1> b <b>c</b>\n d<ul><li>e</li><li>f</li></ul><pre>g\n  h</pre></div>")
        == "A\nb c d\ne\nf\ng\nh"
    )
