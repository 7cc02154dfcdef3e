"""A trace leads from a row or an adapter to facts, packages, licences and operators, and refuses what does not fit."""

import argparse
import json
import shutil

import pytest

from clinforge.artifacts import read_manifest, write_artifact
from clinforge.cli import trace
from clinforge.data.run import build_dataset
from clinforge.data.settings import DataSettings
from clinforge.data.tasks.department import Department
from clinforge.errors import MissingError, UserError


@pytest.fixture(scope="module")
def made_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    settings = DataSettings(tasks=(Department(num_train=20, num_validation=2, num_test=10),))
    with write_artifact(folder / "dataset", "dataset", settings.model_dump(mode="json"), {}) as (partial, notes):
        notes.update(build_dataset(settings, partial, lambda *_: None))
    key = read_manifest(folder / "dataset").key
    with write_artifact(folder / "adapter", "checkpoint", {}, {"dataset": key}) as (partial, _):
        (partial / "adapter_config.json").write_text("{}")
    return folder


def call(capsys, *words):
    parser = argparse.ArgumentParser()
    trace.add_arguments(parser)
    assert trace.run(parser.parse_args([str(word) for word in words])) == 0
    return capsys.readouterr().out


def test_a_row_leads_to_facts_package_version_licence_and_operators(made_run, capsys):
    found = json.loads(call(capsys, "train.jsonl:3", "--run", made_run, "--json"))
    assert {fact["source"] for fact in found["facts"]} == {"cmekg"}
    assert "就诊科室" in {fact["predicate"] for fact in found["facts"]}
    assert [(row["package"], row["version"], row["licence"]) for row in found["sources"]] == [
        ("PyCMeKG", "0.2.5", "MIT")
    ]
    operators = [step["operator"] for step in found["operators"]]
    assert operators == ["clean", "facts", "deduplicate", "select", "word", "gate"]


def test_id_line_and_path_name_the_same_row(made_run, capsys):
    by_line = json.loads(call(capsys, "train.jsonl:3", "--run", made_run, "--json"))
    by_id = json.loads(call(capsys, by_line["sample"]["id"], "--run", made_run, "--json"))
    by_path = json.loads(call(capsys, f"{made_run}/dataset/train.jsonl:3", "--json"))
    assert by_line["facts"] == by_id["facts"] == by_path["facts"]


def test_an_adapter_leads_to_its_dataset(made_run, capsys):
    text = call(capsys, made_run / "adapter")
    assert "PyCMeKG 0.2.5; MIT" in text
    assert read_manifest(made_run / "dataset").key[:12] in text


def test_an_adapter_of_another_dataset_is_refused(made_run, tmp_path):
    shutil.copytree(made_run / "dataset", tmp_path / "dataset")
    with write_artifact(tmp_path / "adapter", "checkpoint", {}, {"dataset": "0" * 64}):
        pass
    with pytest.raises(UserError, match="was trained on dataset 000000000000"):
        trace.trace_adapter(tmp_path / "adapter", None)


def test_a_changed_dataset_is_refused(made_run, tmp_path, capsys):
    shutil.copytree(made_run / "dataset", tmp_path / "dataset")
    with (tmp_path / "dataset" / "train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match=r"changed after it was made: train\.jsonl"):
        call(capsys, "train.jsonl:1", "--run", tmp_path)


def test_an_unknown_row_is_missing(made_run, capsys):
    with pytest.raises(MissingError, match="No sample 'nobody'"):
        call(capsys, "nobody", "--run", made_run)
