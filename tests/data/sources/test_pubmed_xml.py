"""PubMed's XML becomes documents that lose no number and follow no entity; a second parser agrees."""

import html
import io
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from clinforge.data.sources.pubmed_xml import document_of, flat_text, language_of, parse_xml, records_of
from clinforge.errors import InputError
from tests.data.sources import pubmed_records as written


def read(*records: str, doctype: str = written.DOCTYPE):
    found = records_of(parse_xml(written.answer(*records, doctype=doctype)))
    return [document_of(record.xml, "2026-01-02T03:04:05+00:00") for record in found]


def test_every_field_of_an_article_is_kept():
    (document,) = read(written.FULL)
    assert document.title == "Effect of synthetic CO2 on 10^5 cells."
    assert document.text == "BACKGROUND: Doses of 5 µg < 7 mg/m2.\nWHAT WE DID: We counted CD4+ cells."
    assert [(section.path, document.text[section.start : section.end]) for section in document.sections] == [
        (("BACKGROUND",), "Doses of 5 µg < 7 mg/m2."),
        (("WHAT WE DID",), "We counted CD4+ cells."),
    ]
    assert (document.lang, document.source, document.source_id) == ("en", "pubmed", "101")
    assert (document.date, document.version, document.retrieved_at) == (
        "2021-03-04", "2024-05-06", "2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    assert "copyright" in document.licence
    expected = {
        "kind": "article",
        "doi": "10.0000/synthetic.101",
        "pmc": "PMC0000101",
        "journal": "Journal of Synthetic Records",
        "languages": ["eng"],
        "publication_types": ["Journal Article", "Randomized Controlled Trial"],
        "mesh": [
            {
                "name": "Cells, Synthetic", "id": "D000001", "major": False,
                "qualifiers": [{"name": "drug effects", "id": "Q000001", "major": True}],
            },
            {"name": "Carbon Dioxide", "id": "D000002", "major": True, "qualifiers": []},
        ],
        "keywords": ["synthesis"],
        "authors": ["Muster Erika", "Synthetic Study Group"],
        "retracted": False,
        "section_categories": {"BACKGROUND": "BACKGROUND", "WHAT WE DID": "METHODS"},
        "copyright": "Copyright 2021 Nobody.",
        "other_abstracts": [{"language": "chi", "text": "合成的摘要。"}],
    }  # fmt: skip
    assert {key: document.meta[key] for key in expected} == expected
    assert "Muster" not in document.text + document.title


def test_a_record_without_an_abstract_is_its_title_and_says_so():
    (document,) = read(written.NO_ABSTRACT)
    assert (document.text, document.sections) == ("A letter without an abstract.", ())
    assert document.meta["has_abstract"] is False


def test_a_retracted_article_is_flagged_with_the_notice():
    (document,) = read(written.RETRACTED)
    assert document.meta["retracted"] is True
    assert document.meta["retraction"] == [{"type": "RetractionIn", "pmid": "999", "source": "J Synth Rec. 2022;1:1"}]
    assert [link["type"] for link in document.meta["corrections"]] == ["ErratumIn"]


def test_a_chinese_abstract_makes_a_chinese_document():
    (document,) = read(written.CHINESE)
    assert document.lang == "zh"
    assert document.text == "目的：观察合成记录的 mRNA 表达。"
    assert document.meta["languages"] == ["chi"]
    assert document.meta["vernacular_title"] == "一个合成的中文标题。"
    assert document.meta["other_abstracts"] == []


def test_a_book_chapter_is_a_document():
    (document,) = read(written.BOOK)
    assert document.title == "A synthetic chapter"
    assert document.text == "SUMMARY: Chapters are short."
    assert (document.date, document.version) == ("2019", "2023-11-09")
    assert document.meta["kind"] == "book"
    assert document.meta["book"] == "A Synthetic Handbook"
    assert document.meta["doi"] == "10.0000/chapter.105"
    assert document.meta["publication_types"] == ["Review"]
    assert document.meta["authors"] == ["Muster M"]


@pytest.mark.parametrize(
    ("given_date", "expected"),
    [
        ("<Year>2020</Year>", "2020"),
        ("<Year>2020</Year><Month>Dec</Month>", "2020-12"),
        ("<Year>2020</Year><Month>07</Month><Day>5</Day>", "2020-07-05"),
        ("<Year>2020</Year><Season>Winter</Season>", "2020"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "1998"),
        ("<MedlineDate>Spring</MedlineDate>", ""),
        ("<Year>2020</Year><Month>13</Month>", "2020"),
        ("<Year>2020</Year><Month>1</Month><Day>32</Day>", "2020-01"),
    ],
)
def test_a_date_is_as_precise_as_the_source(given_date, expected):
    record = re.sub(r"(?s)<PubDate>.*?</PubDate>", f"<PubDate>{given_date}</PubDate>", written.article())
    assert read(record)[0].date == expected


def math(content: str) -> str:
    return f'by <m:math xmlns:m="http://www.w3.org/1998/Math/MathML">\n{content}\n</m:math> cells'


@pytest.mark.parametrize(
    ("marked", "flat"),
    [
        ("10<sup>5</sup>", "10^5"),
        ("10 <sup>-3</sup>", "10 ^-3"),
        ("m<sup>2</sup>, CD4<sup>+</sup>, <sup>99m</sup>Tc, H<sub>2</sub>O", "m2, CD4+, 99mTc, H2O"),
        ("1<sub>2</sub>", "1_2"),
        ("a <b>very <i>deep</i></b>\n  text", "a very deep text"),
        ("10&#8239;mg", "10 mg"),
        (math("<m:msup><m:mn>10</m:mn> <m:mn>5</m:mn></m:msup>"), "by 10^5 cells"),
        (
            math("<m:msup>\n <m:mn>10</m:mn>\n <m:mrow><m:mo>-</m:mo><m:mn>3</m:mn></m:mrow></m:msup>"),
            "by 10^(-3) cells",
        ),
        (math("<m:mfrac><m:mn>1</m:mn><m:mn>2</m:mn></m:mfrac>"), "by 1/2 cells"),
        (math("<m:msubsup><m:mi>x</m:mi><m:mn>1</m:mn><m:mn>2</m:mn></m:msubsup>"), "by x_1^2 cells"),
        (math("<m:msqrt><m:mn>2</m:mn></m:msqrt>"), "by √2 cells"),
        (
            math(
                "<m:mmultiscripts>\n<m:mrow>\n<m:mi>Xe</m:mi>\n</m:mrow><m:mprescripts/><m:none/><m:mn>129</m:mn>"
                "</m:mmultiscripts><m:mtext> </m:mtext><m:mi>MRI</m:mi>"
            ),
            "by 129Xe MRI cells",
        ),
    ],
)
def test_markup_is_flattened_and_no_two_numbers_run_together(marked, flat):
    assert flat_text(etree.fromstring(f"<t>{marked}</t>")) == flat


LATIN = st.text("abcxyz 0123,.<&%", max_size=8).map(lambda text: f"a{text}")
WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=8)
TREES = st.recursive(
    WORDS.map(html.escape),
    lambda inner: st.tuples(st.sampled_from(["i", "b", "u", "sup", "sub"]), st.lists(inner, max_size=3), WORDS).map(
        lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0]}>{html.escape(made[2])}"
    ),
    max_leaves=8,
)


