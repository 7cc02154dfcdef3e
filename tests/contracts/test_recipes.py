import re
from pathlib import Path

import pytest

from clinforge import config
from clinforge.cli.main import main
from clinforge.errors import ConfigError
from clinforge.recipe import Recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_reads_dry_runs_and_round_trips(path, capsys, tmp_path):
    assert main(["run", str(path), "--dry-run"]) == 0
    copy = tmp_path / "copy.yaml"
    copy.write_text(capsys.readouterr().out, encoding="utf-8")
    assert config.load(Recipe, copy) == config.load(Recipe, path)


def test_three_mistakes_in_a_recipe_are_reported_together_with_path_and_nearest_key(capsys):
    overrides = ["train.learning_rat=1", "evaluate.resample=5", "train.epochs=none"]
    assert main(["run", str(RECIPES[0]), *overrides]) == 2
    message = capsys.readouterr().err
    assert re.search(r"has 3 problems", message)
    assert "train.learning_rat: unknown key. Did you mean 'learning_rate'?" in message
    assert "evaluate.resample: unknown key. Did you mean 'resamples'?" in message
    assert "train.epochs" in message


def test_the_full_size_recipe_asks_for_a_thousand_test_questions_a_claim():
    recipe = config.load(Recipe, next(path for path in RECIPES if path.name == "med-default.yaml"))
    claims = [task for task in recipe.data.tasks if task.purpose == "claim"]
    assert {task.language for task in claims} == {"en", "zh"}
    assert all(task.num_test >= 1000 for task in claims)


def test_an_unreadable_recipe_is_the_users_fault(capsys):
    assert main(["run", "no-such-recipe.yaml"]) == 2
    assert "no-such-recipe.yaml" in capsys.readouterr().err
    with pytest.raises(ConfigError):
        config.load(Recipe, Path("no-such-recipe.yaml"))
