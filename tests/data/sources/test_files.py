"""Texts of every format keep headings and pages; what cannot be read is named and stops nothing.

All texts here were written for these tests.
"""

import re
import subprocess
import sys
import zipfile
import zlib

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from clinforge.data.sources.files import Files
from clinforge.data.sources.formats import Block, assemble
from clinforge.errors import InputError, MissingError
from tests.data.sources.pdfs import PICTURE, write_pdf

PARAGRAPH = (
    "Patients with the invented Example fever rest for two days and drink enough. A temperature above thirty-nine "
    "degrees on the third day is a reason to call the clinic, because the fever of this example never lasts so long."
)


def read(path, **settings):
    faults: list[str] = []
    return list(Files(path=path, **settings).documents(faults)), faults


def only(path, **settings):
    (document,), faults = read(path, **settings)
    assert faults == []
    return document


def cited(document, words):
    """(path, page) of the section in which words stand."""
    place = document.text.index(words)
    (section,) = [section for section in document.sections if section.start <= place < section.end]
    return section.path, section.page


def test_a_pdf_can_be_cited_by_section_and_page(tmp_path):
    path = write_pdf(
        tmp_path / "guide.pdf",
        ["Example fever\nIntroduction\nFirst words.", "Still first.\nTreatment\nRest and water.", "Dose\nNone."],
        [(1, "Example  fever", 1), (2, "Introduction", 1), (2, "Treatment", 2), (3, "Dose", 3)],
    )
    document = only(path)
    assert cited(document, "First words") == (("Example fever", "Introduction"), 1)
    assert cited(document, "Still first") == (("Example fever", "Introduction"), 2)
    assert cited(document, "Rest and water") == (("Example fever", "Treatment"), 2)
    assert cited(document, "None.") == (("Example fever", "Treatment", "Dose"), 3)
    assert document.meta == {"format": "pdf", "pages": 3}
    assert document.source_id == "guide.pdf"
    assert document.version.startswith("sha256:")


def test_a_heading_that_its_page_does_not_show_still_begins_a_section(tmp_path):
    document = only(write_pdf(tmp_path / "a.pdf", ["Words.", "More words."], [(1, "Shown nowhere", 2)]))
    assert cited(document, "More words") == (("Shown nowhere",), 2)


def test_a_chinese_pdf_without_outline_has_its_chapters(tmp_path):
    pages = ["第一章 总论\n一、定义\n示例热是虚构的疾病。", "第二章 治疗\n休息，多饮水。"]
    document = only(write_pdf(tmp_path / "指南.pdf", pages))
    assert document.lang == "zh"
    assert cited(document, "示例热") == (("第一章 总论", "一、定义"), 1)
    assert cited(document, "多饮水") == (("第二章 治疗",), 2)


def test_pages_without_text_are_named_and_the_others_read(tmp_path):
    documents, faults = read(write_pdf(tmp_path / "mixed.pdf", ["Words.", PICTURE, "More.", PICTURE]))
    assert documents[0].text == "Words.\nMore."
    assert len(faults) == 1
    assert "mixed.pdf: 2 pages have no text layer (2, 4)" in faults[0]


def test_an_owner_password_does_not_stop_reading_and_a_users_does(tmp_path):
    allowed = write_pdf(tmp_path / "a.pdf", ["Words."], user_password="", owner_password="x", algorithm="AES-256")
    assert only(allowed).text == "Words."
    locked = write_pdf(tmp_path / "b.pdf", ["Words."], user_password="y", algorithm="AES-256")
    with pytest.raises(InputError, match=r"encrypted.*without a password"):
        read(locked)


