"""Cleaning gives one form of many spellings and changes nothing that a number, a denial or a side says."""
# ruff: noqa: E501 -- pairs read better in rows

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clinforge.data.clean import Clean, find_marks
from clinforge.data.frequency import find_frequencies
from clinforge.data.locked import locked_words
from clinforge.data.units import find_units, ucum_code
from clinforge.records import Document, Message, Section
from clinforge.text import CHINESE_PUNCTUATION, normalise

clean = Clean()


def cleaned(text: str, lang="en") -> str:
    return clean.normalise(text, lang).text


FREQUENCIES = [
    ("en", "amoxicillin 500 mg po b.i.d.", "amoxicillin 500 mg po twice daily."),
    ("en", "amoxicillin 500 mg b.i.d. for 5 days", "amoxicillin 500 mg twice daily for 5 days"),
    ("en", "Take 1 tab BID. Then stop.", "Take 1 tab twice daily. Then stop."),
    ("en", "Given 5 mg b.i.d. Then stopped", "Given 5 mg twice daily. Then stopped"),
    ("en", "aspirin 81 mg qd", "aspirin 81 mg once daily"), ("en", "q.d.", "once daily."),
    ("en", "500 mg tid pc", "500 mg three times daily after meals"),
    ("en", "2 puffs qid prn", "2 puffs four times daily as needed"),
    ("en", "q8h", "every 8 hours"), ("en", "Q 6-8 hrs", "every 6-8 hours"), ("en", "q15min", "every 15 minutes"),
    ("en", "q3w", "every 3 weeks"), ("en", "10 mg qod", "10 mg every other day"),
    ("en", "10 mg qhs", "10 mg every night at bedtime"), ("en", "twice a day", "twice daily"),
    ("en", "2x/day", "twice daily"), ("en", "three times per week", "three times weekly"),
    ("en", "2-3 times a day", "2-3 times daily"), ("en", "every eight hours", "every 8 hours"),
    ("zh", "阿莫西林 0.5g tid", "阿莫西林 0.5g 每日3次"), ("zh", "口服，每日两次", "口服，每日2次"),
    ("zh", "一天三次", "每日3次"), ("zh", "1日2次", "每日2次"), ("zh", "3次/日", "每日3次"), ("zh", "每天2-3次", "每日2-3次"),
    ("zh", "每8小时一次", "每8小时1次"), ("zh", "q8h", "每8小时1次"), ("zh", "每隔一天一次", "隔日1次"), ("zh", "隔日一次", "隔日1次"),
    ("zh", "1片 po qn", "1片 po 每晚1次"), ("zh", "每两天一次", "每2日1次"), ("zh", "每周一次", "每周1次"), ("zh", "必要时", "必要时"),
    ("zh", "每三个月一次", "每3个月1次"), ("zh", "每个月一次", "每月1次"), ("en", "Once a day. Every 8 hrs", "Once daily. Every 8 hours"),
    ("zh", "对乙酰氨基酚 0.5g prn", "对乙酰氨基酚 0.5g 必要时"), ("zh", "每晚一次", "每晚1次"),
]  # fmt: skip


@pytest.mark.parametrize(("lang", "text", "expected"), FREQUENCIES)
def test_frequencies_have_one_form(lang, text: str, expected: str) -> None:
    assert cleaned(text, lang) == expected


@pytest.mark.parametrize(
    "text",
    [
        "once the bid was accepted", "BID on arrival", "5 mg od", "1 drop OD", "20 mg HS", "AC joint pain", "pc",
        "an hs troponin", "PRNP gene", "Qd", "tidal volume", "pain 2 x 3 cm", "in the 3 days before", "twice as high",
    ],
)  # fmt: skip
def test_ambiguous_abbreviations_stay(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    "text", ["十一日两次入院", "第一日三次", "5月1日2次", "每天一次性手套", "21日一次", "一日三餐", "每天两三次"]
)
def test_what_only_looks_like_a_frequency_stays(text: str) -> None:
    assert cleaned(text, "zh") == text


