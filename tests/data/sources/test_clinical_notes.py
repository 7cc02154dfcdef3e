"""Rows are made up after the published layouts; no row of MIMIC stands here."""

import gzip

import pytest

from clinforge.data.sources import hashed_id
from clinforge.data.sources.clinical_notes import ClinicalNotes
from clinforge.errors import ConfigError, InputError

MIMIC3 = (
    '"ROW_ID","SUBJECT_ID","HADM_ID","CHARTDATE","CHARTTIME","STORETIME","CATEGORY","DESCRIPTION","CGID",'
    '"ISERROR","TEXT"\n'
    '174,22532,167853,"2151-08-04",,,"Discharge summary","Report",,,"Admitted: [**2151-7-16**]\nService: ""MED""\n"\n'
    '175,22532,167853,"2151-08-04","2151-08-04 10:15:00",,"Nursing","Note",,"1","wrong patient"\n'
    '176,13702,,"2118-06-14","2118-06-14 09:00:00","","Radiology ","CHEST",,"","No focal opacity."\n'
)
MIMIC4 = (
    "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    '10000032-DS-21,10000032,22595853,DS,21,2180-05-07 00:00:00,2180-05-09 15:26:00,"Name: ___\n\nAllergies: ___"\n'
    "10000032-AD-22,10000032,22595853.0,AD,22,2180-05-08 00:00:00,,Addendum: ___\n"
)
RADIOLOGY = (
    "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    "10000032-RR-14,10000032,,RR,14,2180-05-06 21:19:00,2180-05-06 23:32:00,EXAMINATION: CHEST\n"
)
OMOP = (
    "NOTE_ID\tPERSON_ID\tNOTE_DATE\tNOTE_DATETIME\tNOTE_TYPE_CONCEPT_ID\tNOTE_CLASS_CONCEPT_ID\tNOTE_TITLE\tNOTE_TEXT\t"
    "ENCODING_CONCEPT_ID\tLANGUAGE_CONCEPT_ID\tPROVIDER_ID\tVISIT_OCCURRENCE_ID\n"
    "1\t5001\t2020-01-31\t\t32831\t0\t入院记录\t发热3天，无胸痛。\t0\t0\t\t9001\n"
    "2\t5001\t2020-02-01\t2020-02-01 08:30:00\t32831\t0\t\tAfebrile, no chest pain.\t0\t0\t\t\n"
)


def read(folder, layout, content, **given):
    path = folder / "notes.csv.gz"
    path.write_bytes(gzip.compress(content.encode()))
    faults = []
    return list(ClinicalNotes(layout=layout, path=path, **given).documents(faults)), faults


def test_mimic3_notes_keep_their_marks_and_rows_marked_as_errors_are_set_aside(tmp_path, key):
    found, faults = read(tmp_path, "mimic3", MIMIC3)
    assert [(one.source_id, one.date, one.title, one.meta) for one in found] == [
        ("174", "2151-08-04", "Report", {"category": "Discharge summary"}),
        ("176", "2118-06-14T09:00:00", "CHEST", {"category": "Radiology"}),
    ]
    assert found[0].text == 'Admitted: [**2151-7-16**]\nService: "MED"\n'
    assert found[0].patient_id == hashed_id("patient", "22532", key)
    assert (found[0].visit_id, found[1].visit_id) == (hashed_id("visit", "167853", key), "")
    assert len(faults) == 1
    assert ":5 field 'ISERROR'" in faults[0]


def test_mimic4_notes_have_categories_in_words_and_no_number_in_clear(tmp_path, key):
    found, faults = read(tmp_path, "mimic4_discharge", MIMIC4)
    assert faults == []
    assert [one.meta["category"] for one in found] == ["Discharge summary", "Discharge summary addendum"]
    assert found[0].text == "Name: ___\n\nAllergies: ___"
    assert found[0].visit_id == found[1].visit_id == hashed_id("visit", "22595853", key)
    assert found[0].source_id == hashed_id("note", "10000032-DS-21", key)
    assert not any("10000032" in one.model_dump_json() for one in found)
    reports, _ = read(tmp_path, "mimic4_radiology", RADIOLOGY)
    assert [(one.meta["category"], one.visit_id) for one in reports] == [("Radiology report", "")]
    assert reports[0].patient_id == found[0].patient_id


def test_omop_notes_are_read_in_either_language(tmp_path, key):
    found, faults = read(tmp_path, "omop", OMOP, source="our_cdm")
    assert faults == []
    assert [(one.source, one.source_id, one.lang, one.date, one.title) for one in found] == [
        ("our_cdm", "1", "zh", "2020-01-31", "入院记录"),
        ("our_cdm", "2", "en", "2020-02-01T08:30:00", ""),
    ]
    assert found[0].patient_id == found[1].patient_id == hashed_id("patient", "5001", key)


def test_categories_can_be_chosen_and_the_others_are_counted(tmp_path, key):
    found, faults = read(tmp_path, "mimic4_discharge", MIMIC4, categories=["Discharge summary"])
    assert len(found) == 1
    assert faults[-1].endswith("1 notes of other categories are left out: Discharge summary addendum 1.")
    with pytest.raises(InputError, match="no note of the categories"):
        read(tmp_path, "mimic4_discharge", MIMIC4, categories=["Nursing"])


def test_another_table_than_the_one_named_is_refused(tmp_path, key):
    with pytest.raises(ConfigError, match="no column"):
        read(tmp_path, "mimic3", OMOP)
