import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.pairs.evidence import find_quotation, plain_with_offsets, sentences, whole_sentences, whole_words

TEXT = (
    "Synthetic text. Aspirin “thins” the blood;\n it is given once. The café dose is ５ mg.\n\n"
    "- First item\n- Second item"
)


@pytest.mark.parametrize(
    ("quoted", "found"),
    [
        ("Aspirin \"thins\" the blood; it is given once.", "Aspirin “thins” the blood;\n it is given once."),
        ("the CAFE dose is 5 mg", "The café dose is ５ mg"),
        ("First item", "First item"),
    ],
)  # fmt: skip
def test_a_quotation_is_found_whatever_copying_changed(quoted, found):
    place = find_quotation(quoted, TEXT, 1.0)
    assert (place.how, place.similarity) == ("exact", 1.0)
    assert TEXT[place.start : place.end] == found


def test_a_nearly_right_quotation_is_found_with_its_similarity_and_the_texts_own_words():
    place = find_quotation("Aspirin thinned the blood, it is given once", TEXT, 0.85)
    assert place.how == "fuzzy" and 0.85 <= place.similarity < 1
    assert "given once" in TEXT[place.start : place.end]
    assert find_quotation("Aspirin thinned the blood, it is given once", TEXT, 0.99) is None


@pytest.mark.parametrize("quoted", ["", "   ", "Ibuprofen cures every known disease", TEXT + " and more than that"])
def test_what_the_text_does_not_say_is_not_found(quoted):
    assert find_quotation(quoted, TEXT, 0.8) is None


@given(st.text(max_size=80), st.data())
def test_any_stretch_of_a_text_is_found_exactly(text, data):
    start = data.draw(st.integers(0, len(text)))
    stretch = text[start : data.draw(st.integers(start, len(text)))]
    plain = plain_with_offsets(stretch)[0]
    place = find_quotation(stretch, text, 1.0)
    assert (place is None) == (plain == "")
    if place:
        assert plain in plain_with_offsets(text[place.start : place.end])[0]


def test_a_nearly_right_quotation_does_not_reach_into_the_next_sentence():
    text = "3. The remedy is given to adults of any age. 4. Something else."
    place = find_quotation("4. The remedy is given to adults of any age.", text, 0.9)
    assert "4" not in text[place.start : place.end]


def test_lines_of_a_list_without_full_stops_are_apart():
    text = "Who is tested\nGirls aged 12 years\nWomen every 10 years"
    at = text.index("aged")
    assert text[slice(*whole_sentences(text, at, at + 4))].strip() == "Girls aged 12 years"


def test_a_stretch_is_widened_to_its_sentences_and_words():
    start = TEXT.index("thins")
    assert TEXT[slice(*whole_sentences(TEXT, start, start + 3))].strip().startswith("Aspirin")
    assert TEXT[slice(*whole_sentences(TEXT, start, start + 3))].strip().endswith("once.")
    item = TEXT.index("First")
    assert "Second" not in TEXT[slice(*whole_sentences(TEXT, item, item + 5))]
    assert TEXT[slice(*whole_words(TEXT, start + 1, start + 3))] == "thins"
    assert sentences("一。二！Three. 4.5 mg? five") == ["一。", "二！", "Three.", "4.5 mg?", "five"]