def test_a_page_that_unpacks_to_too_much_is_refused_without_filling_the_memory(tmp_path):
    page = zlib.compress(b"BT /F1 9 Tf (x) Tj ET " * 4_000_000, 9)
    font = b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R" + font + b">>",
        b"<</Length %d/Filter/FlateDecode>>stream\n" % len(page) + page + b"\nendstream",
    )
    body = b"".join(b"%d 0 obj%bendobj\n" % (number, text) for number, text in enumerate(objects, start=1))
    (tmp_path / "bomb.pdf").write_bytes(b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n")
    with pytest.raises(InputError, match=r"unpacks to too much \(LimitReachedError\)"):
        read(tmp_path / "bomb.pdf")


def test_characters_that_fonts_replace_by_radicals_and_ligatures_are_restored(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", ["⼀、⻣折\n⽰例热ﬁrst"], [(1, "一、骨折", 1)])
    assert only(path).text == "一、骨折\n示例热first"


@pytest.fixture(scope="module")
def whole_pdf(tmp_path_factory):
    return write_pdf(tmp_path_factory.mktemp("pdf") / "whole.pdf", ["Words on a page.", PICTURE]).read_bytes()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_broken_pdf_never_stops_the_rest(whole_pdf, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("broken")
    cut = data.draw(st.integers(1, len(whole_pdf)))
    place = data.draw(st.integers(0, cut - 1))
    noise = data.draw(st.binary(max_size=20))
    (folder / "broken.pdf").write_bytes(whole_pdf[:place] + noise + whole_pdf[place + len(noise) : cut])
    (folder / "good.txt").write_text(PARAGRAPH)
    documents, faults = read(folder)
    assert documents[-1].text == PARAGRAPH
    assert len(documents) == 2 or any("broken.pdf" in fault for fault in faults)


def word_document(path):
    file = docx.Document()
    file.core_properties.title = "An invented guide"
    file.add_heading("Example fever", 1)
    file.add_paragraph("First words.")
    file.add_heading("Treatment", 2)
    file.add_paragraph("Rest\tand water.\nA second line.")
    table = file.add_table(rows=2, cols=2)
    for place, text in enumerate(["sign", "share", "cough", "half"]):
        table.cell(place // 2, place % 2).text = text
    file.add_heading("Prevention", 1)
    file.add_paragraph("洗手。")
    file.save(path)
    return file


def test_a_word_document_keeps_headings_tables_and_every_paragraph(tmp_path):
    written = word_document(tmp_path / "guide.docx")
    document = only(tmp_path / "guide.docx")
    assert document.title == "An invented guide"
    assert cited(document, "A second line")[0] == ("Example fever", "Treatment")
    assert cited(document, "洗手")[0] == ("Prevention",)
    assert "sign\tshare\ncough\thalf" in document.text
    paragraphs = [paragraph.text for paragraph in written.paragraphs]
    assert document.text.replace("sign\tshare\ncough\thalf\n", "") == "\n".join(paragraphs)


def raw_docx(path, xml, **parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", xml)
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return path


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def test_a_word_document_has_the_pages_that_word_counted_and_not_its_deleted_text(tmp_path):
    body = (
        "<w:p><w:r><w:t>one</w:t></w:r></w:p>"
        "<w:p><w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r><w:del><w:r><w:tab/><w:delText>gone</w:delText></w:r></w:del></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>three</w:t></w:r>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:ins><w:r><w:t> added</w:t></w:r></w:ins></w:p>"
        "</w:sdtContent></w:sdt>"
    )
    document = only(raw_docx(tmp_path / "a.docx", f"<w:document {W}><w:body>{body}</w:body></w:document>"))
    assert document.text == "one\ntwo\nthree added"
    assert [cited(document, word)[1] for word in ("one", "two", "three")] == [1, 2, 2]


def test_headings_are_known_by_what_their_style_rests_on(tmp_path):
    styles = (
        f'<w:styles {W}><w:style w:styleId="1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="mine"><w:name w:val="我的标题"/><w:basedOn w:val="1"/></w:style>'
        '<w:style w:styleId="loop"><w:name w:val="x"/><w:basedOn w:val="loop"/></w:style></w:styles>'
    )
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'
        for style, text in [("mine", "总论"), ("loop", "正文")]
    )
    xml = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    document = only(raw_docx(tmp_path / "a.docx", xml, word__styles=styles))
    assert cited(document, "正文")[0] == ("总论",)


ENTITIES = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600)), "encrypted, or an old"),
        (lambda path: path.write_bytes(b"no archive"), "broken"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: raw_docx(path, f"<w:document {W}>" + " " * 3_000_000 + "</w:document>"), "unpacks to too much"),
        (lambda path: raw_docx(path, f"{ENTITIES}<w:document {W}>&b;</w:document>"), "document type"),
        (lambda path: raw_docx(path, f"<w:document {W}><w:body>"), "is not XML"),
        (lambda path: raw_docx(path, f"<w:document {W}><w:body/></w:document>"), "no text"),
        (lambda path: raw_docx(path, "<x>" * 400 + "</x>" * 400), "is not XML"),
    ],
)
def test_a_bad_word_document_is_named_with_the_remedy_and_the_rest_goes_on(tmp_path, make, reason):
    make(tmp_path / "bad.docx")
    (tmp_path / "good.txt").write_text(PARAGRAPH)
    documents, faults = read(tmp_path, max_megabytes=2)
    assert [document.source_id for document in documents] == ["good.txt"]
    assert len(faults) == 1
    assert "bad.docx" in faults[0]
    assert reason in faults[0]


