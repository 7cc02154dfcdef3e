"""An evaluation row planted in training is caught in each of its forms, and unrelated rows are not."""

import pytest

from clinforge.data.contamination import Decontaminate, EvaluationLikeness, Verdicts
from clinforge.data.decontaminate import decontaminate
from clinforge.model.prompts import all_prompts
from clinforge.records import Message, Sample
from tests.data.synthetic import document, edited, text

ZH_SYMPTOMS = [
    "晨起头痛",
    "视物模糊",
    "步态不稳",
    "手足麻木",
    "吞咽困难",
    "言语含糊",
    "夜间盗汗",
    "双下肢水肿",
    "耳鸣",
    "反复低热",
    "皮肤瘙痒",
    "关节僵硬",
    "多饮多尿",
    "体重减轻",
    "胸闷气短",
    "腹部胀满",
    "便中带血",
    "牙龈出血",
]
EN_FINDINGS = [
    "ataxic gait",
    "muscle wasting",
    "facial weakness",
    "slurred speech",
    "hand tremor",
    "night sweats",
    "blurred vision",
    "hearing loss",
    "joint stiffness",
    "skin ulcers",
    "dry cough",
    "leg swelling",
    "weight loss",
    "brisk reflexes",
    "finger clubbing",
    "gum bleeding",
    "back pain",
    "cold intolerance",
]
OPTIONS = ("骨科", "皮肤科", "儿科", "眼科")


def asked(number, lang="zh", use="test", **changes):
    """A question of the shipped tasks with findings of its own."""
    pool, task = (ZH_SYMPTOMS, "department") if lang == "zh" else (EN_FINDINGS, "rare_disease")
    prompt = next(p for p in all_prompts().values() if (p.task, p.lang, p.use) == (task, lang, use))
    chosen = [pool[(number * step + shift) % len(pool)] for step, shift in ((1, 0), (5, 3), (7, 8), (11, 13))]
    words = ("、" if lang == "zh" else ", ").join(dict.fromkeys(chosen))
    fields = {
        "id": f"{use}{lang}{number}",
        "task": task,
        "lang": lang,
        "split": "test" if use == "test" else "train",
        "prompt": prompt.render(**dict.fromkeys(prompt.fields, words)),
        "answer": OPTIONS[number % 4] if lang == "zh" else f"Answer {number}",
        "options": OPTIONS if lang == "zh" else tuple(f"Answer {number + n}" for n in range(4)),
        "fact_ids": (f"fact{lang}{number}",),
        "family_id": f"family{lang}{number}",
        "template_id": prompt.id,
        "source": "a",
    }
    return Sample.model_validate(fields | changes)


EXAM = [asked(number, lang) for lang in ("zh", "en") for number in range(18)]
ELSEWHERE = [
    document(n, text(("training", n), 80, lang), source="web") for n, lang in enumerate(["en", "zh"] * 60)
]  # fmt: skip


def pairs(*planted, exam=EXAM, settings=None, others=ELSEWHERE):
    """(training id, evaluation id, level) of every pair."""
    report = decontaminate([*planted, *others], {"exam": exam}, settings).report
    return [(pair.train_id, pair.evaluation_id, pair.level) for pair in report.pairs]


