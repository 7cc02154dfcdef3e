import pytest

from clinforge.artifacts import (
    artifact_key,
    changed_files,
    is_current,
    partial_folder,
    read_manifest,
    write_artifact,
)
from clinforge.errors import MissingError


def make(folder, text="hello", **options):
    with write_artifact(folder, "dataset", {"n": 1}, {"facts": "abc"}, **options) as (partial, notes):
        (partial / "a.txt").write_text(text)
        notes["count"] = 1


def test_an_artifact_carries_its_identity(tmp_path):
    make(tmp_path / "d")
    manifest = read_manifest(tmp_path / "d")
    assert manifest.key == artifact_key("dataset", {"n": 1}, {"facts": "abc"})
    assert (manifest.notes, manifest.parents, list(manifest.files)) == ({"count": 1}, {"facts": "abc"}, ["a.txt"])
    assert is_current(tmp_path / "d", manifest.key)
    assert not is_current(tmp_path / "d", artifact_key("dataset", {"n": 2}, {"facts": "abc"}))
    assert changed_files(tmp_path / "d") == []


def test_a_failed_stage_leaves_the_earlier_artifact_and_nothing_half_written(tmp_path):
    make(tmp_path / "d", "first")
    with pytest.raises(KeyboardInterrupt), write_artifact(tmp_path / "d", "dataset", {}, {}) as (partial, _):
        (partial / "a.txt").write_text("second")
        raise KeyboardInterrupt
    assert (tmp_path / "d" / "a.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_resumable_stage_finds_its_own_leftovers_but_not_those_of_other_settings(tmp_path):
    def interrupted(settings):
        with write_artifact(tmp_path / "d", "checkpoint", settings, {}, keep_partial=True) as (partial, _):
            found = (partial / "state").is_file()
            (partial / "state").write_text("half")
            assert found is False or settings == {"n": 1}
            raise RuntimeError(found)

    with pytest.raises(RuntimeError, match="False"):
        interrupted({"n": 1})
    assert partial_folder(tmp_path / "d").is_dir()
    with pytest.raises(RuntimeError, match="True"):
        interrupted({"n": 1})
    with pytest.raises(RuntimeError, match="False"):
        interrupted({"n": 2})


def test_a_changed_or_added_file_is_named(tmp_path):
    make(tmp_path / "d")
    (tmp_path / "d" / "a.txt").write_text("tampered")
    (tmp_path / "d" / "b.txt").write_text("new")
    assert changed_files(tmp_path / "d") == ["a.txt", "b.txt"]


def test_an_artifact_that_is_not_there_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(MissingError, match="clinforge run"):
        read_manifest(tmp_path / "nothing")
