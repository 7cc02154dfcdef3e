"""PubMed's XML: answers checked and cut into records, records made into documents.

Covers: answers of up to `MAX_BYTES`; no DTD is read, no entity is resolved and nothing is loaded from disk or network,
so a DTD never seen before changes nothing, and an answer that declares entities of its own is refused.
Does not cover: telling English from other languages in Latin letters: such an abstract comes out as `en`, and what
MEDLINE says of the article's language stands in `meta["languages"]`.

Elements are those of NLM's DTD (https://www.nlm.nih.gov/bsd/licensee/elements_descriptions.html).
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, cast

from lxml import etree

from clinforge.data.sources import document_id
from clinforge.errors import InputError
from clinforge.knowledge.licences import licence_of
from clinforge.records import Document, Lang, Section

Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage] -- lxml has no public name for it

SOURCE = "pubmed"
MAX_BYTES = 64 * 2**20
UNDATED = "0000-00-00"
"""Revision of a record that bears no date of revision."""

_RECORDS = ("PubmedArticle", "PubmedBookArticle")
_RETRACTING = ("RetractionIn", "RetractedandRepublishedIn")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_RAISED = {"sup": "^", "sub": "_"}
_MATHML = "http://www.w3.org/1998/Math/MathML"
_MARKS = {"msup": "^", "msub": "_", "mfrac": "/", "msubsup": "_^"}
"""What stands before the second and third child of MathML elements whose children would run together."""
_NUMBER = re.compile(r"\s*[+\-−–]?\s*\d")
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


@dataclass(frozen=True)
class RawRecord:
    """One record as PubMed gave it."""

    pmid: str
    revised: str
    """Date of its last revision, or `UNDATED`."""
    xml: bytes


class _Part(NamedTuple):
    """A part of an abstract."""

    label: str
    category: str
    """NLM's own word for the kind of part, e.g. RESULTS, whatever the label."""
    text: str


def parse_xml(data: bytes) -> Element:
    """The root of an answer; InputError for one that is broken off, no XML, too large, or declares entities."""
    if len(data) > MAX_BYTES:
        raise InputError(f"an answer of more than {MAX_BYTES} bytes")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise InputError(f"not whole XML at line {error.lineno}") from None
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and cast("Any", declared).entities():
        raise InputError("it declares entities of its own")
    for entity in list(root.iter(etree.Entity)):
        _replace_by_text(entity)
    return root


def records_of(root: Element) -> Iterator[RawRecord]:
    """The records of a PubmedArticleSet; of several versions of one record, the last. What has no PMID is left out."""
    newest: dict[str, tuple[int, RawRecord]] = {}
    for element in root.iterchildren(*_RECORDS):
        citation = _citation(element)
        number = citation.find("PMID") if citation is not None else None
        if citation is None or number is None or not is_pmid(number.text):
            continue
        pmid, version = _text(number), _version(number)
        if pmid in newest and newest[pmid][0] > version:
            continue
        revised = _date(citation.find("DateRevised")) or _date(citation.find("ContributionDate"))
        xml = etree.tostring(element, encoding="utf-8", with_tail=False)
        newest[pmid] = version, RawRecord(pmid, revised if len(revised) == len(UNDATED) else UNDATED, xml)
    for _, record in newest.values():
        yield record


def document_of(xml: bytes, retrieved_at: str) -> Document:
    """The document of one record. Raises InputError, naming the field, for a record that gives no document.

    Its text is the abstract, with a line "LABEL: ..." for each labelled part, or the title where there is no abstract
    (`meta["has_abstract"]` is false). A raised or lowered number after a digit keeps a mark (10^5), so that it cannot
    be read as part of it.
    """
    root = parse_xml(xml)
    citation = _citation(root)
    article = citation if root.tag == "PubmedBookArticle" or citation is None else citation.find("Article")
    if citation is None or article is None:
        raise InputError("field 'Article': missing")
    titles = (article.find("ArticleTitle"), citation.find("Book/BookTitle"), article.find("VernacularTitle"))
    title = next((text for text in map(flat_text, titles) if text), "")
    abstract = _abstract(article, citation)
    parts = _parts(abstract)
    text, sections = _compose(parts)
    lang = language_of(text or title)
    if lang is None:
        field = "AbstractText" if text else "ArticleTitle"
        raise InputError(f"field '{field}': empty, or neither English nor Chinese")
    pmid, licence = _text(citation.find("PMID")), licence_of(SOURCE)
    return Document(
        id=document_id(SOURCE, pmid, text or title),
        text=text or title,
        lang=lang,
        source=SOURCE,
        source_id=pmid,
        title=title,
        sections=sections,
        date=_published(article),
        licence=licence.licence if licence else "unknown",
        version=_date(citation.find("DateRevised")) or _date(citation.find("ContributionDate")),
        retrieved_at=retrieved_at,
        meta=_meta(root, citation, article, abstract),
    )


