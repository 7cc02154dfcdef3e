"""A reviewer sees nothing of the others until both are in, and what is saved is on the disk."""

import json
import os
import signal
import subprocess
import sys

import pytest

from clinforge.errors import ConfigError, InputError, MissingError, UserError
from clinforge.review.desk import Desk, open_round
from clinforge.review.journal import Journal
from clinforge.verdicts import outcomes, read_journal, read_verdicts, retired
from tests.review.conftest import settings, verdict

BOTH = {"reviewers": ["li", "wang"], "double_share": 1.0}


def desk(run_folder, reviewer="li", **changes):
    chosen = settings(reviewer=reviewer, **changes)
    return Desk(open_round(run_folder, chosen), chosen, simulated=True)


def journal(run_folder, reviewer="li"):
    return run_folder / "reviews" / f"{reviewer}.jsonl"


def test_a_verdict_is_written_with_name_time_and_trial_mark(run_folder):
    with desk(run_folder) as mine:
        mine.decide(verdict("f-dose", "reject", reviewer="someone else", at="long ago"))
    (line,) = read_journal(journal(run_folder))
    assert (line.reviewer, line.item_id, line.decision, line.simulated, line.blind) == (
        "li",
        "f-dose",
        "reject",
        True,
        True,
    )
    assert line.at.endswith("+00:00")
    assert journal(run_folder).stat().st_mode & 0o077 == 0


def test_undo_adds_lines_and_goes_back_one_verdict_at_a_time(run_folder):
    with desk(run_folder) as mine:
        mine.decide(verdict("f-dose", "reject"))
        mine.decide(verdict("f-sign"))
        assert [mine.undo().item_id, mine.undo().item_id, mine.undo()] == ["f-sign", "f-dose", None]
        assert all(row["decision"] is None for row in mine.progress())
    lines = read_journal(journal(run_folder))
    assert [line.decision for line in lines] == ["reject", "accept", "undo", "undo"]


def test_work_goes_on_where_it_stopped(run_folder):
    with desk(run_folder) as mine:
        mine.decide(verdict("f-dose", "reject"))
    with desk(run_folder) as mine:
        assert {row["item_id"]: row["decision"] for row in mine.progress()}["f-dose"] == "reject"
        assert mine.undo().item_id == "f-dose"


def test_the_other_verdict_is_shown_only_when_both_are_in(run_folder):
    key = ("fact", "f-dose")
    with desk(run_folder, **BOTH) as mine, desk(run_folder, "wang", **BOTH) as other:
        mine.decide(verdict("f-dose", "reject", note="mine"))
        assert mine.view(key)["others"] == other.view(key)["others"] == []
        assert other.view(key)["own"] is None
        assert "mine" not in json.dumps(other.view(key))
        assert all(row["decision"] is None for row in other.progress())
        other.decide(verdict("f-dose", "accept"))
        assert [one["decision"] for one in mine.view(key)["others"]] == ["accept"]
        assert [one["note"] for one in other.view(key)["others"]] == ["mine"]


def test_a_verdict_changed_after_seeing_the_other_does_not_count_as_blind(run_folder):
    key = ("fact", "f-dose")
    with desk(run_folder, **BOTH) as mine, desk(run_folder, "wang", **BOTH) as other:
        mine.decide(verdict("f-dose", "reject"))
        other.decide(verdict("f-dose", "accept"))
        mine.undo()  # a slip, taken back before the other's verdict was looked at
        mine.decide(verdict("f-dose", "reject"))
        assert all(line.blind for line in read_journal(journal(run_folder)))
        mine.view(key)
        mine.decide(verdict("f-dose", "accept"))
        assert mine.undo().blind is False
    with desk(run_folder, **BOTH) as mine:
        assert mine.decide(verdict("f-dose", "accept")).blind is False
    lines = read_verdicts([run_folder / "reviews"])
    assert retired(lines).fact_ids == frozenset()
    assert retired(line for line in lines if line.blind and line.reviewer == "li").fact_ids == {"f-dose"}


def test_seeing_is_remembered_over_a_restart(run_folder):
    with desk(run_folder, **BOTH) as mine, desk(run_folder, "wang", **BOTH) as other:
        mine.decide(verdict("f-dose", "reject"))
        other.decide(verdict("f-dose", "accept"))
        mine.view(("fact", "f-dose"))
    with desk(run_folder, **BOTH) as mine:
        assert mine.undo().blind is False


