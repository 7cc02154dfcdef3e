"""The normal form is NFKC less what would change meaning, and every part of it knows where it comes from."""
# ruff: noqa: E501 -- pairs read better in rows

import re
import sys
import time
import unicodedata
from itertools import pairwise

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge import text as module
from clinforge.errors import MissingError
from clinforge.text import CHINESE_PUNCTUATION, Normalised, normalise

# Written here a second time, from the Unicode tables, so that a mistake in the module does not excuse itself.
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
AWKWARD = "aé1０９.,，。：①⑵⒈½²⁹⁻₂㎡㎎℃µΩﬁ™º´\u0301\u0327\u200b\ufeff\r\n\x00\x85\u2028\u3000\xa0ｶﾞ가\u1100\u1161\u11a8漢語藥無臺豈\U0001f600"
anything = st.text() | st.text(alphabet=AWKWARD, max_size=40)


def is_plain_nfkc(character: str) -> bool:
    form = unicodedata.normalize("NFKD", character)
    category = unicodedata.category(character)
    joins_digits = category != "Nd" and re.search("[0-9]", form) and form != character
    stays = unicodedata.decomposition(character).startswith(("<super>", "<sub>")) or category == "No"
    alone = len(form) > 1 and form[0] == " "
    hidden = category in ("Cc", "Cs") or IGNORABLE.match(character) or character in "\u2028\u2029"
    return not (joins_digits or stays or alone or hidden)


@settings(deadline=None)
@given(
    st.text(alphabet=st.characters().filter(is_plain_nfkc))
    | st.text(alphabet="éà\u0301\u0327a가\u1100\u1161\u11a8ｶﾞ漢，１")
)
def test_the_form_is_nfkc(text: str) -> None:
    assert normalise(text, simplify=False).text == unicodedata.normalize("NFKC", text)


@settings(deadline=None)
@given(anything, st.booleans())
def test_a_second_time_changes_nothing(text: str, simplify: bool) -> None:
    once = normalise(text, simplify=simplify, repair=True).text
    assert normalise(once, simplify=simplify, repair=True).text == once


def check_spans(form: Normalised) -> None:
    size = len(form.text)
    assert len(form.offsets) == size + 1
    assert list(form.offsets) == sorted(form.offsets)
    ends = [form.original_span(place, place + 1) for place in range(size)]
    for start in range(size):
        for end in range(start + 1, min(size, start + 6) + 1):
            first, last = form.original_span(start, end)
            assert 0 <= first < last <= len(form.original)
            assert (first, last) == (ends[start][0], ends[end - 1][1])
            assert form.position(first) <= start
    # neighbours touch, or come from one place together: nothing of the original between them is lost
    for (_, left), (right, _) in pairwise(ends):
        assert right <= left
    if size:
        assert ends[-1][1] == len(form.original)


@settings(deadline=None)
@given(anything, st.booleans())
def test_every_span_leads_to_a_span_of_the_original(text: str, repair: bool) -> None:
    check_spans(normalise(text, repair=repair))


@settings(deadline=None)
@given(anything)
def test_what_a_character_comes_from_becomes_it_again(text: str) -> None:
    form = normalise(text, simplify=False)
    for place, character in enumerate(form.text):
        start, end = form.original_span(place, place + 1)
        alone = normalise(text[start:end], simplify=False).text
        # beside other digits a raised figure or a squared unit may have been left as it was
        assert character in alone or character in text[start:end]


@settings(deadline=None)
@given(anything, st.text(max_size=5), st.data())
def test_spans_survive_editing(text: str, new: str, data) -> None:
    form = normalise(text)
    if not form.text:
        return
    start = data.draw(st.integers(0, len(form.text) - 1))
    end = data.draw(st.integers(start + 1, len(form.text)))
    edited = form.edited([(start, end, new)])
    assert edited.text == form.text[:start] + new + form.text[end:]
    check_spans(edited)
    if new:
        assert edited.original_span(start, start + len(new)) == form.original_span(start, end)
    again = normalise(edited.text)
    check_spans(edited.then(again))
    assert edited.then(again).text == again.text


def test_an_edit_within_a_place_takes_the_whole_place() -> None:
    form = normalise("0℀x")
    assert form.text == "0a/cx"
    assert form.original_span(2, 3) == (1, 2)
    edited = form.edited([(0, 2, "N"), (3, 4, "M")])
    assert edited.text == "N/Mx"
    assert [edited.original_span(place, place + 1) for place in range(4)] == [(0, 2), (0, 2), (0, 2), (2, 3)]


def test_edits_out_of_order_or_empty_are_refused() -> None:
    form = Normalised.of("abc")
    for edits in ([(1, 1, "x")], [(1, 2, "x"), (0, 1, "y")], [(0, 2, "x"), (1, 3, "y")]):
        with pytest.raises(ValueError, match="edit"):
            form.edited(edits)
    with pytest.raises(ValueError, match="first"):
        form.then(Normalised.of("abd"))
    for span in ((2, 1), (0, 4), (-1, 2)):
        with pytest.raises(IndexError):
            form.original_span(*span)


