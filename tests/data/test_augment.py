"""Variants of a question say the same where it matters, byte for byte."""
# ruff: noqa: E501 -- pairs read better in rows

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.data.augment import Augment, SentencePatterns, Synonyms, TypingNoise
from clinforge.data.locked import locked_spans, locked_words
from clinforge.data.terms import TermFinder
from clinforge.errors import GateError
from clinforge.records import Message, Sample

ALIASES = {
    "高血压": ("血压高", "高血压病"), "头痛": ("头疼",), "腹痛": ("肚子疼", "肚子痛"), "心梗": ("心肌梗死",), "不孕症": ("不育症",),
    "high blood pressure": ("hypertension",), "heart attack": ("myocardial infarction",), "headache": ("pain in the head", "no headache"),
    "weakness": ("left weakness",),
}  # fmt: skip
DRUGS = ("氨氯地平", "络活喜", "amlodipine", "Norvasc")
PIECES = {
    "zh": ["我有高血压", "头痛三天", "无腹痛", "否认心梗", "未见异常", "左侧肢体", "右膝", "服用氨氯地平5mg", "络活喜 每日1次", "体温38.5°C", "已经在家做饭",
           "头痛怎么办？", "高血压是什么原因？", "没有头痛怎么办？", "，", "。", "阿司匹林", "有的", "不孕症"],
    "en": ["high blood pressure", "denies chest pain", "no headache", "without weakness", "left arm", "right knee", "takes amlodipine 5 mg",
           "Norvasc twice daily", "temperature 38.5", "heart attack", "suddenly yesterday", "What causes headache?", "never before",
           "metoprolol 25 mg", "What causes no pain?", ". ", ", "],
}  # fmt: skip


def sample(text: str, lang="zh", **changes) -> Sample:
    prompt = (Message(role="system", content="System."), Message(role="user", content=text))
    fields = {"id": "s1", "task": "qa", "lang": lang, "split": "train", "prompt": prompt, "answer": "", **changes}
    return Sample.model_validate(fields)


questions = st.sampled_from(["zh", "en"]).flatmap(
    lambda lang: st.tuples(
        st.lists(st.sampled_from(PIECES[lang]), min_size=1, max_size=10).map(" ".join if lang == "en" else "".join),
        st.just(lang),
    )
)


def said(text: str) -> list[str]:
    return [text[span.start : span.end] for span in locked_spans(text, TermFinder(DRUGS))]


@settings(deadline=None)
@given(questions, st.integers(0, 99))
def test_locked_spans_survive_byte_for_byte(question, seed: int) -> None:
    text, lang = question
    maker = Augment(seed=seed, copies=3, ways=(Synonyms(most=5), SentencePatterns(), TypingNoise(rate=0.5)))
    for variant in maker([sample(text, lang)], ALIASES, DRUGS):
        assert said(variant.sample.prompt[1].content) == said(text)
        assert variant.sample.prompt[1].content != text
        assert variant.ways


@settings(deadline=None)
@given(questions, st.integers(0, 9))
def test_everything_but_the_question_and_the_id_stays(question, seed: int) -> None:
    text, lang = question
    parent = sample(
        text, lang, answer="肺", options=("肺", "肝"), fact_ids=("f1",), family_id="fam", source="own", template_id="t"
    )
    for variant in Augment(seed=seed)([parent], ALIASES, DRUGS):
        assert variant.parent_id == parent.id != variant.sample.id
        assert variant.sample.model_copy(update={"id": parent.id, "prompt": parent.prompt}) == parent
        assert variant.sample.prompt[0] == parent.prompt[0]


@settings(deadline=None)
@given(st.lists(questions, max_size=5), st.integers(0, 9))
def test_the_same_seed_gives_the_same_variants(some, seed: int) -> None:
    rows = [sample(text, lang, id=f"s{number}") for number, (text, lang) in enumerate(some)]
    maker = Augment(seed=seed, copies=2)
    first = maker(rows, ALIASES, DRUGS)
    assert first == maker(rows, ALIASES, DRUGS)
    assert len({variant.sample.id for variant in first}) == len(first)
    assert [one.parent_id for one in first] == sorted((one.parent_id for one in first), key=[r.id for r in rows].index)
    # a sample's variants do not depend on what stands beside it
    assert [one for row in rows for one in maker([row], ALIASES, DRUGS)] == first