UNITS = [
    ("en", "5 cc", "5 mL"), ("en", "10U", "10 units"), ("en", "10 IU", "10 international units"), ("en", "50 µg", "50 mcg"),
    ("en", "BP 120/80 mm Hg", "BP 120/80 mmHg"), ("en", "30 U/L", "30 U/L"), ("en", "WBC 5.6 x10⁹/L", "WBC 5.6 ×10^9/L"),
    ("zh", "每次10毫升", "每次10mL"), ("zh", "2克", "2g"), ("zh", "胰岛素10U", "胰岛素10单位"), ("zh", "血糖7.8毫摩尔/升", "血糖7.8mmol/L"),
    ("zh", "30IU/L", "30IU/L"), ("en", "30 IU/L", "30 international units/L"),
    ("zh", "ALT 120升高", "ALT 120升高"), ("zh", "3克拉", "3克拉"), ("zh", "体温38.5℃", "体温38.5°C"), ("zh", "25μg", "25μg"),
    ("en", "L4 and 2 L4", "L4 and 2 L4"), ("en", "22G needle", "22G needle"), ("en", "5 mg/h", "5 mg/h"),
]  # fmt: skip


@pytest.mark.parametrize(("lang", "text", "expected"), UNITS)
def test_units_have_one_spelling(lang, text: str, expected: str) -> None:
    assert cleaned(text, lang) == expected


def test_units_are_known_by_their_ucum_code() -> None:
    assert [ucum_code(word) for word in ("毫升", "cc", "mm Hg", "IU", "furlong")] == [
        "mL", "mL", "mm[Hg]", "[IU]", None,
    ]  # fmt: skip


