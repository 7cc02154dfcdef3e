import argparse
import json
import subprocess
import sys
import types

import pytest

from clinforge.cli import evaluate as verb
from clinforge.errors import ConfigError, InputError, MissingError
from clinforge.model.scripted import ScriptedModel


@pytest.fixture
def built(monkeypatch):
    """A pipeline whose base always takes the shortest option and whose tuned model always takes "right"."""
    names = []

    def system(name, weigh):
        return lambda: names.append(name) or ScriptedModel(weigh=weigh)

    pipeline = types.ModuleType("clinforge.pipeline")
    pipeline.load_systems = lambda folder: {
        "base": system("base", lambda _, option: -len(option)),
        "tuned": system("tuned", lambda _, option: float(option == "right")),
        "control": system("control", lambda _, option: 0.0),
    }
    monkeypatch.setitem(sys.modules, "clinforge.pipeline", pipeline)
    return names


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "my.jsonl"
    row = {"prompt": "Which?", "choices": ["no", "right"], "answer": 1}
    path.write_text("\n".join(json.dumps({"id": number, **row}) for number in range(40)) + "\n{broken\n")
    return path


def call(*words):
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return verb.run(parser.parse_args([str(word) for word in words]))


def test_the_table_names_both_sides_the_difference_and_what_was_set_aside(built, questions, tmp_path, capsys):
    assert call(tmp_path, f"tasks={questions}") == 0
    out = capsys.readouterr().out
    assert built == ["base", "tuned"]
    for shown in ("base", "tuned", "+100.0", "better", "0.0 to 8.8", "91.2 to 100.0", "my.jsonl:41", "chance 50.0 %"):
        assert shown in out


def test_every_items_score_stays_and_is_reused(built, questions, tmp_path, capsys):
    call(tmp_path, f"tasks={questions}", "--json")
    (first,) = json.loads(capsys.readouterr().out)
    folder = next((tmp_path / "evaluations").iterdir())
    assert str(folder) == first["folder"]
    assert folder.name.startswith("my-")
    lines = (folder / "scores.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["system"] == "tuned" for line in lines) == 40
    built.clear()
    call(tmp_path, f"tasks={questions}", "--json")
    assert built == []
    assert json.loads(capsys.readouterr().out) == [first]


def test_another_training_is_asked_again(built, questions, tmp_path):
    for loss in (1, 2):
        from clinforge.artifacts import write_artifact

        with write_artifact(tmp_path / "train", "checkpoint", {"loss": loss}, {}):
            pass
        call(tmp_path, f"tasks={questions}", "--json")
    assert built == ["base", "tuned"] * 2
    assert len(list((tmp_path / "evaluations").iterdir())) == 2


def test_mistakes_are_named_before_any_model_is_built(built, questions, tmp_path):
    with pytest.raises(ConfigError, match="No questions"):
        call(tmp_path)
    with pytest.raises(ConfigError, match="confidence_level"):
        call(tmp_path, f"tasks={questions}", "confidence_levle=0.9")
    with pytest.raises(MissingError, match=r"none\.jsonl"):
        call(tmp_path, "tasks=none.jsonl")
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(InputError, match="no usable row"):
        call(tmp_path, f"tasks={empty}")
    assert built == []


def test_the_verb_and_its_settings_start_without_heavy_libraries():
    heavy = "{'torch', 'transformers', 'sklearn', 'matplotlib', 'numpy'}"
    code = f"import sys, clinforge.cli.evaluate; print(sorted({heavy} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