KEPT = [
    ("WBC 5.6×10⁹/L", "WBC 5.6×10⁹/L"), ("1½片", "1½片"), ("①5mg", "①5mg"), ("⒈5 mg", "⒈5 mg"), ("37ºC", "37ºC"),
    ("10\u200b⁹", "10⁹"), ("5㎡2", "5㎡2"), ("１０⁻³", "10⁻³"), ("Aspirin™", "Aspirin™"), ("´", "´"), ("²", "2"),
    ("kg/m²", "kg/m2"), ("CO₂", "CO2"), ("B₁₂ 5", "B12 5"), ("Na⁺", "Na+"), ("K⁺5.0", "K⁺5.0"),
    ("５００㎎", "500mg"), ("３８．５℃", "38.5°C"), ("Ⅱ－Ⅲ級", "II-III级"), ("ﬁbrosis", "fibrosis"),
    ("頭\u200b痛", "头痛"), ("a\r\nb\rc\x0bd\u2028e", "a\nb\nc\nd\ne"), ("a\x00b\x7f", "ab"), ("e\u200b\u0301", "é"),
    ("\ufeff無痛", "无痛"), ("豈", "岂"), ("乾燥，乾坤", "干燥,乾坤"), ("\ud800x", "\ufffdx"), ("a\xa0b\u3000c", "a b c"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), KEPT)
def test_what_medical_text_needs(text: str, expected: str) -> None:
    assert normalise(text).text == expected


def figures(text: str) -> list[str]:
    return [str(int(digits)) for digits in re.findall(r"\d+", text)]


@settings(deadline=None)
@given(st.text(alphabet="1２９0.⁹₂½①⒈㎡㋀m ,\u200b天³"))
def test_numbers_are_never_joined_or_lost(text: str) -> None:
    before = figures(IGNORABLE.sub("", text))
    after = iter(figures(normalise(text).text))
    assert all(any(number == one for one in after) for number in before)


def test_chinese_punctuation_can_stay() -> None:
    assert normalise("胸痛，（２天）：１．５", keep=CHINESE_PUNCTUATION).text == "胸痛，（2天）：1.5"


@settings(deadline=None)
@given(st.text(alphabet="無痛頭暈藥發燒乾坤燥皇后後麵面裏，abc1", max_size=30))
def test_simplifying_is_opencc_and_moves_nothing(text: str) -> None:
    form = normalise(text, keep=CHINESE_PUNCTUATION)
    assert form.text == opencc.OpenCC("t2s").convert(text)
    assert [form.original_span(place, place + 1)[0] for place in range(len(text))] == list(range(len(text)))


def test_every_character_is_settled_after_simplifying() -> None:
    convert = opencc.OpenCC("t2s").convert
    for first in (0x3400, 0x4E00, 0x20000):
        text = "\n".join(map(chr, range(first, first + 0x5200)))
        assert normalise(normalise(text).text).text == normalise(text).text
        assert len(convert(text)) == len(text)


def test_a_phrase_that_changes_its_length_keeps_the_offsets_exact(monkeypatch) -> None:
    monkeypatch.setattr(module, "_simplifier", lambda: lambda text: text.replace("無", "没有").replace("藥", "药"))
    module._simplified_character.cache_clear()
    form = normalise("a無藥b")
    assert form.text == "a没有药b"
    assert [form.original_span(place, place + 1) for place in range(5)] == [(0, 1), (1, 2), (1, 2), (2, 3), (3, 4)]
    module._simplified_character.cache_clear()


WORDS = st.lists(st.sampled_from(["高血压", "头痛三天", "否认发热", "每日两次", "μg", "café"]), min_size=2, max_size=6)


@settings(deadline=None)
@given(WORDS, st.sampled_from(["latin-1", "cp1252"]))
def test_mojibake_is_mended_with_exact_spans(words: list[str], encoding: str) -> None:
    right = "BP 120 " + " and ".join(words) + " ok"
    try:
        wrong = right.encode().decode(encoding)
    except UnicodeDecodeError:
        return
    form = normalise(wrong, repair=True)
    if form.text != right.replace("µ", "μ"):  # ftfy did not trust its guess: then nothing is promised but the spans
        check_spans(form)
        return
    for place, character in enumerate(right):
        start, end = form.original_span(place, place + 1)
        assert wrong[start:end].encode(encoding).decode() == character


def test_mojibake_is_left_alone_unless_asked() -> None:
    assert normalise("schÃ¶n").text == "schÃ¶n"
    assert normalise("schÃ¶n", repair=True).text == "schön"


@pytest.mark.parametrize(("package", "text", "asked"), [("opencc", "頭痛", {}), ("ftfy", "Ã¶", {"repair": True})])
def test_a_missing_package_is_named_only_when_it_is_needed(monkeypatch, package, text, asked) -> None:
    for cached in (module._simplifier, module._mender):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    assert normalise("fever, １ day").text == "fever, 1 day"
    with pytest.raises(MissingError, match=package):
        normalise(text, **asked)


@pytest.mark.parametrize(
    "piece", ["頭痛，３天。", "é\u0301", "\u0301\u0327", "²", "1²", "\u200b", "\r\n", "가", "Ã©é", "plain "]
)
def test_a_long_text_takes_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        start = time.perf_counter()
        normalise(text)
        return time.perf_counter() - start

    seconds(1000)
    assert seconds(100_000) < 2