def flat_text(element: Element | None) -> str:
    """An element's text without its markup, on one line."""
    return "" if element is None else " ".join(_flatten(element).split())


def language_of(text: str) -> Lang | None:
    """Chinese if a fifth of the letters are, English if most are Latin; None for other scripts and for no letters."""
    letters = sum(character.isalpha() for character in text)
    han, latin = len(_HAN.findall(text)), len(_LATIN.findall(text))
    if not letters or 2 * (han + latin) < letters or 10 * len(_KANA_OR_HANGUL.findall(text)) > letters:
        return None
    return "zh" if 5 * han >= letters else "en"


def is_retracted(document: Document) -> bool:
    """Whether PubMed says that the article was retracted."""
    return bool(document.meta.get("retracted"))


def _citation(record: Element) -> Element | None:
    return record.find("BookDocument" if record.tag == "PubmedBookArticle" else "MedlineCitation")


def is_pmid(text: str | None) -> bool:
    """Whether a text is a PMID: digits, and so safe in a file's name."""
    return re.fullmatch(r"\s*[0-9]{1,12}\s*", text or "") is not None


def _version(number: Element) -> int:
    text = number.get("Version", "1")
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 1


def _replace_by_text(entity: Element) -> None:
    """Put the character of HTML's name for it where an entity stands that only the DTD could resolve."""
    text = html.unescape(entity.text or "") + (entity.tail or "")
    before, parent = entity.getprevious(), entity.getparent()
    if before is not None:
        before.tail = (before.tail or "") + text
    elif parent is not None:
        parent.text = (parent.text or "") + text
    if parent is not None:
        parent.remove(entity)


def _text(element: Element | None) -> str:
    return " ".join((element.text or "").split()) if element is not None else ""


def _flatten(element: Element) -> str:
    if etree.QName(element).namespace == _MATHML:
        return _flat_math(element)
    text = element.text or ""
    for child in element:
        inner = _flatten(child)
        mark = _RAISED.get(etree.QName(child).localname)
        joins = mark and text.rstrip()[-1:].isdigit() and _NUMBER.match(inner)
        text += (mark if mark and joins else "") + inner + (child.tail or "")
    return text


def _flat_math(element: Element) -> str:
    """MathML on one line: 10^5, 1/2, 129Xe. Only innermost elements hold text; spaces between others mean nothing."""
    pieces = [_flat_math(child) for child in element]
    name = etree.QName(element).localname
    if not pieces:
        return element.text or ""
    if marks := _MARKS.get(name):
        simple = [piece if re.fullmatch(r"[\w.,]*", piece) else f"({piece})" for piece in pieces]
        return simple[0] + "".join(mark + piece for mark, piece in zip(marks, simple[1:], strict=False))
    if name == "mmultiscripts":  # what follows <mprescripts/> stands before the base
        names = [etree.QName(child).localname for child in element]
        cut = names.index("mprescripts") if "mprescripts" in names else len(names)
        pieces = pieces[cut:] + pieces[:cut]
    return ("√" if name == "msqrt" else "") + "".join(pieces)


def _abstract(article: Element, citation: Element) -> Element | None:
    """The abstract; failing that, another one in English or Chinese."""
    others = (citation.find(f"OtherAbstract[@Language='{code}']") for code in ("eng", "chi", "zho"))
    return next((found for found in (article.find("Abstract"), *others) if _parts(found)), None)


def _parts(abstract: Element | None) -> list[_Part]:
    if abstract is None:
        return []
    parts = (
        _Part(part.get("Label", "").strip(), part.get("NlmCategory", ""), flat_text(part))
        for part in abstract.iterfind("AbstractText")
    )
    return [part for part in parts if part.text]


def _compose(parts: Sequence[_Part]) -> tuple[str, tuple[Section, ...]]:
    text, sections = "", list[Section]()
    for part in parts:
        text += "\n" if text else ""
        if part.label and part.label != "UNLABELLED":
            text += f"{part.label}: "
            sections.append(Section(path=(part.label,), start=len(text), end=len(text) + len(part.text)))
        text += part.text
    return text, tuple(sections)


def _published(article: Element) -> str:
    """Date of the issue, of the book, or of the electronic article."""
    places = ("Journal/JournalIssue/PubDate", "ArticleDate", "Book/PubDate", "ContributionDate")
    return next((date for date in (_date(article.find(place)) for place in places) if date), "")