PAGE = f"""<html><head><title>Example fever</title>{{meta}}</head><body>
<nav><a href="/">Home</a> <a href="/shop">Shop</a></nav><script>alert(1)</script>
<article><h1>Example fever</h1><p>{PARAGRAPH}</p><h2>Treatment 治疗</h2><p>Rest. {PARAGRAPH}</p>
<ul><li>Drink water.</li><li>Sleep.</li></ul>
<table><tr><th>sign</th><th>share</th></tr><tr><td>cough</td><td>half</td></tr></table>
<h3>Dose</h3><p>None is needed. {PARAGRAPH}</p></article><footer>Copyright nobody</footer></body></html>"""


@pytest.mark.parametrize(
    ("meta", "encoding"),
    [("", "utf-8"), ('<meta charset="gb2312">', "gb18030"), ('<meta charset="gb2312">', "utf-8"), ("", "gb18030")],
)
def test_a_page_keeps_its_main_text_and_headings_whatever_it_declares(tmp_path, meta, encoding):
    (tmp_path / "page.html").write_bytes(PAGE.replace("{meta}", meta).encode(encoding))
    document = only(tmp_path / "page.html")
    assert document.title == "Example fever"
    assert cited(document, "Drink water")[0][-1] == "Treatment 治疗"
    assert cited(document, "None is needed")[0][-2:] == ("Treatment 治疗", "Dose")
    assert "cough\thalf" in document.text
    assert not any(word in document.text for word in ("Shop", "alert", "Copyright"))


def test_a_page_without_text_is_named(tmp_path):
    (tmp_path / "a.html").write_text("<html><body><script>x()</script></body></html>")
    with pytest.raises(InputError, match="no main text"):
        read(tmp_path / "a.html")


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# One",
            "## Two ##",
            "#No heading",
            "Text",
            "=====",
            "---",
            "",
            "```",
            "~~~",
            "- item",
            "#### Four  ",
            "> quote",
        ]
    ),
    min_size=1,
)


@settings(max_examples=300)
@given(MARKDOWN)
def test_markdown_headings_are_those_of_commonmark(lines):
    from clinforge.data.sources.formats.plain import read_markdown

    if lines[0] == "---" or not "".join(lines).strip():
        return  # front matter, which CommonMark does not know; an empty file
    text = "\n".join(lines)
    tokens = MarkdownIt().parse(text)
    expected = {
        (int(token.tag[1]), token.map[0])
        for token in tokens
        if token.type == "heading_open" and token.level == 0 and token.markup.startswith("#")
    }
    blocks = read_markdown(text.encode()).blocks
    assert "\n".join(block.text for block in blocks) == text
    found, line = set(), 0
    for block in blocks:
        if block.level and re.match("#{1,6}( |$)", block.text):
            found.add((block.level, line))
        line += block.text.count("\n") + 1
    assert found == expected


def test_markdown_sections_come_from_both_kinds_of_heading(tmp_path):
    (tmp_path / "a.md").write_text(
        "---\ntitle: x\n---\nGuide\n=====\nWords.\n\nTreatment\n---\n```\n# no\n```\nRest.\n"
    )
    document = only(tmp_path / "a.md")
    assert document.title == "Guide"
    assert cited(document, "Rest")[0] == ("Guide", "Treatment")
    assert document.text == (tmp_path / "a.md").read_text()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
