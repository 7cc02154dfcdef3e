import argparse
import io
import json
from pathlib import Path

import pytest

from clinforge.cli import chat, serve, triage
from clinforge.errors import ConfigError, InputError, MissingError


def parse(verb: object, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return parser.parse_args(words)


def test_json_rows_in_verdicts_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "a", "text": "突然胸痛"}, {"id": "b", "text": "I slept badly"}]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert triage.run(parse(triage, str(path), "--json")) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert set(first) == {"id", "level", "emergency", "rules", "advice"}
    assert first["emergency"] is True
    assert first["level"] == 2
    assert next(iter(first["advice"])) == "zh"
    assert second == {"id": "b", "level": None, "emergency": False, "rules": [], "advice": None}


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"id": 7, "text": "not breathing"}\n\n'))
    triage.run(parse(triage, "--json"))
    assert json.loads(capsys.readouterr().out)["id"] == 7
    monkeypatch.setattr("sys.stdin", io.StringIO("chest pain\n"))
    triage.run(parse(triage))
    assert "911" in capsys.readouterr().out


def test_a_text_is_judged_and_no_flag_promises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    triage.run(parse(triage, "轻微流鼻涕"))
    assert "并不表示一切正常" in capsys.readouterr().out


@pytest.mark.parametrize("row", ['{"id": "a"}', '{"id": "a", "text": 1}', "no json", "[1]"])
def test_a_broken_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "text": "b"}\n' + row, encoding="utf-8")
    with pytest.raises(InputError, match=r"rows\.jsonl:2"):
        triage.run(parse(triage, str(path), "--json"))


@pytest.mark.parametrize("verb", [serve, chat])
def test_overrides_are_checked_before_anything_loads(verb: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'port'"):
        verb.run(parse(verb, str(tmp_path), "prot=1"))
    with pytest.raises(MissingError):
        verb.run(parse(verb, str(tmp_path)))
