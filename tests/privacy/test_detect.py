"""Identifiers with a shape are found where they stand; medical numbers are not taken for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.privacy.detect import find_identifiers


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("身份证11010519491231002X，男", "id_card", "11010519491231002X"),
        ("联系电话：13812345678。", "mobile", "13812345678"),
        ("电话+86 138-1234-5678", "mobile", "+86 138-1234-5678"),
        ("全角１３８１２３４５６７８", "mobile", "１３８１２３４５６７８"),
        ("座机010-62345678", "landline", "010-62345678"),
        ("call (212) 555-0100 now", "landline", "(212) 555-0100"),
        ("write to a.b@example.org.", "email", "a.b@example.org"),
        ("SSN 123-45-6789", "ssn", "123-45-6789"),
        ("住院号：ZY0012345", "record_number", "住院号：ZY0012345"),
        ("MRN: 00451234", "record_number", "MRN: 00451234"),
    ],
)
def test_identifiers_are_found_at_their_place(text, kind, part):
    (found,) = find_identifiers(text)
    assert (found.type, text[found.start : found.end]) == (kind, part)


@pytest.mark.parametrize(
    "text",
    [
        "血压 120-80 mmHg，血糖 7.8 mmol/L",
        "女，54岁，体温 38.5 °C",
        "HP:0001250; OMIM:105400; E11.9",
        "血小板计数 123456",
        "2018, 27(6): 599-604",
        "id 110105199913310021",
        "the medical record shows fever",
    ],
)
def test_medical_numbers_are_not_identifiers(text):
    assert find_identifiers(text) == []


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_number_is_found_whatever_stands_around_it(before, after):
    number = " 13812345678 "
    found = find_identifiers(before + number + after)
    assert any(row.start <= len(before) + 1 and row.end >= len(before) + 12 for row in found)
    ends = [position for row in found for position in (row.start, row.end)]
    assert ends == sorted(ends)
