import json
import subprocess
import sys
from pathlib import Path

import pytest

from clinforge.artifacts import write_artifact
from clinforge.errors import InputError, MissingError, UserError
from clinforge.serve.engine import find_bundle, load_engine, read_labels
from clinforge.serve.run import is_loopback, read_key
from clinforge.serve.settings import ServeSettings


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run whose bundle is complete but whose base is broken."""
    with write_artifact(tmp_path / "bundle", "bundle", {}, {}) as (folder, _notes):
        (folder / "base.gguf").write_bytes(b"GGUF" + bytes(32))
        (folder / "tokenizer_config.json").write_text("{}")
        labels = {"zh": {"diagnoses": {"肺炎": "呼吸内科"}, "departments": ["呼吸内科"]}}
        (folder / "labels.json").write_text(json.dumps(labels, ensure_ascii=False), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_addresses_need_a_key(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.delenv("CLINFORGE_API_KEY", raising=False)
    with pytest.raises(UserError, match="export CLINFORGE_API_KEY"):
        read_key(ServeSettings(host=host))
    monkeypatch.setenv("CLINFORGE_API_KEY", "  ")
    with pytest.raises(UserError):
        read_key(ServeSettings(host=host))
    monkeypatch.setenv("CLINFORGE_API_KEY", "secret")
    assert read_key(ServeSettings(host=host)) == "secret"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_this_machine_needs_none(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.delenv("CLINFORGE_API_KEY", raising=False)
    assert is_loopback(host)
    assert read_key(ServeSettings(host=host)) is None


def test_a_run_and_its_bundle_are_both_found(run_folder: Path) -> None:
    assert find_bundle(run_folder) == find_bundle(run_folder / "bundle") == run_folder / "bundle"


def test_no_bundle_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="clinforge run"):
        find_bundle(tmp_path)


def test_labels_are_read_and_broken_ones_named(run_folder: Path) -> None:
    assert read_labels(run_folder / "bundle")["zh"].diagnoses == {"肺炎": "呼吸内科"}
    (run_folder / "bundle" / "labels.json").write_text('{"zh": {"diagnosis": {}}}')
    with pytest.raises(InputError, match=r"labels\.json"):
        read_labels(run_folder / "bundle")


def test_a_base_that_does_not_load_leaves_an_engine_that_is_not_ready(run_folder: Path) -> None:
    engine = load_engine(run_folder / "bundle", ServeSettings())
    assert not engine.ready
    assert engine.models == {}


def test_the_command_line_starts_without_heavy_parts() -> None:
    code = (
        "import sys, clinforge.cli.serve, clinforge.cli.chat, clinforge.cli.triage;"
        "heavy = {'torch', 'transformers', 'fastapi', 'xllamacpp', 'uvicorn'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
