import json

import pytest

from clinforge.cli.main import main
from clinforge.records import write_jsonl
from tests.data.pairs.test_run import honest, leaflet
from tests.openai_loopback import Loopback, refuses, says


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "documents.jsonl"
    write_jsonl(path, [leaflet(number) for number in range(4)])
    return path


def command(documents, server, *more):
    out = documents.parent / "pairs"
    model = [f"writer.base_url={server.url}", "writer.model=m", "writer.first_wait_s=0.01"]
    return ["data", "write-pairs", str(documents), *model, f"out={out}", *more]


def test_pairs_are_written_and_everything_else_is_said(documents, capsys):
    with Loopback(honest) as server:
        assert main(command(documents, server)) == 0
        assert "4 pairs: " in capsys.readouterr().out
        assert main(command(documents, server, "--json")) == 0
        assert json.loads(capsys.readouterr().out)["kept"] == 4
        assert len(server.requests) == 4


def test_a_judge_and_a_drug_list_are_used(documents, capsys):
    drugs = documents.parent / "drugs.txt"
    drugs.write_text("remedine | otherol\n", encoding="utf-8")
    with Loopback(honest) as server, Loopback(lambda _request, number: says("yes" if number % 2 else "no")) as judge:
        more = [f"drugs={drugs}", f"judge.base_url={judge.url}", "judge.model=j", "concurrency=1"]
        assert main(command(documents, server, *more)) == 0
    printed = capsys.readouterr()
    assert "2 pairs: " in printed.out
    assert "2 drafts left out: judge: not supported" in printed.err


@pytest.mark.parametrize(
    ("act", "more", "code", "said"),
    [
        (says("[]"), [], 1, "4 passages: the model found nothing to ask"),
        (refuses(401), [], 2, "refused the key"),
        (refuses(503), ["writer.max_attempts=1", "give_up_after=2", "concurrency=1"], 1, "goes on from there"),
        (says("[]"), ["budget.max_tokens=10"], 1, "4 passages: the budget is spent"),
        (says("[]"), ["writer.key_variable=sk-abc"], 2, "name of an environment variable"),
        (says("[]"), ["drugs=nowhere.txt"], 2, "No drug list"),
    ],
)
def test_what_goes_wrong_has_its_exit_code_and_is_said(act, more, code, said, documents, capsys):
    with Loopback(lambda _request, _number: act) as server:
        assert main(command(documents, server, *more)) == code
    assert said in capsys.readouterr().err
