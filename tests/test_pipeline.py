"""The whole path on real parts, small."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peft import PeftModel
from transformers import AutoModelForCausalLM

from clinforge import config, pipeline
from clinforge.artifacts import changed_files, partial_folder, read_manifest
from clinforge.errors import UserError
from clinforge.recipe import Recipe
from tests.runs import Silent, small_recipe

STAGES = ("dataset", "adapter", "control", "evaluation", "bundle", "report")
ROOT = Path(__file__).parents[1]


def test_a_run_leaves_every_artifact_whole_and_linked_to_its_parents(small_run):
    manifests = {stage: read_manifest(small_run / stage) for stage in STAGES}
    assert all(changed_files(small_run / stage) == [] for stage in STAGES)
    assert manifests["adapter"].parents["dataset"] == manifests["dataset"].key
    assert manifests["bundle"].parents["adapter"] == manifests["adapter"].key
    assert set(manifests["report"].parents) >= {"dataset", "adapter", "control", "evaluation", "bundle"}
    assert {path.name for path in small_run.iterdir()} - {"evaluations"} == {
        *STAGES,
        "recipe.yaml",
        "environment.json",
        ".lock",
    }


def test_a_second_run_finds_every_stage_done(small_run):
    progress = Silent()
    before = {stage: read_manifest(small_run / stage) for stage in STAGES}
    pipeline.run(config.load(Recipe, small_run / "recipe.yaml"), progress)
    assert set(progress.outcomes) == set(STAGES)
    assert set(progress.outcomes.values()) == {"unchanged, reused"}
    assert {stage: read_manifest(small_run / stage) for stage in STAGES} == before


def test_peft_loads_the_adapter_folder_as_it_stands(small_run, tiny_model):
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), small_run / "adapter")
    assert model.peft_config["default"].base_model_name_or_path == str(tiny_model)


def test_adapter_merged_model_and_gguf_are_shown_to_agree(small_run):
    parity = {row["form"]: row for row in json.loads((small_run / "bundle" / "parity.json").read_text())}
    assert set(parity) == {"merged", "gguf"}
    assert all(row["agrees"] and row["tokens"] >= 2 for row in parity.values())


def test_the_report_shows_what_its_json_holds(small_run):
    report = json.loads((small_run / "report" / "report.json").read_text())
    page = (small_run / "report" / "report.html").read_text()
    names = {found["info"]["name"] for found in report["evaluation"]["comparisons"]}
    assert {"organ_system.en", "department.zh", "diagnosis.en", "diagnosis.zh"} <= names
    systems = {row["system"] for row in report["evaluation"]["comparisons"][0]["systems"]}
    assert {"base", "tuned", "control", "majority", "lexical", "tfidf"} <= systems
    assert report["parents"]["adapter"] in page
    assert report["losses"]


def test_every_item_of_every_system_is_kept(small_run):
    rows = [json.loads(line) for line in (small_run / "evaluation" / "scores.jsonl").read_text().splitlines()]
    asked = [row for row in rows if row["system"] == "tuned" and row["task"] == "organ_system.en"]
    assert len({row["sample_id"] for row in asked}) == 20
    assert {row["task"] for row in rows if row["system"] == "control"} == {"organ_system.en", "department.zh"}


def test_changing_one_stage_redoes_it_and_what_follows_but_nothing_before(tiny_model, small_run):
    recipe = config.load(Recipe, small_run / "recipe.yaml")
    changed = recipe.model_copy(update={"evaluate": recipe.evaluate.model_copy(update={"resamples": 300})})
    progress = Silent()
    pipeline.run(changed, progress)
    reused = {stage for stage, outcome in progress.outcomes.items() if outcome == "unchanged, reused"}
    assert reused == {"dataset", "adapter", "control", "bundle"}


def test_a_control_left_by_an_earlier_recipe_is_no_part_of_a_run_without_one(small_run):
    recipe = config.load(Recipe, small_run / "recipe.yaml")
    without = recipe.model_copy(update={"control": recipe.control.model_copy(update={"train": False})})
    report = pipeline.run(without, Silent()).report
    systems = {row.system for task in report.evaluation.comparisons for row in task.systems}
    assert "tuned" in systems
    assert "control" not in systems
    assert "control" not in report.parents
    pipeline.run(recipe, Silent())


def command(recipe: Path, *overrides: str) -> list[str]:
    return [sys.executable, "-m", "clinforge.cli.main", "run", str(recipe), "--json", *overrides]


@pytest.fixture
def recipe_file(tiny_model, tmp_path):
    path = tmp_path / "recipe.yaml"
    longer = {"method": {"kind": "lora", "rank": 4}, "epochs": 12, "save_every_steps": 3, "precision": "fp32"}
    path.write_text(config.to_yaml(small_recipe(tiny_model, tmp_path, train=longer)), encoding="utf-8")
    return path


def stop_in_training(recipe: Path, folder: Path, sign: signal.Signals) -> int:
    """Start a run, wait for its first saved state, stop it with a signal; returns the exit code."""
    process = subprocess.Popen(command(recipe), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = partial_folder(folder / "adapter") / "state.pt"
    for _ in range(1200):
        if state.is_file() or process.poll() is not None:
            break
        time.sleep(0.1)
    os.kill(process.pid, sign)
    return process.wait()


def losses(folder: Path) -> list[dict[str, float]]:
    return json.loads((folder / "adapter" / "trainer_state.json").read_text())["history"]


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_run_stopped_in_training_leaves_nothing_half_written_and_ends_at_the_same_loss(
    recipe_file, tmp_path, sign, code
):
    folder = tmp_path / "small"
    assert stop_in_training(recipe_file, folder, sign) == code
    assert not (folder / "adapter").exists()
    assert partial_folder(folder / "adapter").is_dir()
    subprocess.run(command(recipe_file, "control.train=false"), check=True, capture_output=True)
    subprocess.run(command(recipe_file, "control.train=false", "name=whole"), check=True, capture_output=True)
    assert losses(folder) == losses(tmp_path / "whole")
    assert not partial_folder(folder / "adapter").exists()


def test_two_runs_never_work_in_one_folder(small_run):
    with pipeline._sole_user(small_run), pytest.raises(UserError, match="Another run"):
        pipeline.run(config.load(Recipe, small_run / "recipe.yaml"), Silent())
