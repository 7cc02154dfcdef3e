"""A fetch ends complete whatever the server does and however often it is killed, and never fetches twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from pathlib import Path

import pytest

from clinforge.cli.main import main
from clinforge.data.sources import pubmed_fetch
from clinforge.data.sources.pubmed import PubMed
from clinforge.data.sources.pubmed_client import CAP, Access, _found
from clinforge.data.sources.pubmed_fetch import fetch, make_search
from clinforge.data.sources.pubmed_xml import parse_xml
from clinforge.errors import InputError, MissingError, StageError, UserError
from tests.data.sources.eutils import Eutils, serve


@pytest.fixture
def quick(monkeypatch):
    """No spacing of requests and short pauses, so that only what is tested takes time."""
    monkeypatch.setattr(Access, "per_second", 10_000)
    monkeypatch.setattr(
        pubmed_fetch, "_access", lambda wanted: Access(wanted.base_url, attempts=wanted.attempts, backoff_s=0.01)
    )


def settings(eutils, tmp_path, **changes) -> PubMed:
    return PubMed(query="synthetic", base_url=eutils.url, folder=tmp_path / "store", page_size=10, **changes)


def got(settings) -> list[str]:
    fetched = fetch(settings, lambda *_: None)
    return [record.pmid for record in fetched.records]


def test_all_records_arrive_in_the_searches_order_and_become_documents(eutils, quick, tmp_path):
    wanted = settings(eutils, tmp_path)
    assert got(wanted) == list(eutils.entered)
    faults: list[str] = []
    documents = list(wanted.documents(faults))
    assert [document.source_id for document in documents] == list(eutils.entered)
    assert faults == []
    assert {document.version for document in documents} == {"2024-05-06"}
    assert all("WebEnv" in request.params for request in eutils.asked("efetch"))


def test_a_finished_search_is_not_fetched_again(eutils, quick, tmp_path):
    wanted = settings(eutils, tmp_path)
    got(wanted)
    before = len(eutils.requests)
    assert len(got(wanted)) == 30
    assert len(eutils.requests) == before


def test_records_of_another_search_are_not_fetched_again(eutils, quick, tmp_path):
    got(settings(eutils, tmp_path, max_results=20))
    before = len(eutils.asked("efetch"))
    assert len(got(settings(eutils, tmp_path))) == 30
    assert len(eutils.asked("efetch")) == before + 1


def test_an_old_search_is_made_again_and_a_revision_kept_beside_the_old_one(eutils, quick, tmp_path):
    now = settings(eutils, tmp_path, max_age_days=0)
    got(now)
    eutils.revised = "2025-01-01"
    got(now)
    assert {document.version for document in now.documents([])} == {"2025-01-01"}
    assert len(list((tmp_path / "store").rglob("1001.*.xml.gz"))) == 2


@pytest.mark.parametrize("wrong", ["duplicate", "empty"])
def test_a_page_that_lies_is_made_good_by_number(wrong, eutils, quick, tmp_path):
    eutils.wrong.extend(["", wrong])
    assert got(settings(eutils, tmp_path)) == list(eutils.entered)
    assert [len(request.ids) for request in eutils.asked("efetch")] == [0, 0, 10, 0]


def test_a_record_never_given_is_named_and_the_rest_goes_on(eutils, quick, tmp_path):
    eutils.withheld = {"1003"}
    wanted, faults = settings(eutils, tmp_path), []
    assert len(got(wanted)) == 29
    assert len(list(wanted.documents(faults))) == 29
    assert faults == ["PMID 1003: PubMed listed it but did not give it."]


def test_no_record_at_all_is_an_error(eutils, quick, tmp_path):
    eutils.withheld = set(eutils.entered)
    with pytest.raises(StageError, match="gave none"):
        got(settings(eutils, tmp_path))


def test_an_expired_history_is_searched_again(eutils, quick, tmp_path):
    eutils.before_fetch = lambda number: eutils.expire() if number == 2 else None
    assert got(settings(eutils, tmp_path)) == list(eutils.entered)
    assert len(eutils.asked("esearch")) == 2
    assert all("WebEnv" in request.params for request in eutils.asked("efetch"))


def test_a_search_that_now_lists_others_is_finished_by_number(eutils, quick, tmp_path):
    wanted = list(eutils.entered)

    def change(number: int) -> None:
        if number == 2:
            eutils.expire()
            eutils.entered = {"5000": "2021/03/04", **eutils.entered}

    eutils.before_fetch = change
    assert got(settings(eutils, tmp_path)) == wanted
    assert [len(request.ids) for request in eutils.asked("efetch")] == [0, 0, 10, 10]


def test_a_history_that_never_lasts_is_given_up(eutils, quick, tmp_path):
    eutils.before_fetch = lambda _: eutils.expire()
    assert got(settings(eutils, tmp_path)) == list(eutils.entered)


def test_faults_are_told_beside_what_was_reached(eutils, quick, tmp_path):
    eutils.wrong.extend(["", "500"])
    told = []
    fetch(settings(eutils, tmp_path), lambda *step: told.append(step))
    assert told[0] == ("searching", 0, 0)
    assert ("HTTP 500; again in 0 s", 10, 30) in told
    assert told[-1] == ("records", 30, 30)


def test_a_search_without_hits_says_so_and_what_was_not_understood(eutils, quick, tmp_path):
    eutils.entered = {}
    eutils.told = "<ErrorList><PhraseNotFound>diabtes</PhraseNotFound></ErrorList>"
    with pytest.raises(InputError, match=r"(?s)no record for 'synthetic' from 2020.*PhraseNotFound: diabtes"):
        got(settings(eutils, tmp_path, **{"from": 2020}))


def test_dates_are_sent_as_pubmed_wants_them(eutils, quick, tmp_path):
    got(settings(eutils, tmp_path, **{"from": "2020-03", "to": "2021"}))
    asked = eutils.asked("esearch")[0].params
    assert (asked["datetype"], asked["mindate"], asked["maxdate"]) == ("pdat", "2020/03", "2021")


def test_a_dead_server_loses_nothing(eutils, quick, tmp_path):
    eutils.wrong.extend(["", *["500"] * 50])
    wanted = settings(eutils, tmp_path, attempts=3)
    with pytest.raises(MissingError, match="Nothing is lost"):
        got(wanted)
    with pytest.raises(MissingError, match="begun but not finished"):
        next(wanted.documents([]))
    eutils.wrong.clear()
    before = len(eutils.asked("efetch"))
    assert got(wanted) == list(eutils.entered)
    assert len(eutils.asked("efetch")) == before + 2
    assert len(eutils.asked("esearch")) == 1


def test_a_damaged_record_is_named_and_the_rest_goes_on(eutils, quick, tmp_path):
    wanted, faults = settings(eutils, tmp_path), []
    got(wanted)
    (damaged,) = (tmp_path / "store").rglob("1004.*.xml.gz")
    damaged.write_bytes(damaged.read_bytes()[:20])
    assert len(list(wanted.documents(faults))) == 29
    assert len(faults) == 1
    assert str(damaged) in faults[0]


def test_one_search_is_fetched_by_one_process_at_a_time(eutils, quick, tmp_path):
    wanted = settings(eutils, tmp_path)
    refused: list[str] = []

    def second(_: int) -> None:
        with pytest.raises(UserError) as caught:
            fetch(wanted, lambda *_: None)
        refused.append(str(caught.value))

    eutils.before_fetch = second
    assert len(got(wanted)) == 30
    assert "Another process" in refused[0]


@pytest.fixture
def crowded(tmp_path, quick):
    """25,000 records: 12,000 of one year, 500 a year besides."""
    entered = {str(number): f"2021/{1 + number % 12:02}/{1 + number % 28:02}" for number in range(12_000)}
    entered |= {str(number): f"{1990 + number % 26}/06/15" for number in range(12_000, 25_000)}
    state = Eutils(entered)
    server = serve(state)
    yield state
    server.shutdown()
    server.server_close()


class Counting:
    """A client's place-taker that serves ids from memory."""

    def __init__(self, state: Eutils) -> None:
        self.state, self.listed = state, []

    def search(self, term, limits, num_ids):
        wanted = min(num_ids, CAP)
        found = _found(parse_xml(self.state.search({"term": term, "retmax": str(wanted)})), wanted)
        self.listed.append(found)
        return found


