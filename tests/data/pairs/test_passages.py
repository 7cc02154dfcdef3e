from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.pairs.passages import passages_of
from clinforge.records import Document, Section


def document(text, **more):
    return Document(id="d", text=text, lang="en", source="s", source_id="1", **more)


@given(st.text(max_size=400), st.integers(20, 80))
def test_passages_cover_the_text_once_in_order_and_keep_to_the_limit(text, most):
    passages = list(passages_of(document(text), most, 0))
    assert "".join(passage.text for passage in passages) == text
    assert all(len(passage.text) <= most for passage in passages)
    assert [p.start for p in passages[1:]] == [p.end for p in passages[:-1]]


def test_a_cut_falls_at_a_section_before_a_sentence_and_short_passages_are_left_out():
    text = "First section. It ends here. " + "Second section, with a word more. " + "Third."
    at = text.index("Second")
    sections = (Section(path=("One",), start=0, end=at), Section(path=("Two", "Deeper"), start=at, end=len(text)))
    first, second = passages_of(document(text, sections=sections, title="T"), 45, 10)
    assert first.text == text[:at] and first.title == "T / One"
    assert second.title == "T / Two / Deeper" and second.key == f"d:{at}-{at + len(second.text)}"