def test_what_two_could_not_settle_comes_to_the_third(run_folder):
    roster = {"reviewers": ["li", "wang", "zhao"], "double_share": 1.0}
    by = {name: desk(run_folder, name, **roster) for name in roster["reviewers"]}
    mine = {name: {row["item_id"] for row in one.progress()} for name, one in by.items()}
    item_id = sorted(mine["li"] & mine["wang"])[0]
    assert item_id not in mine["zhao"]
    by["li"].decide(verdict(item_id, "reject"))
    by["wang"].decide(verdict(item_id, "accept"))
    by["zhao"].__exit__()
    with desk(run_folder, "zhao", **roster) as third:
        assert item_id in {row["item_id"] for row in third.progress()}
        key = ("fact" if item_id.startswith("f-") else "sample", item_id)
        assert third.view(key)["others"] == []
        third.decide(verdict(item_id, "reject"))
        assert len(third.view(key)["others"]) == 2
    assert outcomes(read_verdicts([run_folder / "reviews"]))[0].decision == "reject"
    for name in ("li", "wang"):
        by[name].__exit__()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (verdict("f-dose", "reject", reason=""), "reason"),
        (verdict("f-dose", "reject", reason="unsure"), "reason"),
        (verdict("f-dose", "reject", reason="made up"), "reason"),
        (verdict("f-dose", "reject", reason="other", note=" "), "note"),
        (verdict("f-dose", "accept", reason="unclear"), "reason"),
        (verdict("f-dose", "reject", edited="x"), "edited"),
        (verdict("s-5", "edit", edited=" "), "edited"),
        (verdict("s-5", "edit", edited="Answer 5."), "edited"),
        (verdict("s-choice", "edit", edited="eye"), "edited"),
    ],
)
def test_an_incomplete_verdict_is_refused_by_field_and_nothing_is_written(run_folder, given, field):
    with desk(run_folder) as mine, pytest.raises(InputError, match=f"^field '{field}'"):
        mine.decide(given)
    assert journal(run_folder).read_bytes() == b""


def test_a_verdict_on_nothing_is_refused(run_folder):
    with desk(run_folder) as mine, pytest.raises(MissingError, match="No fact 'f-none'"):
        mine.decide(verdict("f-none"))


def test_one_journal_has_one_writer_and_one_owner(run_folder):
    with desk(run_folder) as mine:
        mine.decide(verdict("f-dose"))
        with pytest.raises(UserError, match="li's journal is open in another program"):
            desk(run_folder)
    journal(run_folder).rename(journal(run_folder, "Li"))
    with pytest.raises(InputError, match="holds verdicts of li"):
        desk(run_folder, "Li")


def test_the_rest_of_a_crash_is_set_aside_and_the_journal_goes_on(run_folder):
    with desk(run_folder) as mine:
        mine.decide(verdict("f-dose", "reject"))
    with journal(run_folder).open("ab") as file:
        file.write(b'{"item":"fact","item_')
    with desk(run_folder) as mine:
        mine.decide(verdict("f-sign"))
    assert [line.item_id for line in read_journal(journal(run_folder))] == ["f-dose", "f-sign"]
    assert journal(run_folder).with_suffix(".torn").read_bytes() == b'{"item":"fact","item_\n'


def test_a_line_that_lacks_only_its_end_is_kept(run_folder):
    with desk(run_folder) as mine:
        mine.decide(verdict("f-dose", "reject"))
    os.truncate(journal(run_folder), journal(run_folder).stat().st_size - 1)
    with desk(run_folder) as mine:
        mine.decide(verdict("f-sign"))
    assert [line.item_id for line in read_journal(journal(run_folder))] == ["f-dose", "f-sign"]


def test_a_full_disk_leaves_no_half_line(run_folder, monkeypatch):
    with Journal(run_folder / "reviews", "li") as own:
        own.append(verdict("f-dose"))
        write, calls = os.write, []

        def full(file, content):
            calls.append(content)
            if len(calls) > 1:
                raise OSError(28, "No space left on device")
            return write(file, content[:10])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            own.append(verdict("f-sign"))
        monkeypatch.undo()
        own.append(verdict("f-treat"))
    assert [line.item_id for line in read_journal(journal(run_folder))] == ["f-dose", "f-treat"]


def test_confirmed_verdicts_outlive_a_killed_program(run_folder):
    code = (
        "import sys, pathlib\n"
        "from clinforge.review.journal import Journal\n"
        "from tests.review.conftest import verdict\n"
        "own = Journal(pathlib.Path(sys.argv[1]), 'li')\n"
        "for n in range(10**6):\n"
        "    own.append(verdict(f's-{n}'))\n"
        "    print(n, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(run_folder / "reviews")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        confirmed = [int(program.stdout.readline()) for _ in range(20)]
        os.kill(program.pid, signal.SIGKILL)
        confirmed += [int(line) for line in program.stdout if line.endswith("\n")]
    kept = [line.item_id for line in read_journal(journal(run_folder))]
    assert kept[: len(confirmed)] == [f"s-{n}" for n in confirmed]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "0.0.0.0"}, "host"),
        ({"reviewer": "../li"}, "reviewer"),
        ({"reviewer": ""}, "reviewer"),
        ({"reviewers": ["wang", "zhao"]}, "li is not among reviewers"),
        ({"reviewers": ["li", "li"]}, "stands twice"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    from clinforge.config import parse
    from clinforge.review.settings import DeskSettings

    with pytest.raises(ConfigError, match=message):
        parse(DeskSettings, {"reviewer": "li", **changes}, origin="review")
