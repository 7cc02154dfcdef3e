"""Each rule drops what it is there for and keeps its near miss; the page shows both. All texts here are made up."""
# ruff: noqa: E501 -- pairs read better in rows

import re
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.data.quality import ALL_RULES, judge
from clinforge.data.quality.page import render_page, write_page
from clinforge.data.quality.rules import (
    Advertising,
    Boilerplate,
    Contact,
    Contradiction,
    CureAll,
    DoseWithoutUnit,
    Elsewhere,
    Language,
    Length,
    Repetition,
    Truncated,
)
from clinforge.errors import GateError
from clinforge.records import Document, Message

GOOD = {
    "zh": "高血压患者可以适量吃苹果，平时注意低盐饮食，并按时监测血压。",
    "en": "Apples are fine for most people with high blood pressure. Keep salt low and measure at home.",
}
counter = iter(range(10**9))


def row(answer: str, question: str = "", lang="") -> Document:
    lang = lang or ("zh" if re.search("[\u4e00-\u9fff]", answer) else "en")
    number = next(counter)
    question = question or f"Question {number}?"
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Document(
        id=f"d{number}",
        text=f"{question}\n{answer}",
        lang=lang,
        source="own",
        source_id=f"own:{number}",
        conversation=turns,
    )


def broken(rule, *answers: str) -> list[bool]:
    return rule([row(answer) for answer in answers])