def _date(element: Element | None) -> str:
    """ISO 8601 as precise as the element is; of a span or season ("2001 Nov-Dec") the year."""
    if element is None:
        return ""
    year = _text(element.find("Year")) or _text(element.find("MedlineDate"))
    found = re.search(r"\b(1[0-9]{3}|2[0-9]{3})\b", year)
    month, day = _month(_text(element.find("Month"))), _text(element.find("Day"))
    if not found or not month:
        return found[0] if found else ""
    has_day = re.fullmatch("0?[1-9]|[12][0-9]|3[01]", day)
    return f"{found[0]}-{month:02}-{int(day):02}" if has_day else f"{found[0]}-{month:02}"


def _month(text: str) -> int:
    if re.fullmatch("[0-9]{1,2}", text):
        return int(text) if 1 <= int(text) <= len(_MONTHS) else 0
    return _MONTHS.index(text[:3].lower()) + 1 if text[:3].lower() in _MONTHS else 0


def _meta(root: Element, citation: Element, article: Element, abstract: Element | None) -> dict[str, Any]:
    types = [flat_text(kind) for kind in article.iterfind("PublicationTypeList/PublicationType")]
    types += [flat_text(kind) for kind in article.iterfind("PublicationType")]
    links, parts = _links(citation), _parts(abstract)
    return {
        "kind": "book" if root.tag == "PubmedBookArticle" else "article",
        "has_abstract": bool(parts),
        "doi": _doi(root, article),
        "pmc": _article_id(root, citation, "pmc"),
        "journal": flat_text(article.find("Journal/Title")),
        "book": flat_text(citation.find("Book/BookTitle")),
        "languages": [_text(language) for language in article.iterfind("Language")],
        "vernacular_title": flat_text(article.find("VernacularTitle")),
        "publication_types": types,
        "mesh": [_heading(heading) for heading in citation.iterfind("MeshHeadingList/MeshHeading")],
        "keywords": [flat_text(word) for word in citation.iterfind("KeywordList/Keyword")],
        "authors": [name for name in map(_author, article.iterfind("AuthorList/Author")) if name],
        "retracted": "Retracted Publication" in types or any(link["type"] in _RETRACTING for link in links),
        "retraction": [link for link in links if "Retract" in link["type"]],
        "corrections": [link for link in links if link["type"].startswith(("Erratum", "Corrected", "ExpressionOf"))],
        "section_categories": {part.label: part.category for part in parts if part.label and part.category},
        "copyright": flat_text(abstract.find("CopyrightInformation")) if abstract is not None else "",
        "other_abstracts": [
            {"language": other.get("Language", ""), "text": _compose(_parts(other))[0]}
            for other in citation.iterfind("OtherAbstract")
            if other is not abstract
        ],
    }


def _heading(heading: Element) -> dict[str, Any]:
    descriptor = heading.find("DescriptorName")
    return {
        **_term(descriptor),
        "qualifiers": [_term(qualifier) for qualifier in heading.iterfind("QualifierName")],
    }


def _term(element: Element | None) -> dict[str, Any]:
    if element is None:
        return {"name": "", "id": "", "major": False}
    return {"name": flat_text(element), "id": element.get("UI", ""), "major": element.get("MajorTopicYN") == "Y"}


def _links(citation: Element) -> list[dict[str, str]]:
    return [
        {
            "type": link.get("RefType", ""),
            "pmid": _text(link.find("PMID")),
            "source": flat_text(link.find("RefSource")),
        }
        for link in citation.iterfind("CommentsCorrectionsList/CommentsCorrections")
    ]


def _doi(root: Element, article: Element) -> str:
    for place in article.iterfind("ELocationID[@EIdType='doi']"):
        if place.get("ValidYN", "Y") == "Y":
            return _text(place)
    return _article_id(root, article, "doi")


def _article_id(root: Element, inner: Element, kind: str) -> str:
    """An id of the record itself: not of its references, nor of the book it is part of."""
    lists = ("PubmedData/ArticleIdList", "PubmedBookData/ArticleIdList")
    found = [root.find(f"{place}/ArticleId[@IdType='{kind}']") for place in lists]
    found.append(inner.find(f"ArticleIdList/ArticleId[@IdType='{kind}']"))
    return next((_text(element) for element in found if element is not None), "")


def _author(author: Element) -> str:
    collective = flat_text(author.find("CollectiveName"))
    given = flat_text(author.find("ForeName")) or flat_text(author.find("Initials"))
    return collective or " ".join(name for name in (flat_text(author.find("LastName")), given) if name)
