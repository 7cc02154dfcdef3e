"""A built dataset holds what was asked for, rests on facts, and is the same every time."""

import json
from collections import defaultdict

import pytest

from clinforge.artifacts import hash_files
from clinforge.config import parse
from clinforge.data.gate import label_of
from clinforge.data.labels import labels
from clinforge.data.lineage import Lineage, steps_of
from clinforge.data.lookup import knowledge_lookup
from clinforge.data.run import build_dataset
from clinforge.data.settings import DataSettings
from clinforge.data.tasks.department import Department
from clinforge.data.tasks.organ_system import OrganSystem
from clinforge.errors import ConfigError, GateError
from clinforge.knowledge.graphs.healthcare import load_healthcare
from clinforge.records import Fact, Sample, read_jsonl

SPLITS = ("train", "validation", "test")


def silent(_stage, _done, _total):
    pass


@pytest.fixture(scope="module")
def samples(run_folder):
    return [row for split in SPLITS for row in read_jsonl(run_folder / "dataset" / f"{split}.jsonl", Sample)]


@pytest.fixture(scope="module")
def facts(run_folder):
    return {fact.id: fact for fact in read_jsonl(run_folder / "dataset" / "facts.jsonl", Fact)}


def test_the_same_settings_give_the_same_bytes(run_folder, small, tmp_path):
    build_dataset(small, tmp_path, silent)
    first = hash_files(run_folder / "dataset")
    assert hash_files(tmp_path) == first
    other = small.model_copy(update={"seed": 1, "tasks": small.tasks[2:]})
    build_dataset(other, tmp_path, silent)
    assert hash_files(tmp_path)["test.jsonl"] != first["test.jsonl"]


def test_departments_are_not_tested_on_diseases_that_other_tasks_teach():
    known = {row.name for row in load_healthcare("zh").values()}
    result = Department(num_train=1, num_validation=0, num_test=800)(0, Lineage())
    subjects = {fact.id: fact.subject for fact in result.facts}
    tested = {subjects[fact_id] for row in result.samples if row.split == "test" for fact_id in row.fact_ids}
    assert len(tested) > 700
    assert not known & tested


def test_every_task_gives_exactly_what_was_asked(samples, small):
    for task in small.tasks:
        for split in SPLITS:
            count = sum(label_of(row) == task.label and row.split == split for row in samples)
            assert count == task.wanted(split), (task.label, split)


def test_only_facts_in_use_are_kept_and_all_of_them(samples, facts):
    assert {fact_id for row in samples for fact_id in row.fact_ids} == facts.keys()


def test_claims_share_no_family_between_splits(samples):
    splits = defaultdict(set)
    for row in samples:
        if row.task in ("organ_system", "department"):
            splits[row.task, row.family_id].add(row.split)
    assert all(len(found) == 1 for found in splits.values())


def test_recall_is_tested_on_diseases_that_were_taught(samples):
    for task in ("diagnosis", "rare_disease"):
        taught = {(row.lang, row.answer) for row in samples if row.task == task and row.split == "train"}
        assert {(row.lang, row.answer) for row in samples if row.task == task and row.split == "test"} <= taught


def test_als_and_huntington_disease_are_taught_and_tested(samples):
    for split in ("train", "test"):
        answers = {row.answer for row in samples if row.task == "rare_disease" and row.split == split}
        assert {"Amyotrophic lateral sclerosis", "Huntington disease"} <= answers


def test_rare_diseases_are_taught_from_one_source_and_tested_on_the_other(samples, facts):
    for row in samples:
        if row.task == "rare_disease":
            sources = {facts[fact_id].source for fact_id in row.fact_ids}
            assert sources == {"hpo_omim" if row.split == "test" else "hpo_orpha"} == {row.source}


def test_advice_says_what_it_is_and_is_not(samples):
    for row in samples:
        if row.task == "advice":
            assert ("This is not a diagnosis." if row.lang == "en" else "不是诊断") in row.answer


def test_every_drop_is_counted_with_its_reason(run_folder):
    for step in steps_of(run_folder / "dataset"):
        assert step.operator in ("clean", "facts") or step.taken - sum(step.dropped.values()) == step.given, step


def test_gate_results_are_written_and_all_passed(run_folder):
    results = json.loads((run_folder / "dataset" / "gate.json").read_text(encoding="utf-8"))
    assert len(results) == 12
    assert all(result["passed"] and result["num_checked"] for result in results)


