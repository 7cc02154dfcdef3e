"""PubMed records written by us for tests: synthetic, in NLM's element names; no real article is copied."""

from html import escape

DOCTYPE = (
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">'
)
NEW_DOCTYPE = DOCTYPE.replace("2025", "2031").replace("250101", "310101")


def answer(*records: str, doctype: str = DOCTYPE) -> bytes:
    body = "".join(records)
    return f'<?xml version="1.0" ?>\n{doctype}\n<PubmedArticleSet>{body}</PubmedArticleSet>'.encode()


def plain(pmid: int, revised: str = "2024-05-06") -> str:
    """A whole record in few bytes."""
    return article(str(pmid), f"Synthetic record {pmid}.", f"The sample of record {pmid} was stable.", revised=revised)


def article(
    pmid: str = "1",
    title: str = "A synthetic title.",
    abstract: str = "A synthetic abstract.",
    *,
    revised: str = "2024-05-06",
    inside: str = "",
    after: str = "",
    article_ids: str = "",
) -> str:
    """`title`, `abstract` (an AbstractText's content, or whole elements) and the rest are XML."""
    year, month, day = revised.split("-")
    if abstract and not abstract.startswith("<AbstractText"):
        abstract = f"<AbstractText>{abstract}</AbstractText>"
    abstract = f"<Abstract>{abstract}</Abstract>" if abstract else ""
    inside = inside or "<Language>eng</Language>"
    return f"""<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{pmid}</PMID>
<DateRevised><Year>{year}</Year><Month>{month}</Month><Day>{day}</Day></DateRevised>
<Article PubModel="Print"><Journal><JournalIssue CitedMedium="Internet"><PubDate><Year>2021</Year><Month>Mar</Month>
<Day>4</Day></PubDate></JournalIssue><Title>Journal of Synthetic Records</Title></Journal>
<ArticleTitle>{title}</ArticleTitle>{abstract}{inside}</Article>
<MedlineJournalInfo><MedlineTA>J Synth Rec</MedlineTA></MedlineJournalInfo>{after}</MedlineCitation>
<PubmedData><PublicationStatus>ppublish</PublicationStatus><ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId>
{article_ids}</ArticleIdList></PubmedData></PubmedArticle>"""


# ruff: noqa: E501 -- XML as it is written
FULL = article(
    "101",
    "Effect of <i>synthetic</i> CO<sub>2</sub> on 10<sup>5</sup> cells.",
    '<AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">Doses of 5 &#181;g &lt; 7 mg/m<sup>2</sup>.'
    "</AbstractText>"
    '<AbstractText Label="WHAT WE DID" NlmCategory="METHODS">We counted <b>CD4<sup>+</sup></b> cells.</AbstractText>'
    "<CopyrightInformation>Copyright 2021 Nobody.</CopyrightInformation>",
    inside="""<ELocationID EIdType="doi" ValidYN="N">10.0000/wrong</ELocationID>
<ELocationID EIdType="doi" ValidYN="Y">10.0000/synthetic.101</ELocationID>
<AuthorList CompleteYN="Y"><Author ValidYN="Y"><LastName>Muster</LastName><ForeName>Erika</ForeName>
<Initials>E</Initials></Author><Author ValidYN="Y"><CollectiveName>Synthetic Study Group</CollectiveName></Author>
</AuthorList><Language>eng</Language><PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType>
<PublicationType UI="D016449">Randomized Controlled Trial</PublicationType></PublicationTypeList>""",
    after="""<MeshHeadingList><MeshHeading><DescriptorName UI="D000001" MajorTopicYN="N">Cells, Synthetic</DescriptorName>
<QualifierName UI="Q000001" MajorTopicYN="Y">drug effects</QualifierName></MeshHeading>
<MeshHeading><DescriptorName UI="D000002" MajorTopicYN="Y">Carbon Dioxide</DescriptorName></MeshHeading></MeshHeadingList>
<OtherAbstract Type="Publisher" Language="chi"><AbstractText>合成的摘要。</AbstractText></OtherAbstract>
<KeywordList Owner="NOTNLM"><Keyword MajorTopicYN="N">synthesis</Keyword></KeywordList>""",
    article_ids="""<ArticleId IdType="pmc">PMC0000101</ArticleId></ArticleIdList><ReferenceList><Reference>
<ArticleIdList><ArticleId IdType="doi">10.0000/of.a.reference</ArticleId></ArticleIdList></Reference></ReferenceList>
<ArticleIdList>""",
)
NO_ABSTRACT = article("102", "A letter without an abstract.", "")
RETRACTED = article(
    "103",
    inside="""<Language>eng</Language><PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType>
<PublicationType UI="D016441">Retracted Publication</PublicationType></PublicationTypeList>""",
    after="""<CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"><RefSource>J Synth Rec. 2022;1:1
</RefSource><PMID Version="1">999</PMID></CommentsCorrections><CommentsCorrections RefType="ErratumIn">
<RefSource>J Synth Rec. 2021;9:9</RefSource></CommentsCorrections></CommentsCorrectionsList>""",
)
CHINESE = article(
    "104",
    "[A synthetic title in Chinese].",
    "",
    inside="<Language>chi</Language><VernacularTitle>一个合成的中文标题。</VernacularTitle>",
    after="""<OtherAbstract Type="Publisher" Language="chi"><AbstractText>目的：观察合成记录的 mRNA 表达。</AbstractText>
</OtherAbstract>""",
)
BOOK = """<PubmedBookArticle><BookDocument><PMID Version="1">105</PMID><ArticleIdList>
<ArticleId IdType="bookaccession">NBK000105</ArticleId></ArticleIdList><Book><Publisher><PublisherName>Synthetic Press
</PublisherName></Publisher><BookTitle book="synth">A Synthetic Handbook</BookTitle><PubDate><Year>2019</Year></PubDate>
<Medium>Internet</Medium></Book><ArticleTitle book="synth" part="one">A synthetic chapter</ArticleTitle>
<Language>eng</Language><AuthorList Type="authors"><Author><LastName>Muster</LastName><Initials>M</Initials></Author>
</AuthorList><PublicationType UI="D016454">Review</PublicationType><Abstract><AbstractText Label="SUMMARY">Chapters are
short.</AbstractText></Abstract><ContributionDate><Year>2019</Year><Month>2</Month><Day>3</Day></ContributionDate>
<DateRevised><Year>2023</Year><Month>11</Month><Day>9</Day></DateRevised></BookDocument><PubmedBookData><ArticleIdList>
<ArticleId IdType="doi">10.0000/chapter.105</ArticleId></ArticleIdList></PubmedBookData></PubmedBookArticle>"""


def search_answer(count: int, ids: list[str], web_env: str, told: str = "") -> bytes:
    listed = "".join(f"<Id>{pmid}</Id>" for pmid in ids)
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE eSearchResult PUBLIC "-//NLM//DTD esearch 20310606//EN"
 "https://eutils.ncbi.nlm.nih.gov/eutils/dtd/20310606/esearch.dtd">
<eSearchResult><Count>{count}</Count><RetMax>{len(ids)}</RetMax><RetStart>0</RetStart><QueryKey>1</QueryKey>
<WebEnv>{escape(web_env)}</WebEnv><IdList>{listed}</IdList>{told}</eSearchResult>""".encode()


def fetch_error(text: str) -> bytes:
    return f'<?xml version="1.0" ?>\n<eFetchResult>\n\t<ERROR>{escape(text)}</ERROR>\n</eFetchResult>'.encode()
