import json

import pytest

from clinforge import pipeline
from clinforge.cli.main import main
from clinforge.errors import GateError, StageError

RECIPE = "recipes/quickstart.yaml"


@pytest.fixture
def failing(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)

    def arrange(error):
        def run(*_):
            raise error

        monkeypatch.setattr(pipeline, "run", run)

    return arrange


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (GateError("3 rows share a family: a, b, c.", hint="Split them."), 2, "Split them."),
        (StageError("The loss is not finite."), 1, "not finite"),
        (KeyboardInterrupt(), 130, "same command continues"),
    ],
)
def test_every_ending_has_its_exit_code_and_its_words(failing, capsys, error, code, shown):
    failing(error)
    assert main(["run", RECIPE]) == code
    captured = capsys.readouterr().err
    assert shown in captured
    assert "Traceback" not in captured


def test_a_fault_of_ours_keeps_its_traceback(failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["run", RECIPE])


def test_an_unknown_verb_is_the_users_fault(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["trian"])
    assert ended.value.code == 2
    assert "trian" in capsys.readouterr().err


def test_check_names_what_is_missing_and_the_line_that_fixes_it(capsys, monkeypatch):
    from importlib import metadata

    from clinforge.cli import check

    assert main(["check", "--json"]) == 0
    assert all(row["ok"] for row in json.loads(capsys.readouterr().out) if row["needed"])
    real = metadata.version

    def without_peft(name):
        if name == "peft":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(check.metadata, "version", without_peft)
    assert main(["check"]) == 2
    assert 'peft                         - (train)   -> pip install "clinforge[train]"' in capsys.readouterr().out


def test_the_terms_of_a_model_that_has_some_are_shown(failing, capsys):
    failing(StageError("stop"))
    main(["run", RECIPE, "model.base=gemma3-270m"])
    assert "Gemma Terms of Use" in capsys.readouterr().out


def test_overrides_may_stand_on_either_side_of_an_option(failing, capsys):
    failing(StageError("stop"))
    assert main(["run", RECIPE, "train.epochs=2", "--dry-run", "train.seed=5"]) == 0
    shown = capsys.readouterr().out
    assert "epochs: 2" in shown
    assert "seed: 5" in shown
    with pytest.raises(SystemExit):
        main(["run", RECIPE, "--dry-run", "stray"])