def test_taught_rows_that_an_evaluation_set_holds_are_left_out_and_counted(tmp_path, samples):
    settings = DataSettings(tasks=(OrganSystem(num_train=60, num_validation=10, num_test=40),))
    leaked = [row for row in samples if row.task == "organ_system" and row.split == "train"][:5]
    exam = [row.model_copy(update={"task": "exam", "fact_ids": ()}) for row in leaked]
    notes = build_dataset(settings, tmp_path, silent, {"exam": exam})
    report = json.loads((tmp_path / "contamination.json").read_text(encoding="utf-8"))
    assert {pair["train_id"] for pair in report["pairs"]} == {row.id for row in leaked}
    kept = {row.id for row in read_jsonl(tmp_path / "train.jsonl", Sample)}
    assert not kept & {row.id for row in leaked}
    assert len(kept) == 55
    assert notes["against"] == {"rows": {"exam": 5}, "pairs": {"exact: drop": 5}}
    (step,) = [step for step in steps_of(tmp_path) if step.operator == "decontaminate"]
    assert (step.taken, step.given, step.dropped) == (70, 65, {"shares a text with an evaluation row": 5})


def test_a_fact_of_an_evaluation_set_stops_the_build(tmp_path, samples):
    settings = DataSettings(tasks=(OrganSystem(num_train=60, num_validation=10, num_test=40),))
    exam = [next(row for row in samples if row.task == "organ_system" and row.split == "train")]
    with pytest.raises(GateError, match="no evaluation row in training"):
        build_dataset(settings, tmp_path, silent, {"exam": exam})
    assert (tmp_path / "contamination.json").is_file()
    assert not (tmp_path / "train.jsonl").exists()


def test_a_refused_dataset_leaves_the_reasons_behind(tmp_path):
    settings = DataSettings(tasks=(OrganSystem(num_train=20, num_validation=1, num_test=15),), max_answer_share=0.001)
    with pytest.raises(GateError, match="no answer prevails"):
        build_dataset(settings, tmp_path, silent)
    assert "no answer prevails" in (tmp_path / "gate.json").read_text(encoding="utf-8")
    assert not (tmp_path / "train.jsonl").exists()


def test_asking_for_too_much_says_how_many_there_are(tmp_path):
    settings = DataSettings(tasks=(OrganSystem(num_test=99_999),))
    with pytest.raises(ConfigError, match=r"organ_system\.en can give \d+ test samples.*99999"):
        build_dataset(settings, tmp_path, silent)


def test_settings_name_the_task_and_the_key_that_is_wrong():
    tree = {"tasks": [{"kind": "organ_system", "num_tests": 3}]}
    with pytest.raises(ConfigError, match=r"tasks\.0\.organ_system\.num_tests: unknown key\. Did you mean 'num_test'"):
        parse(DataSettings, tree, origin="recipe")


def test_every_disease_has_to_be_taught():
    with pytest.raises(ConfigError, match="at least num_diseases"):
        parse(DataSettings, {"tasks": [{"kind": "rare_disease", "num_train": 10}]}, origin="recipe")


def test_the_knowledge_base_knows_its_own_cases_and_most_of_the_other_sources(samples, facts):
    lookups = knowledge_lookup(facts.values())
    assert set(lookups) == {"diagnosis.en", "diagnosis.zh", "rare_disease.en"}
    for label, least in (("diagnosis.en", 0.99), ("diagnosis.zh", 0.99), ("rare_disease.en", 0.7)):
        rows = [row for row in samples if label_of(row) == label and row.split == "test"]
        assert sum(lookups[label](row) == row.answer for row in rows) / len(rows) >= least


def test_served_labels_are_the_diagnoses_taught(samples):
    found = labels(row for row in samples if row.split == "train")
    for lang in ("en", "zh"):
        taught = {row.answer for row in samples if (row.task, row.lang, row.split) == ("diagnosis", lang, "train")}
        assert set(found[lang]["diagnoses"]) == taught
        asked = [row for row in samples if (row.task, row.lang, row.split) == ("department", lang, "train")]
        assert found[lang]["departments"] == (list(asked[0].options) if asked else [])
    assert "骨科" in found["zh"]["departments"]


def test_no_diagnosis_offered_is_ruled_out_by_the_patients_sex(samples):
    sexes = {row.name: row.sex for lang in ("en", "zh") for row in load_healthcare(lang).values()}
    words = {"female": "female,", "male": ": male,"}
    for row in samples:
        if row.task == "diagnosis" and row.lang == "en":
            stated = next(sex for sex, word in words.items() if word in row.prompt[-1].content)
            assert all(sexes[option] in (None, stated) for option in row.options)
