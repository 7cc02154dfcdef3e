"""The client gets through what passes, stops with a word at what does not, and keeps to the rate with its siblings."""

import re
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from clinforge.data.sources.pubmed_client import (
    Access,
    History,
    HistoryExpiredError,
    Pace,
    PubMedClient,
)
from clinforge.errors import ConfigError, MissingError


@pytest.fixture
def quick(monkeypatch):
    """No spacing of requests, so that only what is tested takes time."""
    monkeypatch.setattr(Access, "per_second", 10_000)


@pytest.fixture
def client(eutils, quick, tmp_path):
    with PubMedClient(Access(eutils.url, backoff_s=0.01, timeout_s=1.0), tmp_path) as client:
        yield client


def pmids(records):
    return [record.pmid for record in records]


@pytest.mark.parametrize(
    "wrong",
    [["429"], ["500", "500"], ["html"], ["xhtml"], ["truncated"], ["dropped"], ["nothing"], ["429 in 200"]],
    ids=lambda wrong: " ".join(wrong),
)
def test_a_fault_that_passes_costs_nothing_but_a_request(wrong, eutils, client):
    eutils.wrong.extend(wrong)
    assert pmids(client.by_ids(["1001", "1002"])) == ["1001", "1002"]
    assert len(eutils.requests) == len(wrong) + 1


def test_an_answer_that_drips_is_given_up_after_the_time_limit(eutils, client):
    eutils.wrong.append("slow")
    assert client.by_ids(["1001"])
    first, second = eutils.requests
    assert second.at - first.at < 6


@pytest.mark.parametrize(("wrong", "least"), [("429 seconds", 1.0), ("429 date", 0.9)])
def test_retry_after_is_waited_for(wrong, least, eutils, client):
    eutils.wrong.append(wrong)
    assert client.by_ids(["1001"])
    first, second = eutils.requests
    assert least <= second.at - first.at < 10


def test_pauses_grow_and_differ(eutils, quick, tmp_path):
    eutils.wrong.extend(["500"] * 4)
    with PubMedClient(Access(eutils.url, backoff_s=0.1), tmp_path) as client:
        assert client.by_ids(["1001"])
    times = [request.at for request in eutils.requests]
    gaps = [after - before for before, after in pairwise(times)]
    for doubled, gap in enumerate(gaps):
        assert gap >= 0.05 * 2**doubled
    assert len({round(gap / 2**doubled, 4) for doubled, gap in enumerate(gaps)}) > 1


def test_a_demand_for_a_day_of_rest_ends_the_command(eutils, client):
    eutils.wrong.append("429 long")
    with pytest.raises(MissingError, match="86400 s"):
        client.by_ids(["1001"])


def test_a_server_that_stays_away_is_said_so_after_the_last_attempt(quick, tmp_path):
    with (
        PubMedClient(Access("http://127.0.0.1:9/", backoff_s=0.01, attempts=3), tmp_path) as client,
        pytest.raises(MissingError, match=r"(?s)3 attempts.*ConnectError.*Nothing is lost"),
    ):
        client.by_ids(["1001"])


def test_a_refusal_is_not_repeated_and_does_not_show_the_key(eutils, quick, tmp_path):
    eutils.wrong.append("bad key")
    with (
        PubMedClient(Access(eutils.url, key="secret-key"), tmp_path) as client,
        pytest.raises(ConfigError, match="API key invalid") as caught,
    ):
        client.by_ids(["1001"])
    assert "secret-key" not in str(caught.value)
    assert len(eutils.requests) == 1


def test_a_key_is_never_part_of_a_url(eutils, quick, tmp_path):
    with PubMedClient(Access(eutils.url, key="secret-key", email="a@b.org"), tmp_path) as client:
        client.search("x", {}, 5)
        client.by_ids(["1001"])
    assert [request.params["api_key"] for request in eutils.requests] == ["secret-key"] * 2
    assert all("secret-key" not in request.path for request in eutils.requests)
    assert {request.params["email"] for request in eutils.requests} == {"a@b.org"}
    assert {request.params["tool"] for request in eutils.requests} == {"clinforge"}


def test_more_than_200_ids_are_posted(eutils, client):
    assert len(client.by_ids([str(number) for number in range(800, 1100)])) == 30
    assert client.by_ids(["1001"])
    assert [request.method for request in eutils.requests] == ["POST", "GET"]


def test_an_expired_history_is_told_apart(eutils, client):
    found = client.search("x", {}, 10)
    assert (found.count, len(found.ids)) == (30, 10)
    assert pmids(client.by_history(found.history, 5, 3)) == ["1005", "1006", "1007"]
    with pytest.raises(HistoryExpiredError):
        client.by_history(History("gone", "1"), 0, 3)


def test_what_pubmed_did_not_understand_is_noted(eutils, client):
    eutils.told = "<ErrorList><PhraseNotFound>diabtes</PhraseNotFound></ErrorList>"
    assert client.search("diabtes", {}, 10).notes == ("PhraseNotFound: diabtes",)


TURNS = """
import sys, time
from pathlib import Path
from clinforge.data.sources.pubmed_client import Pace
pace = Pace(Path(sys.argv[1]), 10)
for _ in range(8):
    pace.take()
    print(time.time(), flush=True)
"""


def test_processes_share_one_rate(tmp_path):
    file = tmp_path / "pace"
    running = [
        subprocess.Popen([sys.executable, "-c", TURNS, str(file)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    times = sorted(float(line) for process in running for line in process.communicate()[0].split())
    assert len(times) == 16
    assert all(after - before > 0.1 for before, after in pairwise(times))


def test_a_pause_holds_for_the_others_and_a_clock_set_back_does_not_stop_them(tmp_path):
    one, other = Pace(tmp_path / "pace", 1000), Pace(tmp_path / "pace", 1000)
    one.pause(0.3)
    started = time.monotonic()
    other.take()
    assert time.monotonic() - started >= 0.25
    (tmp_path / "pace").write_text(str(time.time() + 1e6))
    other.take()
    assert time.monotonic() - started < 2


def test_three_a_second_without_a_key_and_ten_with_one():
    assert Access("http://x").per_second == 3
    assert Access("http://x", key="k").per_second == 10


def test_no_log_names_the_key(eutils, quick, tmp_path, caplog):
    with caplog.at_level("DEBUG"), PubMedClient(Access(eutils.url, key="secret-key"), tmp_path) as client:
        client.by_ids(["1001"])
    assert not re.search("secret-key", caplog.text)