MARKS = [
    ("[**Known lastname 123**]", "[NAME]"), ("[**2101-3-4**]", "[DATE]"), ("[**Hospital1 18**]", "[HOSPITAL]"),
    ("seen by Dr. [**First Name8 (NamePattern2) **] [**Last Name (NamePattern1) 45**]", "seen by Dr. [NAME] [NAME]"),
    ("[**Telephone/Fax (1) 99**]", "[PHONE]"), ("[**Location (un) 620**]", "[LOCATION]"), ("[**12-3**]", "[DATE]"),
    ("[**Age over 90 **]", "[AGE]"), ("[**MD Number(1) 7**]", "[ID]"), ("[**Month (only) 9**]", "[DATE]"), ("[** **]", "[REDACTED]"),
    ("[**Street Address(2) 5**]", "[LOCATION]"), ("Name: ___ Age", "Name: [REDACTED] Age"), ("______", "______"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MARKS)
def test_marks_of_mimic_say_what_was_taken_out(text: str, expected: str) -> None:
    assert cleaned(text) == expected


PIECES = {
    "en": [
        "denies chest pain", "no fever", "without cough", "left arm", "right knee 3 cm", "500 mg po bid", "q.d.", "q6-8h prn",
        "twice a day", "5 cc", "10U", "120/80 mm Hg", "[**Known lastname 12**]", "[**2101-3-4**]", "on ___", "10⁹", "5.6 x10⁹/L",
        "1½ tabs", "Ａspirin ８1 mg qd", "pt had MI", "bid pc", "L4", "38.5℃", "not 2 tabs", "①", "qod", "prn", "3-4", "cafÃ©",
    ],
    "zh": [
        "否認發熱", "无头痛", "未見異常", "左侧肢体", "右膝3厘米", "每日两次", "一天2-3次", "口服 bid", "0.5g tid pc", "每8小時一次", "3次/日",
        "10毫升", "胰岛素10U", "120/80毫米汞柱", "５.6×10⁹/L", "1½片", "①休息", "隔日一次", "q8h", "心梗", "不是2片", "第一日三次", "，", "。", "38.5℃",
        "每次", "一", "日", "次", "每", "3", "7.8mmol/l",
    ],
}  # fmt: skip
texts = st.sampled_from(["en", "zh"]).flatmap(
    lambda lang: st.tuples(
        st.just(lang),
        st.lists(
            st.tuples(st.sampled_from(PIECES[lang]), st.sampled_from(["", " ", ", ", "\n", "。"])), max_size=10
        ).map(lambda pairs: "".join(piece + gap for piece, gap in pairs)),
    )
)


def outside(text: str, lang) -> str:
    """The text without frequencies and marks; one that goes can lay another open."""
    while edits := sorted([*find_frequencies(text, lang), *find_marks(text)], reverse=True):
        for start, end, _ in edits:
            text = text[:start] + "|" + text[end:]
    return text


def numbers(text: str, lang) -> list[str]:
    plain = outside(text, lang).translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
    return re.findall(r"\d+(?:\.\d+)?", plain)


def raised_apart(text: str) -> str:
    return re.sub(r"(?<=\d)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"^\1", text)


@settings(deadline=None)
@given(texts)
def test_numbers_denials_and_sides_stay(given_text) -> None:
    lang, text = given_text
    form = normalise(text, repair=True, keep=CHINESE_PUNCTUATION if lang == "zh" else "").text
    after = cleaned(text, lang)
    assert numbers(raised_apart(after), lang) == numbers(raised_apart(form), lang)

    def said(words: str) -> list[str]:
        return locked_words(outside(words, lang), ("negation", "side"))

    assert said(after) == said(form)


@settings(deadline=None)
@given(texts | st.tuples(st.sampled_from(["en", "zh"]), st.text(max_size=60)))
def test_cleaning_twice_is_cleaning_once(given_text) -> None:
    lang, text = given_text
    once = cleaned(text, lang)
    assert cleaned(once, lang) == once


@settings(deadline=None)
@given(texts)
def test_forms_are_their_own_forms(given_text) -> None:
    lang, text = given_text
    once = cleaned(text, lang)
    assert [edit for edit in find_frequencies(once, lang) if once[edit[0] : edit[1]] != edit[2]] == []
    assert [edit for edit in find_units(once, lang) if once[edit[0] : edit[1]] != edit[2]] == []


@settings(deadline=None)
@given(st.lists(texts.map(lambda pair: pair[1].replace("\n", " ")), min_size=1, max_size=4))
def test_sections_move_with_their_text(parts: list[str]) -> None:
    text, sections = "", []
    for number, part in enumerate(parts):
        line = f"Part {'ABCD'[number]}: {part}.\n"
        sections.append(Section(path=("ABCD"[number],), start=len(text), end=len(text) + len(line)))
        text += line
    after = clean(document(text=text, sections=tuple(sections)))
    assert "".join(after.text[one.start : one.end] for one in after.sections) == after.text
    for one, part in zip(after.sections, parts, strict=True):
        assert after.text[one.start : one.end] == cleaned(f"Part {one.path[0]}: {part}.\n")


def document(**fields) -> Document:
    return Document.model_validate({"id": "d1", "text": "", "lang": "en", "source": "own", "source_id": "1", **fields})


def test_every_text_of_a_document_is_cleaned_and_nothing_else() -> None:
    raw = document(
        text="５ mg q.d.", title="５", options=("q.d.", "10U"), rejected="10U", date="2020", meta={"note": "５"},
        conversation=(Message(role="user", content="５ mg?"), Message(role="assistant", content="q.d.")),
    )  # fmt: skip
    after = clean(raw)
    assert (after.text, after.title, after.options, after.rejected) == (
        "5 mg once daily.", "5", ("once daily.", "10 units"), "10 units",
    )  # fmt: skip
    assert [turn.content for turn in after.conversation] == ["5 mg?", "once daily."]
    assert (after.id, after.meta, after.date) == (raw.id, raw.meta, raw.date)
    assert after.conversation[-1].content in after.options


def test_each_part_can_be_left_out() -> None:
    none = Clean(mojibake=False, simplified=False, placeholders=False, frequencies=False, units=False)
    text = "無 [**Name**] q.d. 10U cafÃ©"
    assert none.normalise(text, "en").text == text


SYNONYMS = {
    "心梗": "急性心肌梗死",
    "心肌梗死": "急性心肌梗死",
    "MI": "myocardial infarction",
    "heart attack": "myocardial infarction",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("心梗后", "急性心肌梗死后"), ("心肌梗死", "急性心肌梗死"), ("急性心肌梗死", "急性心肌梗死"),
        ("had an MI", "had an myocardial infarction"), ("mi casa", "mi casa"), ("Heart Attack", "myocardial infarction"),
        ("MILD", "MILD"), ("Myocardial Infarction", "Myocardial Infarction"),
    ],
)  # fmt: skip
def test_synonyms_become_preferred_terms(text: str, expected: str) -> None:
    assert Clean(synonyms=SYNONYMS).normalise(text, "zh").text == expected


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*SYNONYMS, *SYNONYMS.values(), "急性", "心", "梗", " ", "，"]), max_size=8).map("".join)
)
def test_synonyms_settle(text: str) -> None:
    chosen = Clean(synonyms=SYNONYMS)
    once = chosen.normalise(text, "zh").text
    assert chosen.normalise(once, "zh").text == once


@pytest.mark.parametrize(
    "synonyms",
    [{"无痛": "舒适"}, {"左心衰": "心力衰竭"}, {"1型糖尿病": "糖尿病"}, {"a": "b", "b": "c"}, {"": "x"}, {"x": " "}],
)
def test_synonyms_that_would_change_what_is_said_are_refused(synonyms) -> None:
    with pytest.raises(ValidationError):
        Clean(synonyms=synonyms)
