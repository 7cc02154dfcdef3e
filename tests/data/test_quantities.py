from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.quantities import missing, quantities


def states(source: str, claim: str) -> bool:
    return not missing(quantities(claim), quantities(source))


def rows(text: str) -> list[tuple[str, ...]]:
    return [tuple(pair.split(" = ")) for line in text.strip().splitlines() for pair in line.split(" | ")]


SAME = rows("""
5 mg = 5mg | 5 mg = 5 milligrams | 5 mg = 5毫克 | 0.5 g = 500 mg | 500 mg = ０．５克 | 1,000 mg = 1 g
5 µg = 5 mcg | 5 mg/kg = 5 mg per kg | 5mg/kg = 每公斤体重5mg | 10 mg daily = 10 mg a day | 每日10mg = 10 mg/day
5–10 mg = 5 to 10 mg | 5～10毫克 = 5-10mg | 5-10 mg = 5 mg | half a tablet = 1/2 tablet | 半片 = 0.5片
1½ tablets = 1.5 tablets | 0·5 mg = 0.5 mg | 0,5 mg = 0.5 mg | .5 mg = 0.5 mg | 4.5×10⁹/L = 4.5 x 10^9/L
120/80 mmHg = 120/80mmHg | three times a day = 3 times daily | twice daily = 2 times a day
b.i.d. = twice daily | 每日两次 = 2次/日 | 每日三次 = 3 times a day | 37.5℃ = 37.5 °C | 百分之五 = 5%
5 percent = 5 % | a 5-year-old child = 5 years | 5岁 = 5 years old | 二十五岁 = 25岁 | 三个月 = 3个月
6 hours = six hours | twenty-five mg = 25 mg | one hundred and five mg = 105 mg | stage III = stage 3
Ⅲ期 = III期 | 3万 = 30000 | vitamin B12 = B12 | -20 °C = −20°C | IL-6 = IL 6 | 5 mg = 5 | 体重50kg = 50公斤
1 1/2 tablets = 1.5 tablet
""")
DIFFERENT = rows("""
1 in 1,000 = 1,0000 | 15q11.2 = 15q11.3 | 15q11.2 = 15q12.2 | 2.5 = 2.55
5 mg = 50 mg | 5 mg = 5 g | 5 mg = 5 µg | 0.5 mg = 5 mg | 0,5 mg = 5 mg | .5 mg = 5 mg | 0·5 mg = 5 mg
5 mg/kg = 5 mg | 5 mg = 5 mg/kg | 5 mg/day = 5 mg/hour | 每公斤体重5mg = 5mg | 1,000 mg = 1 mg
1/2 tablet = 2 tablets | 1/2 tablet = 1 tablet | 1½ tablets = 11/2 tablets | 4.5×10⁹/L = 4.5×10¹²/L
4.5×10⁹/L = 109 | 120/80 mmHg = 12/8 mmHg | 120/80 mmHg = 120/90 mmHg | once daily = twice daily
b.i.d. = three times daily | 每日两次 = 每日三次 | 5% = 50% | 5 mg = fifty mg | 5毫克 = 五十毫克 | 三个月 = 三周
3天 = 3小时 | stage III = stage IV | II级 = III级 | 2型 = 1型 | vitamin B12 = vitamin B6 | 3万 = 3千
-20 °C = 20 °C | 38℃ = 38℉ | 5 mg twice daily = 5 mg 4 times daily | 2 x 100 mg = 2 x 1000 mg
two weeks = three weeks | half a tablet = one tablet | 半片 = 一片 | 1.2.3 = 1.3
""")


@pytest.mark.parametrize(("source", "claim"), SAME, ids=lambda text: text)
def test_the_same_quantity_is_known_however_it_is_written(source, claim):
    assert quantities(claim)
    assert states(source, claim)


@pytest.mark.parametrize(("source", "claim"), DIFFERENT, ids=lambda text: text)
def test_another_quantity_is_never_taken_for_it(source, claim):
    assert not states(source, claim)


@pytest.mark.parametrize(
    "text",
    ["三叉神经", "一般情况良好", "十二指肠", "四肢无力", "二尖瓣", "是一种慢性病", "one of the causes", "no number"],
)
def test_words_that_only_look_like_numbers_are_none(text):
    assert quantities(text) == []


NUMBERS = st.one_of(
    st.integers(0, 99_999).map(str),
    st.decimals("0.001", "999", places=3, allow_nan=False).map(lambda number: format(number.normalize(), "f")),
)
UNITS = st.sampled_from(
    ["mg", " mg", " g", "μg", " mL", "%", " mmol/L", " mg/kg", "毫克", "片", " tablets", " hours", "次", "天", "岁", ""]
)
FRAMES = st.sampled_from(
    ["Take {} now.", "The value was {}, they said", "每次{}，饭后", "约{}。", "({})", "dose:{}", "A {} and no more"]
)


@given(FRAMES, NUMBERS, UNITS, st.lists(st.tuples(NUMBERS, UNITS), max_size=3))
def test_a_text_states_its_own_quantities(frame, number, unit, others):
    text = frame.format(number + unit) + "".join(f" Also {other}{its}." for other, its in others)
    assert states(text, text)
    assert states(text, frame.format(number + unit))


@given(FRAMES, NUMBERS, NUMBERS, UNITS)
def test_a_changed_number_is_always_caught(frame, number, changed, unit):
    source, claim = frame.format(number + unit), frame.format(changed + unit)
    assert states(source, claim) == (Fraction(number) == Fraction(changed))


@given(
    FRAMES,
    st.integers(2, 9999),
    st.permutations([" mg", " g", " mL", "%", " hours", " mmHg", "岁", "片", " mg/kg", " mmol/L"]),
)
def test_a_changed_unit_is_always_caught(frame, number, units):
    assert not states(frame.format(f"{number}{units[0]}"), frame.format(f"{number}{units[1]}"))


@given(st.integers(1, 999), st.integers(1, 3))
def test_a_slipped_decimal_point_is_always_caught(number, places):
    written = f"{number / 10**places:.{places}f}"
    assert not states(f"{written} mg", f"{number} mg")
    assert not states(f"{number} mg", f"{written} mg")


@given(st.integers(2, 999), st.integers(2, 999))
def test_both_ends_of_a_range_are_checked(low, high):
    source = f"{low}-{high} mg"
    assert states(source, f"{low} to {high} mg")
    assert not states(source, f"{low} to {high + 1000} mg")
    assert not states(source, f"{low + 1000} to {high} mg")


@given(st.text(max_size=200))
def test_any_text_can_be_read_and_states_itself(text):
    assert states(text, text)


def test_hostile_numbers_cost_nothing():
    text = "9" * 5000 + "^99 " + "1/" * 3000 + " " + "亿" * 500 + " hundred" * 500 + " 5 mg" * 2000
    assert states(text, "5 mg")
    assert states(text, text)