def test_plain_text_reads_in_any_encoding_with_its_chapters(tmp_path, encoding):
    text = "目录\n第一章 总论....1\n第一章 总论\n示例热是虚构的疾病。\n第二节 症状\n发热。\n第二章 治疗\n休息。\n"
    (tmp_path / "book.txt").write_bytes(text.encode(encoding))
    document = only(tmp_path / "book.txt")
    assert document.text == text
    assert [section.path[-1:] for section in document.sections] == [
        (),
        ("第一章 总论",),
        ("第二节 症状",),
        ("第二章 治疗",),
    ]
    assert cited(document, "发热。")[0] == ("第一章 总论", "第二节 症状")


def test_damaged_bytes_are_named_by_line(tmp_path):
    data = bytearray(("示例热是虚构的疾病。\n" * 30).encode("gb18030"))
    data[21 * 3 + 4] = 0xFF
    (tmp_path / "a.txt").write_bytes(bytes(data))
    (document,), faults = read(tmp_path / "a.txt")
    assert len(document.text) > 200
    assert "line 4" in faults[0]


@given(st.lists(st.tuples(st.text("ab\n"), st.integers(0, 6), st.sampled_from([None, 1, 2])), min_size=1))
def test_sections_cover_the_text_without_gap_and_begin_with_their_heading(rows):
    text, sections = assemble([Block(text, level, page) for text, level, page in rows])
    assert [section.start for section in sections] == [0, *(section.end for section in sections[:-1])]
    assert sections[-1].end == len(text)
    place, begins = 0, {section.start: section for section in sections}
    for words, level, page in rows:
        if level:
            assert begins[place].path[-1] == words
            assert begins[place].page == page
        place += len(words) + 1


def test_a_folder_is_read_to_its_end_and_each_bad_file_named(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.md").write_text(f"# Guide\n{PARAGRAPH}")
    (tmp_path / "huge.txt").write_text("x" * 2_000_001)
    (tmp_path / "empty.txt").write_text("  \n")
    (tmp_path / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\0\0\xff" * 50)
    (tmp_path / "~$lock.docx").write_bytes(b"x")
    (tmp_path / "LICENSE.txt").write_text("free")
    documents, faults = read(tmp_path, max_megabytes=2, source="guides", licence="CC0-1.0")
    assert [(document.source_id, document.source, document.licence) for document in documents] == [
        ("deep/good.md", "guides", "CC0-1.0")
    ]
    for name, advice in [
        ("empty", "Leave it out"),
        ("huge", "max_megabytes"),
        ("old", ".docx"),
        ("picture", "Convert"),
        ("LICENSE", "licence"),
    ]:
        assert any(f"{name}." in fault and advice in fault for fault in faults), name
    assert len(faults) == 5


def test_the_same_text_has_the_same_id_and_a_revised_one_another(tmp_path):
    (tmp_path / "a.txt").write_text(PARAGRAPH)
    before = only(tmp_path / "a.txt").id
    assert only(tmp_path / "a.txt").id == before
    (tmp_path / "a.txt").write_text(PARAGRAPH + " Revised.")
    assert only(tmp_path / "a.txt").id != before


def test_nothing_read_is_an_error(tmp_path):
    with pytest.raises(InputError, match="gave no document"):
        read(tmp_path)
    with pytest.raises(MissingError):
        read(tmp_path / "nowhere")


def test_a_library_that_is_not_installed_names_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdf", None)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    with pytest.raises(MissingError, match=r"clinforge\[data\]"):
        read(tmp_path)


def test_settings_start_without_the_libraries_that_read_files():
    code = (
        "import sys, clinforge.data.sources.files, clinforge.data.sources.dialogues; "
        "import clinforge.knowledge.graphs.triples; "
        "print([n for n in ('pypdf', 'lxml', 'trafilatura', 'datasets', 'pandas', 'pyarrow') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