@given(TREES)
def test_flat_text_adds_nothing_but_marks_and_loses_nothing_but_spaces(tree):
    element = etree.fromstring(f"<t>{tree}</t>")
    plain = "".join("".join(element.itertext()).split())
    flat = "".join(flat_text(element).split())
    assert flat == plain or re.sub(r"[\^_]", "", flat) == re.sub(r"[\^_]", "", plain)
    assert flat.count("^") - plain.count("^") <= tree.count("<sup>")


@given(st.lists(st.tuples(st.sampled_from(["", "AIM", "结果", "UNLABELLED"]), st.just("") | LATIN), max_size=5))
def test_sections_point_at_their_own_text(parts):
    made = "".join(f'<AbstractText Label="{label}">{html.escape(text)}</AbstractText>' for label, text in parts)
    (document,) = read(written.article(abstract=made))
    labelled = [
        ((label,), " ".join(text.split())) for label, text in parts if label not in ("", "UNLABELLED") and text.split()
    ]
    if document.meta["has_abstract"]:
        assert [(s.path, document.text[s.start : s.end]) for s in document.sections] == labelled


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("The sample was stable.", "en"),
        ("观察 mRNA 和 DNA methylation 的表达", "zh"),
        ("β-catenin and γ-rays", "en"),
        ("サンプルは安定でした", None),
        ("Образец был стабилен", None),
        ("12 %", None),
    ],
)
def test_language_is_that_of_the_text(text, lang):
    assert language_of(text) == lang


def test_a_record_in_neither_language_is_refused_by_field():
    with pytest.raises(InputError, match=r"'AbstractText'.*neither English nor Chinese"):
        read(written.article(abstract="Образец был стабилен."))