def only_samples(*planted, exam=EXAM, settings=None):
    return decontaminate(list(planted), {"exam": exam}, settings)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_test_row_in_the_training_sources_is_caught_in_each_form(lang):
    target = next(row for row in EXAM if row.id == f"test{lang}4")
    question = target.prompt[-1].content
    words = question.rsplit("：" if lang == "zh" else ": ", 1)[-1]
    own = {"fact_ids": ("another",), "family_id": "another", "options": (), "answer": "unknown"}
    elsewhere = {"prompt": (Message(role="user", content=text("elsewhere", 30, lang)),), "options": ()}
    fact = asked(4, lang, "train", fact_ids=(*target.fact_ids, "x"), family_id="", **elsewhere)
    family = asked(4, lang, "train", fact_ids=("y",), family_id=target.family_id, **elsewhere)
    paraphrased = asked(4, lang, "train", **own)
    exact = document("copy", f"  {question.upper()} ")
    inside = document(
        "inside", text(1, 90, lang) + ("。" if lang == "zh" else ". ") + question + " " + text(2, 90, lang)
    )
    told = {
        "zh": f"门诊病历：患者自述{words}，前来就诊。",
        "en": f"Clinic letter. The patient complains of {words} today.",
    }
    other_words = document("other", told[lang])
    near = document("near", edited(question, 1, 3, lang) if lang == "en" else question.replace(words[0], "另", 1))
    assert pairs(fact, others=[]) == [(fact.id, target.id, "fact")]
    assert pairs(family, others=[]) == [(family.id, target.id, "family")]
    assert pairs(paraphrased, others=[]) == [(paraphrased.id, target.id, "exact")]
    assert pairs(exact) == [("dcopy", target.id, "exact")]
    assert pairs(inside)[0][:2] == ("dinside", target.id)
    assert pairs(other_words) == [("dother", target.id, "ngram")]
    assert [pair[:2] for pair in pairs(near)] == [("dnear", target.id)]


def test_unrelated_rows_share_nothing():
    taught = [asked(number, lang, "train", id=f"{lang}{number}x", fact_ids=(f"t{number}",), family_id=f"t{number}",
                    options=(), prompt=(Message(role="user", content=text(number, 30, lang)),))
              for lang in ("zh", "en") for number in range(30)]  # fmt: skip
    found = only_samples(*taught)
    assert found.report.pairs == ()
    assert list(found.kept) == taught


def test_a_long_passage_is_caught_by_the_share_of_its_ngrams_found():
    exam = [document(f"e{n}", text(("exam", n), 60)) for n in range(8)]
    half = exam[3].text.split()
    shared = document("half", text(5, 50) + " " + " ".join(half[:45]) + " " + text(6, 50))
    little = document("little", text(7, 50) + " " + " ".join(half[:25]) + " " + text(8, 50))
    report = decontaminate([shared, little], {"exam": exam}).report
    assert [(pair.train_id, pair.level, pair.overlap) for pair in report.pairs] == [
        ("dhalf", "ngram", round(33 / 48, 4))
    ]


def test_what_many_evaluation_rows_share_counts_for_nothing():
    passage = text("instructions", 60)
    exam = [document(f"e{n}", passage + " " + text(("q", n), 20)) for n in range(12)]
    taught = document("same", passage + " " + text("other", 20))
    assert decontaminate([taught], {"exam": exam}).report.pairs == ()
    few = exam[:3]
    assert [pair.level for pair in decontaminate([taught], {"exam": few}).report.pairs] == ["ngram"] * 3


def test_what_rows_of_one_family_share_still_counts():
    passage = text("record", 60)

    def question(n):
        prompt = (Message(role="user", content=passage + " " + text(("q", n), 8)),)
        return Sample(id=f"q{n}", task="t", lang="en", split="test", prompt=prompt, answer="a", family_id="one record")

    found = decontaminate([document("note", passage)], {"exam": [question(n) for n in range(12)]})
    assert len(found.report.pairs) == 12


def test_a_question_repeated_all_over_training_does_not_hide_itself():
    exam = [document(f"e{n}", text(("exam", n), 40)) for n in range(8)]
    copies = [document(f"c{n}", edited(exam[2].text, 1, n)) for n in range(40)]
    report = decontaminate([*copies, *ELSEWHERE], {"exam": exam}).report
    assert {pair.train_id for pair in report.pairs} == {row.id for row in copies}
    assert report.dropped == {row.id for row in copies}


def test_a_crowd_is_reported_and_stays():
    exam = [document(f"e{n}", text(("exam", n), 40)) for n in range(8)]
    copies = [document(f"c{n}", edited(exam[2].text, 1, n)) for n in range(40)]
    found = decontaminate(copies, {"exam": exam}, Decontaminate(crowd=39))
    assert {pair.verdict for pair in found.report.pairs} == {"report"}
    assert len(found.kept) == 40


