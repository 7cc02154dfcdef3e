"""The page in a real browser, by keyboard alone; then the next build leaves out what was rejected."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from clinforge.artifacts import read_manifest, write_artifact
from clinforge.data.lineage import trace_row
from clinforge.data.run import build_dataset
from clinforge.data.settings import DataSettings
from clinforge.data.tasks.advice import Advice
from clinforge.records import Fact, Sample, read_jsonl
from clinforge.review.api import create_app
from clinforge.review.desk import Desk, open_round
from clinforge.review.run import hosts_of, listen
from clinforge.verdicts import read_journal
from tests.review.conftest import settings

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium, or set CHROMIUM=PATH")
SMALL = DataSettings(tasks=(Advice(lang="en", num_train=24, num_validation=4, num_test=4),))


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@contextlib.contextmanager
def served(run_folder: Path, **changes: object) -> Iterator[str]:
    """The page of one reviewer, on a free port."""
    chosen = settings(**changes)
    with Desk(open_round(run_folder, chosen), chosen, simulated=True) as desk, listen(chosen) as listener:
        hosts = hosts_of(listener)
        server = uvicorn.Server(uvicorn.Config(create_app(desk, hosts), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield f"http://{hosts[0]}"
        finally:
            server.should_exit = True
            thread.join(20)


@contextlib.contextmanager
def opened(browser, address, locale="en-GB"):
    """A page that fails the test on any script error."""
    context = browser.new_context(locale=locale)
    context.set_default_timeout(10_000)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(address)
        page.locator("#content > *").first.wait_for()
        yield page
        assert errors == []
    finally:
        context.close()


def build(folder, chosen):
    with write_artifact(folder, "dataset", chosen.model_dump(mode="json"), {}) as (partial, notes):
        notes.update(build_dataset(chosen, partial, lambda *_: None))


def rows(dataset):
    return [row for split in ("train", "validation", "test") for row in read_jsonl(dataset / f"{split}.jsonl", Sample)]


def press(page, *keys, saved=None):
    for key in keys:
        page.keyboard.press(key)
    if saved:
        page.locator("#said", has_text=saved).wait_for()


def go_to(page, text):
    """Press `j` until the item shows `text`."""
    for _ in range(200):
        if text in page.locator("#item").inner_text():
            return
        before = page.locator("#position").inner_text()
        press(page, "j")
        page.wait_for_function("before => document.getElementById('position').innerText !== before", arg=before)
    pytest.fail(f"no item shows {text!r}")


def test_accept_edit_reject_undo_by_keyboard_and_the_next_build_obeys(browser, tmp_path):
    run = tmp_path / "run"
    build(run / "dataset", SMALL)
    with served(run, random_share=0.6) as address, opened(browser, address) as page:
        assert page.locator("#why").inner_text() == "Why it is here: Safety: emergency sign"
        rejected_text = page.locator("#content dd").nth(2).inner_text()
        press(page, "r")
        assert page.evaluate("document.activeElement.name") == "reason"
        press(page, "3", "Enter", saved="Saved: Reject.")
        press(page, "a", saved="Saved: Accept.")
        press(page, "u", saved="Taken back.")
        press(page, "x", "1", "Enter", saved="Saved: Escalate.")
        go_to(page, "Training sample")
        press(page, "e", "Control+a")
        page.keyboard.type("See a doctor. This is not a diagnosis.")
        press(page, "Tab", "7", "Control+Enter", saved="Saved: Edit.")
        assert page.locator("#count").inner_text().startswith("3 of ")
    lines = read_journal(run / "reviews" / "li.jsonl")
    assert [line.decision for line in lines] == ["reject", "accept", "undo", "escalate", "edit"]
    assert all(line.simulated for line in lines)
    rejected, edited = lines[0].item_id, lines[-1].item_id
    facts = {fact.id: fact for fact in read_jsonl(run / "dataset" / "facts.jsonl", Fact)}
    assert facts[rejected].object == rejected_text
    before = rows(run / "dataset")
    gone = {row.id for row in before if rejected in row.fact_ids}
    assert 0 < len(gone) < len(before)
    assert edited not in gone

    build(tmp_path / "next", SMALL.model_copy(update={"reviews": (run / "reviews",)}))
    after = {row.id: row for row in rows(tmp_path / "next")}
    new = after.keys() - {row.id for row in before}
    assert {row.id for row in before} - after.keys() == gone | {edited}
    assert [after[one].answer for one in new] == ["See a doctor. This is not a diagnosis."]
    assert rejected not in {fact.id for fact in read_jsonl(tmp_path / "next" / "facts.jsonl", Fact)}
    notes = read_manifest(tmp_path / "next").notes
    assert notes["retired"] == {"facts": 1, "samples": len(gone)}
    traced = trace_row(tmp_path / "next", next(iter(new)))["reviews"]
    assert (edited, "edit", ["li"]) in [
        (row["outcome"]["item_id"], row["outcome"]["decision"], list(row["outcome"]["reviewers"])) for row in traced
    ]


def test_content_is_shown_as_text_and_never_run(browser, run_folder):
    with served(run_folder, random_share=1) as address, opened(browser, address) as page:
        go_to(page, "<script>")
        shown = page.locator("#content").inner_text()
        assert "<script>document.title='owned'</script>" in shown
        assert page.locator("#content script, #content img").count() == 0
        assert page.title() == "Data review · ClinForge"


def test_the_page_speaks_chinese_when_the_browser_does_and_switches(browser, run_folder):
    with served(run_folder) as address, opened(browser, address, locale="zh-CN") as page:
        assert page.locator("html").get_attribute("lang") == "zh-Hans"
        assert page.locator("#why").inner_text() == "入选原因：安全相关：剂量"
        press(page, "r")
        assert "剂量、单位或频次错误" in page.locator("#reasons").inner_text()
        press(page, "Escape")
        page.locator("#language").press("Enter")
        assert page.locator("h1").inner_text() == "Data review"
        page.reload()
        page.locator("#content > *").first.wait_for()
        assert page.locator("h1").inner_text() == "Data review"


def test_choice_answers_are_corrected_among_their_options(browser, run_folder):
    with served(run_folder, random_share=1) as address, opened(browser, address) as page:
        go_to(page, "Eye")
        press(page, "e", "ArrowDown", "4", "Enter", saved="Saved: Edit.")
    (line,) = read_journal(run_folder / "reviews" / "li.jsonl")
    assert (line.item_id, line.edited, line.reason) == ("s-choice", "Eye", "unsupported")


def test_a_missing_reason_saves_nothing_and_escape_leaves_the_form(browser, run_folder):
    with served(run_folder) as address, opened(browser, address) as page:
        press(page, "r", "Enter")
        assert page.locator("#form").is_visible()
        press(page, "a", "Escape")
        assert page.locator("#form").is_hidden()
        assert page.evaluate("document.activeElement.id") == "item"
        press(page, "?")
        assert page.locator("#help").is_visible()
        press(page, "Escape")
        assert page.locator("#help").is_hidden()
    assert read_journal(run_folder / "reviews" / "li.jsonl") == []


def test_letters_do_nothing_when_single_keys_are_off(browser, run_folder):
    with served(run_folder) as address, opened(browser, address) as page:
        page.locator("#help-open").click()
        page.locator("#keys").uncheck()
        page.locator("#help-close").click()
        press(page, "a", "j")
        page.wait_for_timeout(200)
        assert page.locator("#position").inner_text().startswith("Item 1 of")
    assert read_journal(run_folder / "reviews" / "li.jsonl") == []


def test_when_the_program_is_gone_the_page_says_so_and_stays_where_it_is(browser, run_folder):
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(served(run_folder))
        page = stack.enter_context(opened(browser, address))
        page.route("**/api/verdict", lambda route: route.abort())
        press(page, "a")
        page.locator("#alert", has_text="does not answer").wait_for()
        assert page.locator("#position").inner_text().startswith("Item 1 of")
        assert page.locator("#count").inner_text().startswith("0 of")


def test_everything_on_the_page_has_a_name(browser, run_folder):
    with served(run_folder) as address, opened(browser, address) as page:
        press(page, "e")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, input, textarea, select, progress")]
                .filter(one => one.offsetParent && !one.textContent.trim() && !(one.labels && [...one.labels]
                    .some(label => label.textContent.trim())))
                .map(one => one.outerHTML)"""
        )
        assert nameless == []