def test_of_several_versions_of_a_record_the_last_is_kept():
    first, second = written.plain(7), written.plain(7).replace('Version="1"', 'Version="2"').replace("stable", "new")
    for order in ((first, second), (second, first)):
        (document,) = read(*order)
        assert "new" in document.text


def test_a_dtd_never_seen_changes_nothing():
    assert read(written.FULL, doctype=written.NEW_DOCTYPE) == read(written.FULL)


def test_an_entity_that_only_the_dtd_knows_is_read_by_its_html_name():
    (document,) = read(
        written.article(abstract="TNF-&alpha;&beta; <i>rose</i>&nbsp;to &mu;."), doctype=written.NEW_DOCTYPE
    )
    assert document.text == "TNF-αβ rose to μ."


@pytest.fixture
def listener():
    """A server that counts who comes for a DTD or an entity."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    server.server_close()


def test_nothing_is_fetched_for_a_doctype(listener):
    url, seen = listener
    assert read(written.FULL, doctype=f'<!DOCTYPE PubmedArticleSet SYSTEM "{url}/new.dtd">')
    assert seen == []


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "entities",
    ['<!ENTITY x SYSTEM "URL/x">', '<!ENTITY x SYSTEM "file:///etc/passwd">', f'<!ENTITY l0 "lol">{LAUGHS}'
     '<!ENTITY x "&l9;">', '<!ENTITY % y SYSTEM "URL/y"> %y; <!ENTITY x "z">'],
    ids=["network", "file", "laughs", "parameter"],
)  # fmt: skip
def test_an_answer_with_entities_of_its_own_is_refused_and_nothing_is_loaded(entities, listener):
    url, seen = listener
    doctype = f"<!DOCTYPE PubmedArticleSet [{entities.replace('URL', url)}]>"
    with pytest.raises(InputError):
        read(written.article(abstract="See &x; here."), doctype=doctype)
    assert seen == []


@pytest.mark.parametrize("data", [b"", b"<PubmedArticleSet><PubmedArticle>", b"not xml", b"\xff\xfe\x00"])
def test_what_is_no_whole_xml_is_refused(data):
    with pytest.raises(InputError):
        parse_xml(data)


def test_an_answer_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("clinforge.data.sources.pubmed_xml.MAX_BYTES", 100)
    with pytest.raises(InputError, match="more than 100 bytes"):
        parse_xml(written.answer(written.FULL))


@pytest.mark.parametrize("pmid", ["", "../../x", "12a", "１２"])
def test_a_record_without_a_proper_number_is_left_out(pmid):
    assert read(written.plain(1).replace(">1<", f">{pmid}<"), written.plain(2))[0].source_id == "2"


def test_a_second_parser_reads_the_same():
    from Bio import Entrez

    records = [written.FULL, written.NO_ABSTRACT, written.RETRACTED, written.CHINESE, written.plain(8)]
    theirs = Entrez.read(io.BytesIO(written.answer(*records)))["PubmedArticle"]
    for document, other in zip(read(*records), theirs, strict=True):
        citation = other["MedlineCitation"]
        article = citation["Article"]
        assert document.source_id == str(citation["PMID"])
        assert without_tags(article["ArticleTitle"]) == document.title.replace("^", "")
        abstract = article.get("Abstract") or (citation["OtherAbstract"] or [{}])[0]
        for text in abstract.get("AbstractText", []):
            label = text.attributes.get("Label")
            assert (f"{label}: " if label else "") + without_tags(text) in document.text
        assert document.meta["languages"] == list(article["Language"])
        assert document.meta["publication_types"] == [str(kind) for kind in article.get("PublicationTypeList", [])]
        assert [
            (heading["name"], heading["major"], [(q["name"], q["major"]) for q in heading["qualifiers"]])
            for heading in document.meta["mesh"]
        ] == [
            (str(heading["DescriptorName"]), is_major(heading["DescriptorName"]),
             [(str(q), is_major(q)) for q in heading["QualifierName"]])
            for heading in citation.get("MeshHeadingList", [])
        ]  # fmt: skip
        dois = [str(place) for place in article["ELocationID"] if place.attributes["ValidYN"] == "Y"]
        assert document.meta["doi"] == (dois or [""])[0]
        revised = citation["DateRevised"]
        assert document.version == f"{revised['Year']}-{revised['Month']}-{revised['Day']}"


def without_tags(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"</?[a-z]+>", "", text)).split())


def is_major(term) -> bool:
    return term.attributes["MajorTopicYN"] == "Y"