CASES = [
    (CureAll(), ["服用本方可以彻底治愈糖尿病。", "坚持三个疗程一定能治好。", "这是祖传秘方，治好后不会复发。", "中药没有任何副作用，可以放心长期服用。",
                 "治愈率高达98%。", "无效退款。", "可以用偏方做为辅助治疗。", "A miracle cure for diabetes.", "It works and has no side effects at all."],
                ["糖尿病目前不能根治，但可以控制。", "这个病很难彻底治愈。", "目前没有特效药。", "请不要轻信偏方。", "采用四联疗法根治幽门螺杆菌。", "肿瘤根治术后三个月复查。",
                 "根治的可能性很小。", "There is no miracle cure for diabetes.", "Side effects are possible."]),
    (Advertising(), ["我院采用新技术治疗。", "推荐高科技疗法。", "收费合理，医保定点单位。", "建议你用传统中药调理。", "Visit our clinic today.", "Order now and save."],
                    ["建议到医院内分泌科检查。", "可以看中医调理。", "三联疗法疗程为两周。", "Your clinic will call you."]),
    (Contact(), ["加我微信详聊。", "微信号：zhangsan123", "请拨打电话 010-12345678", "www.example.com 有介绍", "可以直接点击我进行咨询。", "QQ:123456789", "e-mail me at a@b.com"],
                ["请拨打120。", "血压130/80，心率72。", "手机使用过多会伤眼睛。", "Call 911 at once."]),
    (DoseWithoutUnit(), ["每次2.5，每日三次。", "口服 500，一日两次。", "Take 500 twice daily.", "剂量为10。"],
                        ["每次2.5mg，每日三次。", "每次2片，每日三次。", "每日3次。", "Take 500 mg twice daily.", "每天30分钟。", "服用3天。", "Take 2 tablets daily."]),
    (Elsewhere(), ["建议去医院检查一下。", "请咨询医生。", "同上。", "Please consult your doctor.", "您好，建议到当地正规医院就诊，祝您健康。"],
                  [GOOD["zh"], GOOD["en"], "建议去医院做胃镜检查，排除胃溃疡后再用奥美拉唑。"]),
    (Truncated(), ["高血压的病因有很多，", "常用药物包括", "应该注意以下几点：", "Take it with food and", "主要药物有（"],
                  [GOOD["zh"], GOOD["en"], "没有句号也行"]),
    (Length(), ["好", "可以吃。", "Yes."], [GOOD["zh"], GOOD["en"]]),
    (Repetition(), ["多喝水多休息吧。" * 4, "哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈", "Drink more water. Drink more water. Drink more water."],
                   [GOOD["zh"], GOOD["en"], "1.8.8.8.8.8.8.8 ------------------------------------ " + GOOD["en"]]),
    (Contradiction(), ["可以吃的。不可以吃。", "Yes, it is. No, it is not."], ["可以吃的，但不能多吃。", "Yes. No doubt about it.", "不会传染。"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "bad", "fine"), CASES, ids=lambda value: getattr(value, "kind", ""))
def test_a_rule_breaks_on_what_it_is_for_and_not_on_near_misses(rule, bad, fine) -> None:
    assert [text for text in bad if not broken(rule, text)[0]] == []
    assert [text for text in fine if broken(rule, text)[0]] == []


def test_language_is_the_one_the_document_says() -> None:
    rule = Language()
    assert (
        rule([row(GOOD["en"], lang="zh"), row(GOOD["zh"], lang="en"), row("Это по-русски, целиком.", lang="en")])
        == [True] * 3
    )
    assert (
        rule([row("建议口服阿托伐他汀 (Atorvastatin) 20mg。"), row(GOOD["en"]), row("120/80", lang="zh")])
        == [False] * 3
    )


def test_a_sentence_that_answers_many_questions_is_boilerplate() -> None:
    stock = "平时要注意休息，保持愉快的心情。希望对您有帮助。"
    rows = [row(stock) for _ in range(5)] + [
        row(stock + GOOD["zh"]),
        row(GOOD["zh"]),
        row("您好，谢谢您的咨询，祝您健康。"),
    ]
    assert Boilerplate()(rows) == [True] * 5 + [False, False, True]
    assert Boilerplate()(rows[:4]) == [False] * 4


def test_the_same_question_may_not_have_two_answers() -> None:
    rows = [
        row("可以吃的。", "糖尿病能吃苹果吗?"),
        row("不能吃。", "糖尿病能吃苹果吗？"),
        row("可以吃的。", "感冒能吃苹果吗？"),
    ]
    assert Contradiction()(rows) == [True, True, False]


def test_choice_questions_may_be_short() -> None:
    choice = row("肺").model_copy(update={"options": ("肺", "肝")})
    assert judge([choice], [Length(), Elsewhere(), Truncated()]).kept == (choice,)


def test_nothing_disappears_and_every_drop_has_a_reason() -> None:
    rows = [row(text) for _, bad, fine in CASES for text in (*bad, *fine)]
    found = judge(rows)
    assert sorted(one.id for one in (*found.kept, *(drop.document for drop in found.dropped))) == sorted(
        d.id for d in rows
    )
    assert sum(found.counts.values()) == len(found.dropped)
    assert all(drop.rules for drop in found.dropped)
    assert list(found.counts) == [rule.kind for rule in ALL_RULES]
    for rule in ALL_RULES:
        assert found.alone[rule.kind] <= found.broken[rule.kind]
        assert found.counts[rule.kind] <= found.broken[rule.kind]


@settings(deadline=None)
@given(st.lists(st.sampled_from([text for _, bad, fine in CASES for text in (*bad, *fine)]), max_size=12), st.randoms())
def test_order_does_not_decide(texts: list[str], random) -> None:
    rows = [row(text, question=f"第{number}问？") for number, text in enumerate(texts)]
    shuffled = random.sample(rows, len(rows))
    first, second = judge(rows), judge(shuffled)
    assert {one.document.id: one.rules for one in first.dropped} == {
        one.document.id: one.rules for one in second.dropped
    }


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_judged(text: str) -> None:
    judge([row(text, lang=lang) for lang in ("en", "zh")])


@pytest.mark.parametrize("piece", ["请", "a-", "加", "建议去", "12 ", "哈", "(", "https", "彻底清除", "a.", "一"])
def test_hostile_text_is_judged_in_time(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    start = time.perf_counter()
    judge([row(text, lang="zh")])
    assert time.perf_counter() - start < 3


def test_keeping_nothing_is_an_error_that_says_why() -> None:
    assert judge([row(GOOD["zh"])]).require_kept()
    with pytest.raises(GateError, match="length 1") as error:
        judge([row("好")]).require_kept()
    assert "好" not in str(error.value)
    with pytest.raises(GateError, match="none to judge"):
        judge([]).require_kept()


def test_the_page_shows_examples_in_both_languages_and_escapes_them(tmp_path) -> None:
    rows = [row(f"祖传秘方<b>{number}</b>，一定能治好。") for number in range(40)] + [row(GOOD["zh"]) for _ in range(3)]
    found = judge(rows, [CureAll(), Length()])
    page = render_page(found)
    assert page == render_page(found) != render_page(found, seed=1)
    assert "<b>" not in page
    assert page.count("祖传秘方&lt;b&gt;") == 20
    assert page.count(GOOD["zh"]) == 6
    assert "Promise of a cure" in page and "包治断言" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    write_page(found, tmp_path / "quality.html")
    assert (tmp_path / "quality.html").read_text(encoding="utf-8") == page


def test_examples_are_drawn_evenly() -> None:
    rows = [row("祖传秘方，一定能治好。", question=f"问{number:02}？") for number in range(40)]
    found = judge(rows, [CureAll()])
    shown = Counter(name for seed in range(60) for name in re.findall(r"问\d\d", render_page(found, seed=seed)))
    assert len(shown) == 40
    assert min(shown.values()) > 12