def test_more_records_than_pubmed_lists_are_found_slice_by_slice(crowded, tmp_path):
    client = Counting(crowded)
    search = make_search(settings(crowded, tmp_path, max_results=30_000), client)
    assert sorted(search.ids) == sorted(crowded.entered)
    assert all(len(part.ids) <= 9_999 for part in search.parts)
    assert len(client.listed) < 40
    assert search.notes == ()


def test_of_more_records_than_wanted_the_newest_entries_come_first(crowded, tmp_path):
    search = make_search(settings(crowded, tmp_path, max_results=11_000), Counting(crowded))
    assert len(search.ids) == 11_000
    assert {crowded.entered[pmid][:4] for pmid in search.ids} == {"2021"}


def test_a_day_with_more_records_than_pubmed_lists_is_noted(tmp_path):
    state = Eutils({str(number): "2021/01/01" for number in range(12_000)}, url="http://127.0.0.1:9/")
    search = make_search(settings(state, tmp_path, max_results=30_000), Counting(state))
    assert len(search.ids) == 9_999
    assert "2001 of the 12000 records entered on 2021-01-01 are out of reach" in search.notes


@pytest.mark.parametrize("wrong", [{"from": "20"}, {"to": "2020-13"}, {"base_url": "ftp://x"}, {"email": "nobody"}])
def test_a_setting_that_cannot_work_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PubMed(query="x", **wrong)


