import json
import math
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.evaluate.report import LossPoint, RunReport, render_report, write_report
from clinforge.evaluate.report.charts import loss_chart, ticks
from clinforge.evaluate.report.render import percent, points, word_table
from clinforge.evaluate.results import Evaluation, SampleAnswer, Words
from tests.evaluate.report_example import example


class Page(HTMLParser):
    """Collects tags with attributes, and checks that they close in order."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for tag, attributes in reversed(self.open):
            if tag in ("h2", "h3"):
                lang = next((a.get("class") for t, a in reversed(self.open) if t == "span"), None)
                self.text.setdefault((tag, self.getpos()[0], attributes.get("id")), {})[lang] = data


@pytest.fixture(scope="module")
def report():
    return example()


@pytest.fixture(scope="module")
def html(report):
    return render_report(report)


def test_the_page_is_well_formed_and_asks_the_network_for_nothing(html):
    page = Page(html)
    assert page.open == []
    assert not any(key in ("src", "srcset", "data", "poster", "xlink:href") for _, attrs in page.tags for key in attrs)
    links = [attrs["href"] for _, attrs in page.tags if "href" in attrs]
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"url\(|@import|fetch\(|<link|<iframe", html)


def test_every_heading_stands_in_both_languages(html):
    headings = Page(html).text
    assert len(headings) >= 10
    for (tag, _, _), languages in headings.items():
        assert {"en", "zh"} <= languages.keys(), (tag, languages)
        assert re.search("[\u4e00-\u9fff]", languages["zh"])


def test_every_word_exists_in_both_languages_with_the_same_places():
    for section in word_table().values():
        for key, languages in section.items():
            assert languages.keys() == {"en", "zh"}, key
            assert set(re.findall(r"\{\w+\}", languages["en"])) == set(re.findall(r"\{\w+\}", languages["zh"])), key
            assert all(text.strip() for text in languages.values())


def test_page_and_json_hold_the_same_numbers(report, tmp_path):
    write_report(report, tmp_path)
    stored = json.loads((tmp_path / "report.json").read_text())
    html = (tmp_path / "report.html").read_text()
    assert RunReport.model_validate(stored) == report
    for task in stored["evaluation"]["comparisons"]:
        for system in task["systems"]:
            score = system["score"]
            cell = f"{percent(score['value'])}<small>{100 * score['low']:.1f}–{100 * score['high']:.1f}</small>"
            assert cell in html
        for difference in task["differences"]:
            assert points(difference["difference"]["value"]) in html
            assert points(difference["difference"]["low"]) in html
    for one in stored["evaluation"]["calibrations"]:
        assert f"{one['ece']:.3f}" in html


def test_a_null_result_is_worded_as_null_and_a_better_baseline_as_better(report):
    (task, *_) = report.evaluation.comparisons
    null = task.differences[0].model_copy(update={"verdict": "no difference shown"})
    changed = task.model_copy(update={"differences": (null, *task.differences[1:])})
    html = render_report(report.model_copy(update={"evaluation": Evaluation(level=0.95, comparisons=(changed,))}))
    assert "no difference shown" in html
    assert "未显示差异" in html
    assert "worse" in html


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onmouseover='x' {title} {{ 7*7 }} {% raw %}"


def hostile(value):
    """Every free string of a report replaced with one that wants to be markup."""
    if isinstance(value, dict):
        fixed = {"kind", "metric", "verdict", "split", "lang", "created"}
        return {
            (key if key.isidentifier() and key not in ("base",) else f"{key}{HOSTILE}"): item
            if key in fixed
            else hostile(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return f"{value} {HOSTILE}" if isinstance(value, str) else value


def test_hostile_text_stays_text(report):
    html = render_report(RunReport.model_validate(hostile(report.model_dump(mode="json"))))
    page = Page(html)
    assert "&lt;script&gt;alert(1)" in html
    assert "{{ 7*7 }}" in html
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any(tag == "img" for tag, _ in page.tags)
    assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)


def test_an_almost_empty_report_still_renders(report):
    empty = RunReport(
        title=Words(en="T", zh="题"), created=report.created, evaluation=Evaluation(level=0.95, comparisons=())
    )
    html = render_report(empty)
    assert "Not recorded for this run." in html
    assert "not a medical device" in html


def test_landmarks_headers_and_pictures_are_named(html):
    tags = Page(html).tags
    names = [tag for tag, _ in tags]
    assert {"header", "main", "footer"} <= set(names)
    assert all("scope" in attrs for tag, attrs in tags if tag == "th")
    assert all(attrs.get("aria-label") for tag, attrs in tags if tag == "svg" or attrs.get("role") == "img")
    assert names.count("h1") == 1


def test_answers_of_the_page_are_the_given_ones(report):
    answer = SampleAnswer(
        sample_id="s-1", task="department.zh", prompt="症状：咳", target="呼吸内科", answers={"tuned": "眼科"}
    )
    evaluation = report.evaluation.model_copy(update={"answers": (answer,)})
    html = render_report(report.model_copy(update={"evaluation": evaluation}))
    assert "症状：咳" in html
    assert '<dd class="tuned">眼科</dd>' in html


@given(st.floats(1e-6, 1e6))
def test_ticks_cover_the_range_with_few_round_numbers(highest):
    found = ticks(highest)
    assert found[0] == 0
    assert found[-1] >= highest * (1 - 1e-9)
    assert 2 <= len(found) <= 7
    assert found[-2] < highest


def test_a_loss_curve_leaves_out_what_is_not_finite_and_keeps_its_end():
    history = [LossPoint(step=step, loss=math.nan if step in (0, 12) else 2.0) for step in range(2001)]
    chart = loss_chart(history)
    assert chart is not None
    assert "nan" not in chart.training
    assert chart.training.split()[-1].startswith("100.00,")
    assert len(chart.training.split()) <= 402
    assert loss_chart([LossPoint(step=1)]) is None
    assert loss_chart([]) is None