@pytest.mark.parametrize("split", ["validation", "test"])
def test_only_training_samples_are_augmented(split: str) -> None:
    rows = [sample("头痛怎么办？"), sample("头痛怎么办？", id="held", split=split)]
    with pytest.raises(GateError, match="held") as error:
        Augment()(rows)
    assert "头痛" not in str(error.value)


def wordings(way, text: str, lang: str, tries: int = 60) -> set[str]:
    found = {text}
    for seed in range(tries):
        found |= {
            one.sample.prompt[1].content
            for one in Augment(ways=(way,), seed=seed)([sample(text, lang)], ALIASES, DRUGS)
        }
    return found - {text}


def test_synonyms_come_from_the_table_and_only_safe_ones() -> None:
    assert wordings(Synonyms(), "高血压病人头痛", "zh") >= {"血压高病人头疼", "高血压病病人头疼"}
    assert wordings(Synonyms(), "a Headache today", "en") == {"a pain in the head today"}
    assert wordings(Synonyms(), "weakness", "en") == set()
    assert wordings(Synonyms(), "不孕症", "zh") == set()
    assert wordings(Synonyms(), "headaches", "en") == set()


def test_an_alias_that_would_be_read_as_a_unit_is_not_put_in() -> None:
    maker = Augment(ways=(Synonyms(),))
    assert maker([sample("5 headache", "en")], {"headache": ("ache",)}) == []
    assert len(maker([sample("my headache", "en")], {"headache": ("ache",)})) == 1


def test_patterns_keep_the_matter_and_leave_denials_alone() -> None:
    assert wordings(SentencePatterns(), "头痛怎么办？", "zh") == {
        "头痛该怎么办？",
        "头痛应该怎么处理？",
        "头痛要怎么办？",
    }
    assert wordings(SentencePatterns(), "什么都没有怎么办？", "zh") == set()
    assert wordings(SentencePatterns(), "Hi. What causes gout?", "en") == {
        "Hi. What is the cause of gout?", "Hi. Where does gout come from?",
    }  # fmt: skip
    assert wordings(SentencePatterns(), "What causes no pain?", "en") == set()


def test_noise_spares_medicines_terms_and_short_words() -> None:
    assert wordings(TypingNoise(), "amlodipine and metoprolol for high blood pressure", "en") == set()
    slips = wordings(TypingNoise(), "my stomach aches", "en")
    assert len(slips) > 3
    assert all(slip[0] == "m" and abs(len(slip) - 16) <= 1 for slip in slips)
    assert wordings(TypingNoise(), "在家", "zh") == {"再家"}


def test_options_and_answer_named_in_the_question_are_locked() -> None:
    row = sample("Is it pneumonia or bronchitis today?", "en", answer="pneumonia", options=("pneumonia", "bronchitis"))
    for seed in range(40):
        for variant in Augment(seed=seed, ways=(TypingNoise(rate=0.5),))([row]):
            assert "pneumonia" in variant.sample.prompt[1].content
            assert "bronchitis" in variant.sample.prompt[1].content


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("否认发热，无左侧乏力", ["否", "无", "左"]),
        ("denies fever without left-sided weakness", ["denies", "without", "left-sided"]),
        ("atorvastatin 20 mg and 阿莫西林", ["atorvastatin", "20 mg", "阿莫西林"]),
        ("体温38.5°C，服两片", ["38.5°", "两片"]),
        ("notable knot", []),
    ],
)
def test_what_is_locked(text: str, words: list[str]) -> None:
    assert [text[span.start : span.end] for span in locked_spans(text)] == words


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ab", "abc", "b", "bc", "心梗", "急性心梗", "心"]), max_size=6).map("".join))
def test_terms_are_found_longest_first_as_a_plain_search_would(text: str) -> None:
    terms = ["心梗", "急性心梗", "心"]
    expected, place = [], 0
    while place < len(text):
        hit = max((t for t in terms if text.startswith(t, place)), key=len, default=None)
        if hit:
            expected.append((place, place + len(hit), hit))
        place += len(hit) if hit else 1
    assert list(TermFinder(terms).find(text)) == expected


def test_locked_words_can_be_asked_by_kind() -> None:
    assert locked_words("无左侧 5 mg 阿莫西林", ("negation", "number")) == ["无", "5 mg"]
