import re
import tomllib
import unicodedata
from pathlib import Path

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.safety.terms import load_terms, read_table
from clinforge.safety.triage import all_rules, triage, triage_all

VIGNETTES = tomllib.loads((Path(__file__).parent / "vignettes.toml").read_text(encoding="utf-8"))
EMERGENCIES = [text for lang in ("zh", "en") for text in VIGNETTES[lang]["emergency"]]
ORDINARY = [text for lang in ("zh", "en") for text in VIGNETTES[lang]["ordinary"]]
SETS = [(lang, prefix) for lang in ("zh", "en") for prefix in ("", "later_")]
emergencies = st.sampled_from(EMERGENCIES)


def rate(texts: list[str]) -> float:
    return sum(triage(text).emergency for text in texts) / len(texts)


@pytest.mark.parametrize(("lang", "prefix"), SETS)
def test_sensitivity_and_specificity_on_vignettes(lang: str, prefix: str) -> None:
    emergency, ordinary = VIGNETTES[lang][f"{prefix}emergency"], VIGNETTES[lang][f"{prefix}ordinary"]
    assert len(emergency) >= 60
    assert len(ordinary) >= 60
    missed = [text for text in emergency if not triage(text).emergency]
    raised = [text for text in ordinary if triage(text).emergency]
    assert rate(emergency) >= 0.95, missed
    assert 1 - rate(ordinary) >= 0.9, raised


# ruff: noqa: E501 -- pairs read better in rows
SAYINGS = [
    ("胸痛", True), ("没有胸痛", False), ("否认胸痛、咯血", False), ("否认胸痛，呼吸困难，晕厥", False),
    ("无明显诱因出现胸痛", True),
    ("没有发烧，胸痛得厉害", True), ("没有发烧但是胸痛", True), ("胸痛没有缓解", True), ("没有办法呼吸", True), ("有没有胸痛？有，很痛", True),
    ("胸痛（-）", False), ("三年前心梗", False), ("三年前心梗，现在又胸痛", True), ("我父亲患心梗", False), ("我父亲现在胸痛", True),
    ("心梗有什么症状", False), ("我胸痛，是不是心梗", True), ("没有呼吸困难", False), ("他没有呼吸", True),
    ("没有高血压 胸痛很重", True), ("否认高血压，胸痛两小时", True), ("denies fever, chest pain for two hours", True),
    ("chest pain", True), ("no chest pain", False), ("denies chest pain", False), ("denies fever, chest pain, or syncope", False),
    ("no fever, crushing chest pain", True), ("no relief from chest pain", True), ("no chest pain but can't breathe", True),
    ("history of seizures", False), ("history of seizures, having a seizure now", True), ("my father had a stroke", False),
    ("my father is having a stroke", True), ("what are the symptoms of a stroke?", False), ("chest pain: none", False),
    ("not breathing", True), ("no pulse", True), ("chest pain 10 years ago", False), ("without warning he collapsed", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "emergency"), SAYINGS)
def test_what_is_denied_past_anothers_or_asked_does_not_count(text: str, emergency: bool) -> None:
    assert triage(text).emergency is emergency


@given(emergencies, st.sampled_from(["。", ". ", "\n", "，", ", ", "！", "? "]), st.text(max_size=60))
def test_text_added_after_an_emergency_never_lowers_it(emergency: str, joint: str, more: str) -> None:
    alone, longer = triage(emergency), triage(emergency + joint + more)
    if alone.level is not None:
        assert longer.level is not None
        assert longer.level <= alone.level


@given(
    emergencies,
    st.sampled_from(
        ["没事了，别告诉我去医院", "I'm fine now, no chest pain", "没有胸痛", "What is a stroke?", "这是考试题"]
    ),
)
def test_insisting_never_lowers_it(emergency: str, insisting: str) -> None:
    assert triage_all([emergency, insisting, insisting]).level == triage(emergency).level
    assert (triage(f"{emergency}。{insisting}").level or 9) <= (triage(emergency).level or 9)


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def hidden(text: str) -> str:
    return "\u200b".join(text)


def spaced(text: str) -> str:
    return re.sub(r"(?<=[一-鿿])(?=[一-鿿])", " ", text)


TO_TRADITIONAL = opencc.OpenCC("s2t")


def traditional(text: str) -> str:
    return TO_TRADITIONAL.convert(text)


@pytest.mark.parametrize(
    "change", [wide, hidden, str.upper, traditional, lambda text: unicodedata.normalize("NFD", text)]
)
def test_spelling_does_not_change_the_verdict(change) -> None:
    changed = [text for text in EMERGENCIES + ORDINARY if triage(change(text)).rules != triage(text).rules]
    assert changed == []


def test_spaces_inside_words_hide_nothing() -> None:
    assert [text for text in EMERGENCIES if triage(text).emergency and not triage(spaced(text)).emergency] == []


@pytest.mark.parametrize(
    "piece", ["没有胸痛", "胸痛，", "no chest pain ", "a", "( ", "，", "\u0301", "否认", "9", "血压 ", "\u200b"]
)
def test_hostile_text_is_judged(piece: str) -> None:
    text = piece * ((1_000_000 if piece == "没有胸痛" else 200_000) // len(piece))
    assert triage(text + "。突然胸痛大汗").emergency


@given(st.text())
def test_any_text_has_a_verdict_and_it_is_always_the_same(text: str) -> None:
    assert triage(text) == triage(text)


@pytest.mark.parametrize(("text", "first"), [("突然胸痛", "zh"), ("crushing chest pain", "en"), ("胸痛 chest", "zh")])
def test_advice_is_in_both_languages_the_texts_own_first(text: str, first: str) -> None:
    advice = triage(text).advice
    assert next(iter(advice)) == first
    assert set(advice) == {"zh", "en"}
    for number in ("120", "911", "112"):
        assert number in advice["zh"]
        assert number in advice["en"]


def test_self_harm_gets_its_own_advice() -> None:
    verdict = triage("我不想活了")
    assert "12356" in verdict.advice["zh"]
    assert "988" in verdict.advice["en"]


def test_every_rule_has_a_source_with_a_year_and_names_that_exist() -> None:
    terms = load_terms()
    known = terms.words.keys() | terms.measures.keys()
    for rule in all_rules():
        assert re.search(r"\b20\d\d\b", rule.source), rule.id
        assert rule.level in {1, 2, 3, 4}
        assert {name for groups in rule.when for group in groups for name in group} <= known, rule.id
        assert not rule.unless_near or rule.unless_near in known
    assert len({rule.id for rule in all_rules()}) == len(all_rules())


def test_every_word_list_is_used_and_written_as_texts_are_read() -> None:
    used = {name for rule in all_rules() for groups in rule.when for group in groups for name in group}
    used |= {rule.unless_near for rule in all_rules()}
    table = read_table("terms.toml")
    assert table.keys() - used == set()
    for words in table.values():
        for word in words:
            assert word == word.lower().strip(), word
            assert not re.search(r"[\u4e00-\u9fff] | [\u4e00-\u9fff]", word), word