def test_one_question_with_other_choices_is_no_leak():
    def choice(name, options, **changes):
        prompt = (Message(role="user", content="Which of the following statements about this disease is true?"),)
        return Sample.model_validate(
            {
                "id": name,
                "task": name,
                "lang": "en",
                "split": "test",
                "prompt": prompt,
                "answer": options[0],
                "options": options,
            }
            | changes
        )

    exam = [choice("exam", ("It is very rare", "It is quite common"))]
    assert only_samples(choice("train", ("It hurts", "It itches")), exam=exam).report.pairs == ()
    assert len(only_samples(choice("train", ("It hurts", "It is very rare")), exam=exam).report.pairs) == 1
    other = (Message(role="user", content="Say which holds."),)
    same_options = choice("train", ("It is quite common", "It is very rare"), prompt=other)
    assert [(p.level, p.part) for p in only_samples(same_options, exam=exam).report.pairs] == [("exact", "options")]


def test_options_that_all_rows_share_are_no_leak():
    def row(number):
        prompt = (Message(role="user", content=text(("other", number), 30, "zh")),)
        return asked(3, "zh", "train", id=f"t{number}", fact_ids=("t",), family_id="t", prompt=prompt)

    assert only_samples(row(1)).report.pairs == ()
    assert only_samples(*map(row, range(6)), exam=EXAM[:1]).report.pairs == ()


def test_notes_of_one_patient_are_a_hard_failure():
    exam = [document("e", text(1, 50), patient_id="hash")]
    found = decontaminate([document("t", text(2, 50), patient_id="hash")], {"exam": exam})
    assert [(pair.level, pair.verdict) for pair in found.report.failed] == [("family", "fail")]


def test_a_pair_is_listed_once_at_its_surest_level_and_verdicts_are_chosen():
    target = EXAM[4]
    copy = target.model_copy(update={"id": "copy", "split": "train"})
    settings = Decontaminate(verdicts=Verdicts(fact="drop", exact="report"))
    found = only_samples(copy, settings=settings)
    assert [(pair.level, pair.verdict) for pair in found.report.pairs] == [("fact", "drop")]
    assert found.kept == ()
    assert found.report.dropped_by_level == {"shares a fact with an evaluation row": 1}
    exact = only_samples(copy.model_copy(update={"fact_ids": (), "family_id": ""}), settings=settings)
    assert [(pair.level, pair.verdict) for pair in exact.report.pairs] == [("exact", "report")]
    assert len(exact.kept) == 1


def test_rows_that_can_only_be_compared_whole_are_counted():
    short = [document("e1", "发热"), document("e2", text(1, 40)), document("e3", "gout")]
    report = decontaminate([document("t", "发热、咳嗽")], {"exam": short}).report
    assert report.only_whole == {"exam": 2}
    assert report.evaluated == {"exam": 3}
    assert [pair.evaluation_id for pair in decontaminate([document("t", "GOUT.")], {"exam": short}).report.pairs] == [
        "de3"
    ]


def test_the_report_holds_no_text():
    report = decontaminate([document("t", EXAM[4].prompt[-1].content)], {"exam": EXAM}).report
    assert report.pairs
    dumped = report.model_dump_json()
    assert not any(symptom in dumped for symptom in (*ZH_SYMPTOMS, *EN_FINDINGS))


def test_thresholds_are_settings():
    exam = [document(f"e{n}", text(("exam", n), 60)) for n in range(8)]
    edit = document("edit", edited(exam[3].text, 2, 1))
    strict = Decontaminate(near=EvaluationLikeness(threshold=0.95), ngram_share=0.9)
    assert len(decontaminate([edit], {"exam": exam}).report.pairs) == 1
    assert decontaminate([edit], {"exam": exam}, strict).report.pairs == ()


def test_several_sets_are_compared_and_named():
    sets = {"one": [document("e", text(1, 40))], "two": [document("e", text(2, 40))]}
    report = decontaminate([document("t", text(2, 40)), document("u", text(3, 40))], sets).report
    assert [(pair.train_id, pair.evaluation_set, pair.evaluation_id) for pair in report.pairs] == [("dt", "two", "de")]
