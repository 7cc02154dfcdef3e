"""Texts are synthetic and say nothing true about medicine."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clinforge.data.pairs.check import Evidence, check_support
from clinforge.data.pairs.drugs import DrugNames
from clinforge.data.pairs.passages import Passage
from clinforge.data.pairs.reply import Draft
from clinforge.data.pairs.settings import SupportSettings
from clinforge.records import Document

EN = (
    "Drug leaflet, synthetic. Adults with mild hypertension take amlodipine 5 mg once daily by mouth. "
    "The dose may be raised to 10 mg after two weeks. Lisinopril 20 mg is an alternative. "
    "Amlodipine should not be used in cardiogenic shock. Swelling of the ankles occurs in 8% of patients."
)
ZH = (
    "虚构说明书。成人轻度高血压口服氨氯地平5毫克，每日一次。两周后可增至10毫克。"
    "心源性休克患者不宜使用氨氯地平。踝部水肿见于8%的患者。"
)
DRUGS = DrugNames([["amlodipine", "氨氯地平"], ["lisinopril", "赖诺普利"], ["aspirin", "阿司匹林"]])
DOSE = "Adults with mild hypertension take amlodipine 5 mg once daily by mouth."


def passage(text=EN, lang="en", title=""):
    return Passage(Document(id="d", text=text, lang=lang, source="s", source_id="1", title=title), 0, len(text))


def verdict(question, answer, evidence, text=EN, lang="en", **settings):
    found = check_support(Draft(question, answer, evidence), passage(text, lang), DRUGS, SupportSettings(**settings))
    return found if isinstance(found, str) else ""


def test_a_supported_pair_keeps_the_sources_wording_and_offsets():
    text = "Head. " + EN
    part = Passage(Document(id="d", text=text, lang="en", source="s", source_id="1"), 6, len(text))
    draft = Draft("How is amlodipine taken?", "Amlodipine 5 mg once daily.", "take  AMLODIPINE 5mg once daily")
    found = check_support(draft, part, DRUGS, SupportSettings())
    assert isinstance(found, Evidence)
    assert text[found.start : found.end] == found.text == "take amlodipine 5 mg once daily"
    assert (found.document_id, found.how, found.similarity) == ("d", "exact", 1.0)


@pytest.mark.parametrize(
    ("question", "answer", "evidence", "reason"),
    [
        ("How is it taken?", "Amlodipine 50 mg once daily.", DOSE, "answer has a number that its evidence has not"),
        ("How is it taken?", "Amlodipine 5 g once daily.", DOSE, "answer has a number that its evidence has not"),
        ("How is it taken?", "Amlodipine 5 mg twice daily.", DOSE, "answer has a number that its evidence has not"),
        ("How is it taken?", "Amlodipine 10 mg once daily.", DOSE, "answer has a number that its evidence has not"),
        ("How is it taken?", "Amlodipine fifty mg daily.", DOSE, "answer has a number that its evidence has not"),
        ("How is it taken?", "Aspirin 5 mg once daily.", DOSE, "answer names a drug that its evidence does not"),
        ("How is it taken?", "Lisinopril 5 mg once daily.", DOSE, "answer names a drug that its evidence does not"),
        ("How is it taken?", "Enalapril 5 mg once daily.", DOSE, "answer names a drug that its evidence does not"),
        ("How is aspirin taken?", "5 mg once daily.", DOSE, "question names a drug that the text does not"),
        ("How is lisinopril taken?", "5 mg once daily.", DOSE, "question and evidence are about different drugs"),
        (
            "Is the dose of amlodipine 20 mg?",
            "Yes, for adults.",
            DOSE,
            "question has a number that its evidence has not",
        ),
        (
            "What cures it?",
            "Amlodipine cures it.",
            "Amlodipine cures hypertension in everyone.",
            "evidence is not in the text",
        ),
        ("How is it taken?", "See the text.", DOSE, "answer points to the text"),
        ("How is it taken?", "Please refer to the article above.", DOSE, "answer points to the text"),
        ("According to the text, how is it taken?", "5 mg once daily.", DOSE, "question points to the text"),
        ("What do the authors say?", "5 mg once daily.", DOSE, "question points to the text"),
        (
            "When is it used?",
            "Amlodipine should be used in cardiogenic shock.",
            "Amlodipine should not be used in cardiogenic shock.",
            "answer adds or loses a negation",
        ),
        (
            "When is it used?",
            "Amlodipine should be used in cardiogenic shock.",
            "Amlodipine should be used in cardiogenic shock.",
            "evidence differs in a number, a drug or a negation",
        ),
        (
            "How is it taken?",
            "5 mg.",
            DOSE.replace("5 mg", "50 mg"),
            "evidence differs in a number, a drug or a negation",
        ),
        (
            "How is it taken?",
            "50 mg.",
            DOSE.replace("5 mg", "50 mg"),
            "evidence differs in a number, a drug or a negation",
        ),
        (
            "What helps?",
            "Regular swimming together with warm baths and singing.",
            DOSE,
            "answer has too few words of the text",
        ),
        ("How?", "5 mg once daily.", "5 mg", "evidence is too short"),
        ("How?", "5 mg " * 1000, DOSE, "answer is too long"),
    ],
)
def test_an_unsupported_pair_is_dropped_with_its_reason(question, answer, evidence, reason):
    assert verdict(question, answer, evidence) == reason


@pytest.mark.parametrize(
    ("question", "answer", "evidence"),
    [
        ("Which dose of amlodipine do adults take?", "Five milligrams once daily by mouth.", DOSE),
        ("When may the dose be raised?", "After 2 weeks, to 10 mg.", "The dose may be raised to 10 mg after two weeks"),
        (
            "When should amlodipine not be used?",
            "It should not be used in cardiogenic shock.",
            "should not be used in cardiogenic shock",
        ),
        ("How often do ankles swell?", "In 8 percent of patients.", "Swelling of the ankles occurs in 8% of patients."),
        (
            "How is amlodipine taken?",
            "By mouth, 5 mg once daily.",
            "Adults with mild hypertension takes amlodipin 5 mg once daily by mouth",
        ),
    ],
)
def test_a_supported_pair_is_kept(question, answer, evidence):
    assert verdict(question, answer, evidence) == ""


@pytest.mark.parametrize(
    ("question", "answer", "evidence", "reason"),
    [
        ("氨氯地平的用法？", "口服氨氯地平5mg，每日一次。", "口服氨氯地平5毫克，每日一次", ""),
        ("氨氯地平的用法？", "口服氨氯地平五毫克，每日1次。", "口服氨氯地平5毫克，每日一次", ""),
        (
            "氨氯地平的用法？",
            "口服氨氯地平50毫克，每日一次。",
            "口服氨氯地平5毫克，每日一次",
            "answer has a number that its evidence has not",
        ),
        (
            "氨氯地平的用法？",
            "口服氨氯地平5毫克，每日三次。",
            "口服氨氯地平5毫克，每日一次",
            "answer has a number that its evidence has not",
        ),
        (
            "氨氯地平的用法？",
            "口服阿司匹林5毫克，每日一次。",
            "口服氨氯地平5毫克，每日一次",
            "answer names a drug that its evidence does not",
        ),
        (
            "阿司匹林的用法？",
            "5毫克，每日一次。",
            "口服氨氯地平5毫克，每日一次",
            "question names a drug that the text does not",
        ),
        (
            "何时可用？",
            "心源性休克患者宜使用氨氯地平。",
            "心源性休克患者不宜使用氨氯地平",
            "answer adds or loses a negation",
        ),
        ("用法？", "见原文。", "口服氨氯地平5毫克，每日一次", "answer points to the text"),
        ("根据本文，用法如何？", "5毫克。", "口服氨氯地平5毫克，每日一次", "question points to the text"),
        ("疗效如何？", "可根治高血压。", "氨氯地平可根治所有高血压患者", "evidence is not in the text"),
    ],
)
def test_chinese_pairs_are_checked_the_same_way(question, answer, evidence, reason):
    assert verdict(question, answer, evidence, text=ZH, lang="zh") == reason


@pytest.mark.parametrize(
    ("source", "answer", "reason"),
    [
        (
            "Synthetic. Keep the remedy below 25 °C at all times.",
            "Keep the remedy above 25 °C at all times.",
            "answer says the opposite",
        ),
        (
            "Synthetic. Pain of the left arm is typical.",
            "Pain of the right arm is typical.",
            "answer says the opposite",
        ),
        (
            "Synthetic. The drug increases blood pressure.",
            "The drug decreases blood pressure.",
            "answer says the opposite",
        ),
        ("Synthetic. Take the remedy before meals, not after.", "Take the remedy before meals, not after.", ""),
        ("虚构。左侧肢体无力较为常见。", "右侧肢体无力较为常见。", "answer says the opposite"),
        ("虚构。餐前服用该药，疗效较好。", "餐后服用该药，疗效较好。", "answer says the opposite"),
        (
            "Synthetic. The remedy is given by mouth.",
            "As Remedol is given by mouth.",
            "question or answer has a name that the text has not",
        ),
        (
            "Synthetic. The remedy is given by mouth.",
            "The MRI shows the remedy.",
            "question or answer has a name that the text has not",
        ),
        ("Synthetic. The remedy is given by mouth.", "The remedy: Given by mouth.", ""),
        (
            "虚构。该病可用磁共振检查发现。",
            "该病可用CT检查发现。",
            "question or answer has a name that the text has not",
        ),
    ],
)
def test_opposites_and_foreign_names_are_caught(source, answer, reason):
    evidence = source.split(". " if source.isascii() or "°" in source else "。", 1)[1]
    assert verdict("What is said of it?", answer, evidence, text=source) == reason


def test_the_scope_may_be_widened_to_the_passage_by_choice():
    question, answer = "How is amlodipine raised?", "From 5 mg to 10 mg."
    evidence = "The dose may be raised to 10 mg after two weeks."
    assert verdict(question, answer, evidence) == "answer has a number that its evidence has not"
    assert verdict(question, answer, evidence, scope="passage", min_overlap=0) == ""


@given(
    st.integers(1, 9999),
    st.sampled_from(["mg", "%", "g", "tablets", "mg/kg", "hours"]),
    st.integers(1, 9999),
    st.booleans(),
)
def test_a_changed_number_never_passes_whether_in_answer_evidence_or_both(number, unit, changed, lie_in_evidence):
    assume(number != changed)
    text = (
        f"Synthetic leaflet on the subject. Adults with this illness are given {number} {unit} of the remedy by mouth."
    )
    truth = f"Adults with this illness are given {number} {unit} of the remedy by mouth."
    lie = truth.replace(f" {number} ", f" {changed} ")
    assert verdict("What are adults given?", truth, truth, text=text) == ""
    assert verdict("What are adults given?", lie, lie if lie_in_evidence else truth, text=text)
    assert verdict(f"Are adults given {changed} {unit}?", "Yes, by mouth.", truth, text=text)
