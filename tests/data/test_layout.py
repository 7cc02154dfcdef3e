"""Cases are synthetic."""

import pytest

from clinforge.data.layout import PARTS, Reasoning, check_layout, read_layout, write_layout

EN = Reasoning(
    chief_complaint="Weakness of the right hand for 6 months.",
    history="A man of 58. The weakness spread to the arm. No numbness.",
    differential="Cervical myelopathy, motor neurone disease, neuropathy.",
    examinations="Fasciculations of the tongue, brisk reflexes. Nerve conduction is normal.",
    evidence="1. Weakness for 6 months.\n2. Tongue fasciculations, brisk reflexes.\n3. Normal nerve conduction.",
    diagnosis="Motor neurone disease.",
)
ZH = Reasoning(
    chief_complaint="右手无力6个月。",
    history="男，58岁，无力逐渐累及上臂，无麻木。",
    differential="颈椎病、运动神经元病、周围神经病。",
    examinations="舌肌束颤，腱反射亢进，神经传导正常。",
    evidence="1. 右手无力6个月\n2. 舌肌束颤、腱反射亢进\n3. 神经传导正常",
    diagnosis="运动神经元病。",
)


def reasons(text, lang):
    return [(fault.part, fault.reason) for fault in check_layout(text, lang)]


@pytest.mark.parametrize(("case", "lang"), [(EN, "en"), (ZH, "zh")])
def test_what_the_template_writes_follows_the_layout_and_reads_back(case, lang):
    text = write_layout(case, lang)
    assert reasons(text, lang) == []
    assert dict(read_layout(text, lang)) == case.model_dump()
    assert [part for part, _ in read_layout(text, lang)] == list(PARTS)


@pytest.mark.parametrize(
    ("heading", "as_models_write"),
    [
        ("Evidence:", "**Evidence:**"),
        ("Evidence:", "5. Evidence: "),
        ("Evidence:", "## evidence"),
        ("Evidence:", "**Evidence**:"),
    ],
)
def test_headings_are_read_as_models_write_them(heading, as_models_write):
    assert reasons(write_layout(EN, "en").replace(heading, as_models_write), "en") == []


@pytest.mark.parametrize(
    "as_models_write", ["【诊断依据】", "五、诊断依据：", "**诊断依据**：", "5. 依据:", "### 证据"]
)
def test_chinese_headings_are_read_as_models_write_them(as_models_write):
    assert reasons(write_layout(ZH, "zh").replace("诊断依据：", as_models_write), "zh") == []


@pytest.mark.parametrize(("case", "lang"), [(EN, "en"), (ZH, "zh")])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_missing_empty_or_doubled_is_named(case, lang, part):
    heading = next(line for line in write_layout(case, lang).splitlines() if read_layout(line, lang) == [(part, "")])
    own = f"{heading}\n{getattr(case, part)}"
    text = write_layout(case, lang)
    assert text.count(own) == 1
    assert (part, "is missing") in reasons(text.replace(own, ""), lang)
    assert (part, "is empty") in reasons(text.replace(own, heading), lang)
    assert (part, "stands more than once") in reasons(f"{text}\n{own}", lang)


def test_parts_out_of_order_are_named():
    text = write_layout(EN, "en")
    at, end = text.index("Differential diagnosis:"), text.index("Examinations:")
    moved = text[:at] + text[end:] + "\n" + text[at:end]
    assert ("differential", "stands after diagnosis") in reasons(moved, "en")


@pytest.mark.parametrize(
    ("case", "lang", "evidence", "reason"),
    [
        (EN, "en", "Weakness for 6 months. Raised creatine kinase.", "piece 2 refers to no finding given before"),
        (EN, "en", "Weakness for 16 months.", "piece 1 has a number that was not given before"),
        (EN, "en", "It is what the doctor thinks.", "piece 1 refers to no finding given before"),
        (ZH, "zh", "右手无力6个月；肌酸激酶升高", "piece 2 refers to no finding given before"),
        (ZH, "zh", "右手无力16个月", "piece 1 has a number that was not given before"),
    ],
)
def test_evidence_that_was_not_given_before_is_named(case, lang, evidence, reason):
    text = write_layout(case.model_copy(update={"evidence": evidence}), lang)
    assert reasons(text, lang) == [("evidence", reason)]


def test_the_differential_is_no_finding():
    case = EN.model_copy(update={"evidence": "Cervical myelopathy and neuropathy."})
    assert reasons(write_layout(case, "en"), "en")


def test_faults_quote_nothing():
    text = write_layout(EN, "en").replace("Evidence:\n", "Evidence:\nZhang Wei has a secret.\n")
    assert "Zhang" not in str(check_layout(text, "en"))
    assert {part for part, reason in reasons("", "en")} == set(PARTS)
