from pathlib import Path
from typing import Literal

import pytest

from clinforge import config
from clinforge.errors import ConfigError


class Inner(config.Settings):
    rate: float = 0.1
    kind: Literal["small", "large"] = "small"


class Outer(config.Settings):
    name: str
    train: Inner = Inner()


def test_every_mistake_is_reported_at_once_with_its_path_and_the_nearest_key():
    with pytest.raises(ConfigError) as caught:
        config.parse(Outer, {"nmae": "x", "train": {"rat": 1, "kind": "smal"}}, origin="r.yaml")
    message = str(caught.value)
    assert "4 problems" in message
    assert "nmae: unknown key. Did you mean 'name'?" in message
    assert "train.rat: unknown key. Did you mean 'rate'?" in message
    assert "train.kind" in message and "Did you mean 'small'?" in message
    assert "name: Field required" in message


def test_overrides_reach_nested_settings_and_keep_their_types():
    outer = config.parse(Outer, {"name": "x"}, ["train.rate=0.5", "train.kind=large"], origin="r.yaml")
    assert outer.train == Inner(rate=0.5, kind="large")


@pytest.mark.parametrize("override", ["train", "=1", "name.deeper=1"])
def test_a_malformed_override_is_refused(override):
    with pytest.raises(ConfigError):
        config.parse(Outer, {"name": "x"}, [override], origin="r.yaml")


def test_settings_survive_a_round_trip_through_yaml(tmp_path: Path):
    outer = Outer(name="中文", train=Inner(rate=0.25))
    (tmp_path / "r.yaml").write_text(config.to_yaml(outer), encoding="utf-8")
    assert config.load(Outer, tmp_path / "r.yaml") == outer


@pytest.mark.parametrize("text", ["- a\n- b", "a: [1", ""])
def test_a_file_that_is_no_settings_tree_is_a_clear_error(tmp_path: Path, text: str):
    (tmp_path / "r.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        config.load(Outer, tmp_path / "r.yaml")
