"""The report counts what stands, measures agreement on blind verdicts, and foretells the next build."""

import json

from clinforge.cli.main import main
from clinforge.review.report import report
from clinforge.review.settings import ReportSettings
from tests.review.conftest import verdict


def write(run_folder, **journals):
    folder = run_folder / "reviews"
    folder.mkdir(exist_ok=True)
    for name, lines in journals.items():
        rows = [line.model_copy(update={"reviewer": name}).model_dump_json() + "\n" for line in lines]
        (folder / f"{name}.jsonl").write_text("".join(rows), encoding="utf-8")


def read(run_folder, **changes):
    return report(run_folder, ReportSettings(resamples=100, **changes))


def test_an_unreviewed_dataset_has_a_report_of_noughts(run_folder):
    found = read(run_folder)
    assert (found.queued > 0, found.judged, found.alpha.value, found.retires) == (
        True,
        0,
        None,
        {"facts": 0, "samples": 0},
    )
    assert not (run_folder / "reviews").exists()


def test_counts_are_of_what_stands_now(run_folder):
    write(
        run_folder,
        li=[verdict("f-dose", "reject", reason="wrong_dose"), verdict("f-sign", "reject"), verdict("f-sign", "undo")],
        wang=[verdict("f-dose", "reject"), verdict("f-treat", simulated=False), verdict("s-gone", "reject")],
    )
    found = read(run_folder, double_share=1)
    assert found.decisions == {"accept": 1, "reject": 2}
    assert found.reasons == {"not_true": 1, "wrong_dose": 1}
    assert (found.reviewers, found.judged, found.waiting) == ({"li": 1, "wang": 2}, 2, 1)
    assert (found.simulated, found.elsewhere, found.unsettled) == (2, 1, 0)
    assert found.retires == {"facts": 1, "samples": 1}
    strata = {row.stratum: (row.queued, row.judged, row.decisions) for row in found.strata}
    assert strata["safety"] == (3, 2, {"accept": 1, "reject": 2})


def test_a_verdict_changed_in_the_light_of_the_other_counts_for_the_build_but_not_for_agreement(run_folder):
    seen = verdict("f-dose", "reject", blind=False)
    write(run_folder, li=[verdict("f-dose"), seen], wang=[verdict("f-dose", "reject")])
    found = read(run_folder)
    assert found.pairs[0].equal == 0
    assert found.retires["facts"] == 1


def test_agreement_stands_for_each_part_of_the_queue(run_folder):
    ids = ["f-dose", "f-sign", "s-same-1", "s-same-2"]
    write(run_folder, li=[verdict(one, "reject") for one in ids],
          wang=[verdict(one, "accept" if one == "s-same-2" else "reject") for one in ids])  # fmt: skip
    found = read(run_folder)
    by = {row.stratum: row.alpha for row in found.strata}
    assert (by["safety"].n, by["disagreement"].n, found.alpha.n) == (2, 2, 4)
    assert "only one kind" in by["safety"].note
    assert "only 4 items" in found.alpha.note
    assert found.unsettled == 1


def test_the_verb_prints_a_table_and_json(run_folder, capsys):
    write(run_folder, li=[verdict("f-dose", "reject")], wang=[verdict("f-dose", "accept")])
    assert main(["review", "report", str(run_folder), "resamples=100"]) == 0
    text = capsys.readouterr().out
    assert "li and wang: alike on 0 % of 1 items" in text
    assert "Unsettled (they stay in): 1" in text
    assert "leaves out 0 facts" in text
    assert main(["review", "report", str(run_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == {"accept": 1, "reject": 1}


def test_a_broken_journal_is_the_users_to_mend_and_named(run_folder, capsys):
    (run_folder / "reviews").mkdir()
    (run_folder / "reviews" / "li.jsonl").write_text('{"item": "fact"}\n{"item": "fact"}\n')
    assert main(["review", "report", str(run_folder)]) == 2
    assert "li.jsonl:1 field 'item_id'" in capsys.readouterr().err