def test_settings_survive_a_recipe():
    from clinforge.config import parse

    given = {"query": '"sweet urine"[ti]', "from": 2020, "to": "2021/05", "max_results": 5}
    made = parse(PubMed, dict(given), origin="test")
    assert (made.from_, made.to) == ("2020", "2021-05")
    assert parse(PubMed, made.model_dump(mode="json"), origin="test") == made
    assert made.command == "clinforge data fetch-pubmed '\"sweet urine\"[ti]' from=2020 to=2021-05 max_results=5"


def run(*words: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "clinforge.cli.main", "data", "fetch-pubmed", *words]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_5000_records_from_a_misbehaving_server_killed_twice(tmp_path):
    """Killed once while an answer is on its way and once while records are being written."""
    days = [f"20{number % 20:02}/{1 + number % 12:02}/01" for number in range(5_000)]
    state = Eutils({str(30_000_000 + 7 * number): day for number, day in enumerate(days)})
    state.wrong = deque([
        "new dtd", "", "500", "500", "", "truncated", "", "429 seconds", "", "duplicate", "", "", "html", "", "dropped",
    ])  # fmt: skip
    server, running = serve(state), []
    words = ["diabetes treatment", "max_results=5000", "--json", f"base_url={state.url}", "page_size=250"]
    words += ["from=2020", f"out={tmp_path / 'found.jsonl'}"]

    def kill(after_s: float = 0.0) -> None:
        time.sleep(after_s)
        running[-1].send_signal(signal.SIGKILL)

    def before(number: int) -> None:
        if number == 9:
            kill()

    def after(number: int) -> None:
        if number == 18:
            state.expire()
            threading.Thread(target=kill, args=(0.03,)).start()

    state.before_fetch, state.after_fetch = before, after
    ended = []
    for _ in range(3):
        running.append(run(*words, NCBI_API_KEY="k"))
        output, errors = running[-1].communicate(timeout=60)
        ended.append(running[-1].returncode)
    server.shutdown()
    server.server_close()
    assert ended == [-signal.SIGKILL, -signal.SIGKILL, 0], errors
    summary = json.loads(output)
    assert (summary["found"], summary["fetched"], summary["written"], summary["faults"]) == (5_000, 5_000, 5_000, [])

    rows = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["source_id"] for row in rows] == list(state.entered)
    assert all(row["text"] == f"The sample of record {row['source_id']} was stable." for row in rows)
    assert len({row["id"] for row in rows}) == 5_000

    assert state.most_in_a_second() <= 10
    # 20 pages; 7 answers that were no use (one page asked for again by number), 2 killed, 1 expired history.
    assert len(state.asked("efetch")) <= 20 + 7 + 1 + 2 + 1
    assert len(state.asked("esearch")) <= 2
    assert not list(tmp_path.rglob("found.json"))


def test_the_command_writes_parquet_that_holds_the_same(eutils, tmp_path, monkeypatch, capsys):
    from pyarrow import parquet

    monkeypatch.chdir(tmp_path)
    words = ["data", "fetch-pubmed", "synthetic", f"base_url={eutils.url}", "max_results=5"]
    assert main([*words, "out=found.parquet"]) == 0
    assert capsys.readouterr().out == "5 documents: found.parquet\n"
    assert main([*words, "out=found.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 5
    table = parquet.read_table("found.parquet").to_pylist()
    rows = [json.loads(line) for line in Path("found.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [{**row, "meta": json.loads(row["meta"])} for row in table] == rows
    assert Counter(request.program for request in eutils.requests) == {"esearch": 1, "efetch": 1}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["out=found.csv"], "found.csv: documents are written as .jsonl or .parquet"),
        (["max_result=5"], "Did you mean 'max_results'?"),
        (["form=2020"], "Did you mean 'from'?"),
        ([], "PubMed has no record for 'synthetic'"),
    ],
)
def test_what_the_user_can_mend_ends_with_2_and_leaves_no_file(words, told, eutils, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    eutils.entered = {}
    assert main(["data", "fetch-pubmed", "synthetic", f"base_url={eutils.url}", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.glob("*.*"))
