import gzip
import subprocess
import sys
import tracemalloc
from datetime import date, datetime

import openpyxl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clinforge.config import parse, to_yaml
from clinforge.data.sources import hashed_id
from clinforge.data.sources.dates import iso_date
from clinforge.data.sources.table_guess import Columns, guess_columns
from clinforge.data.sources.table_rows import MAX_FIELD, Layout
from clinforge.data.sources.tables import Table
from clinforge.errors import ConfigError, InputError, MissingError, UserError

HEADER = "患者ID,就诊号,就诊日期,科室,病历内容\n"
GOOD = (
    '700123,V1,2020-01-31,呼吸内科,"主诉：发热3天。\n现病史：受凉后咳嗽。"\n'
    "700124,V2,2020年2月1日,心内科,胸闷1周，无胸痛。\n"
)
SECRETS = ("700123", "700124", "V1", "V2")


def test_the_settings_of_records_start_without_what_reads_them():
    heavy = ("openpyxl", "fhir", "cryptography", "lxml", "numpy")
    code = (
        "import sys; import clinforge.data.sources.fhir, clinforge.data.sources.clinical_notes; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def write(folder, content, encoding="utf-8", name="notes.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(path, **given):
    faults = []
    table = Table.model_validate({"path": path, "source": "ward", **given})
    return list(table.documents(faults)), faults


def texts(path, **given):
    return [document.text for document in read(path, **given)[0]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_reads_without_being_told_its_encoding(tmp_path, key, encoding):
    found, faults = read(write(tmp_path, HEADER + GOOD, encoding))
    assert faults == []
    assert [(one.text, one.lang, one.date, one.meta) for one in found] == [
        ("主诉：发热3天。\n现病史：受凉后咳嗽。", "zh", "2020-01-31", {"department": "呼吸内科"}),
        ("胸闷1周，无胸痛。", "zh", "2020-02-01", {"department": "心内科"}),
    ]
    assert [one.source_id for one in found] == ["notes.csv:2", "notes.csv:4"]


@pytest.mark.parametrize(
    ("row", "place", "reason"),
    [
        ("1,V,2020-01-31,内科", ":4 field 5", "missing"),
        ("1,V,2020-01-31,内科,咳嗽,多余", ":4 field 6", "one more"),
        ("1,V,2020-01-31,内科,  ", ":4 field '病历内容'", "empty"),
        (",V,2020-01-31,内科,咳嗽", ":4 field '患者ID'", "empty"),
        ("1,V,2020-02-30,内科,咳嗽", ":4 field '就诊日期'", "not a day"),
        ("1,V,31.01.2020,内科,咳嗽", ":4 field '就诊日期'", "date_format"),
        ('1,V,2020-01-31,内科,"咳嗽', ":4 field 5", "quote"),
        ('1,V,2020-01-31,内科,"咳"嗽', ":4", "quote"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_bad_row_names_file_line_and_field_and_the_rest_goes_on(tmp_path, key, encoding, row, place, reason):
    first, second = GOOD.splitlines(keepends=True)[:2], GOOD.splitlines(keepends=True)[2]
    path = write(tmp_path, HEADER + "".join(first) + row + "\n" + second, encoding)
    found, faults = read(path)
    assert [one.source_id for one in found] == ["notes.csv:2", "notes.csv:5"]
    assert len(faults) == 1
    assert f"{path}{place}" in faults[0]
    assert reason in faults[0]
    assert not any(word in faults[0] for word in ("咳", "2020-02-30", "31.01.2020"))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_broken_bytes_are_named_where_they_are_read_and_only_there(tmp_path, key, encoding):
    rows = "".join(f"{n},V,2020-01-31,内科,咳嗽{n}天，无发热。\n" for n in range(20)).encode(encoding)
    broken = b"21,V,2020-01-31,\xff,ok\n22,V,2020-01-31,x,\xff\xff\n"
    path = write(tmp_path, HEADER.encode(encoding) + rows + broken)
    found, faults = read(path)
    assert len(found) == 20
    assert [fault.split(": ")[0] for fault in faults] == [f"{path}:22 field '科室'", f"{path}:23 field '病历内容'"]
    found, faults = read(path, columns={"text": "病历内容"})
    assert len(found) == 21
    assert len(faults) == 1


def test_numbers_of_patients_and_visits_leave_only_as_keyed_hashes(tmp_path, key):
    content = (
        "patient_id,visit_id,note_id,text\n700123.0,V1,700123-DS-1,cough\n 700123 ,V2,700124-DS-1,fever\n,V1,9,x\n"
    )
    found, faults = read(write(tmp_path, content))
    assert [one.patient_id for one in found] == [hashed_id("patient", "700123", key)] * 2
    assert [one.visit_id for one in found] == [hashed_id("visit", number, key) for number in ("V1", "V2")]
    assert found[0].source_id == hashed_id("note", "700123-DS-1", key)
    told = "".join(one.model_dump_json() for one in found) + "".join(faults)
    assert not any(secret in told for secret in SECRETS)


def test_without_a_key_ids_are_refused_and_tables_without_ids_are_read(tmp_path, no_key):
    path = write(tmp_path, HEADER + GOOD)
    with pytest.raises(MissingError, match="keyed hashes") as caught:
        read(path)
    assert "token_hex" in caught.value.hint
    assert len(texts(path, columns={"text": "病历内容"})) == 2


def test_a_recipe_cannot_keep_a_patients_number_in_clear(tmp_path):
    with pytest.raises(ConfigError, match="in clear"):
        parse(Columns, {"text": "text", "patient": "Patient ID", "meta": {"who": "patient_id"}}, origin="recipe")


CELL = st.text(st.sampled_from("ab c肺炎，.\n"), min_size=1, max_size=12).filter(
    lambda text: text[0] != "\n" and text.strip()
)


@settings(deadline=None, max_examples=60)
@given(st.lists(CELL, min_size=1, max_size=8), st.data())
def test_a_lost_quote_costs_its_own_row_only(tmp_path_factory, cells, data):
    lost = data.draw(st.integers(0, len(cells)))
    lines, expected, number = ["id,text\n"], [], 2
    for position, cell in enumerate([*cells[:lost], None, *cells[lost:]]):
        line = '7,"lost\n' if cell is None else f'{position},"{cell}"\n'
        lines.append(line)
        expected += [] if cell is None else [(f"q.csv:{number}", cell)]
        number += line.count("\n")
    path = write(tmp_path_factory.mktemp("quotes"), "".join(lines), name="q.csv")
    found, faults = read(path, columns={"text": "text"})
    assert [(one.source_id, one.text) for one in found] == expected
    assert len(faults) == 1


def test_a_quote_that_is_never_closed_does_not_take_in_the_file(tmp_path):
    rows = "1,a cough that goes on\n" * (MAX_FIELD // 20)
    found, faults = read(write(tmp_path, f'id,text\n0,"lost\n{rows}'), columns={"text": "text"})
    assert len(found) == MAX_FIELD // 20
    assert len(faults) == 1
    assert ":2 field 2: a quote" in faults[0]


def test_long_notes_are_read(tmp_path):
    note = "word " * 100_000
    assert texts(write(tmp_path, f'nr,text\n1,"{note}"\n')) == [note]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    rows = [("nr", "text"), ("1", '"cough, fever; no | pain"'), ("2", "fine")]
    path = write(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows))
    assert texts(path) == ["cough, fever; no | pain", "fine"]


def test_rows_before_the_header_can_be_skipped(tmp_path):
    path = write(tmp_path, "某医院病历导出\n\n文书标题,病历内容\n出院记录,好转出院。\n")
    found, _ = read(path, skip_rows=1)
    assert [(one.source_id, one.title, one.text) for one in found] == [("notes.csv:4", "出院记录", "好转出院。")]
    assert guess_columns(path, Layout(skip_rows=1)).columns.text == ("病历内容",)


def test_quotes_can_be_plain_characters(tmp_path):
    path = write(tmp_path, 'nr\ttext\n1\t"fine" he said\n', name="notes.tsv")
    assert texts(path, quote="") == ['"fine" he said']


def test_several_columns_become_sections_of_one_text(tmp_path):
    path = write(tmp_path, "主诉,现病史,诊断\n发热, 受凉后咳嗽 ,肺炎\n头痛,,偏头痛\n")
    found, _ = read(path)
    assert found[0].text == "主诉\n发热\n\n现病史\n受凉后咳嗽\n\n诊断\n肺炎"
    for one in found:
        assert [one.text[part.start : part.end] for part in one.sections] == {
            "notes.csv:2": ["发热", "受凉后咳嗽", "肺炎"],
            "notes.csv:3": ["头痛", "偏头痛"],
        }[one.source_id]
    assert [part.path for part in found[1].sections] == [("主诉",), ("诊断",)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("SUBJECT_ID,HADM_ID,CHARTDATE,TEXT,CGID", ("TEXT", "SUBJECT_ID", "HADM_ID", "CHARTDATE", ("CGID",))),
        (
            "患者编号,就诊流水号,入院日期,病程记录,联系电话",
            ("病程记录", "患者编号", "就诊流水号", "入院日期", ("联系电话",)),
        ),
        ("病案号,住院号,病历文本（全文）,日期", ("病历文本（全文）", "病案号", "", "日期", ("住院号",))),
    ],
)
def test_columns_are_guessed_from_english_and_chinese_headers(tmp_path, header, expected):
    guess = guess_columns(write(tmp_path, header + "\n", "gb18030"))
    columns = guess.columns
    found = (*columns.text, columns.patient, columns.visit, *columns.date, guess.left_out)
    assert found == expected


def test_a_guess_written_into_a_recipe_reads_the_same_documents(tmp_path, key):
    path = write(tmp_path, HEADER + GOOD, "gb18030")
    guess = guess_columns(path)
    confirmed = yaml.safe_load(to_yaml(guess.columns))
    assert read(path, columns=confirmed, encoding=guess.encoding, delimiter=guess.delimiter) == read(path)


def test_without_a_known_header_the_columns_must_be_named_and_no_cell_is_shown(tmp_path, key):
    path = write(tmp_path, "张三,反复咳嗽伴发热\n李四,胸痛\n")
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert "columns.text" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("张三", "咳嗽"))
    assert texts(path, header=False, columns={"text": "2", "patient": "1"}) == ["反复咳嗽伴发热", "胸痛"]


def test_a_column_that_is_not_there_is_named_with_what_is(tmp_path):
    with pytest.raises(ConfigError, match=r"columns.date.0\)\.\nDid you mean '就诊日期'"):
        read(write(tmp_path, HEADER + GOOD), columns={"text": "病历内容", "date": "就诊的日期"})
    with pytest.raises(ConfigError, match="2 columns named 'TEXT'"):
        read(write(tmp_path, "text,Text\na,b\n"), columns={"text": "TEXT"})


def test_marked_rows_and_languages_are_told_apart(tmp_path):
    path = write(tmp_path, "text,lang,void\na,zh-CN,\nb,English,1\nc,EN,\nd,fr,\n")
    found, faults = read(path, leave_out={"void": ["1"]})
    assert [(one.text, one.lang) for one in found] == [("a", "zh"), ("c", "en")]
    assert [fault.split(": ")[0] for fault in faults] == [f"{path}:3 field 'void'", f"{path}:5 field 'lang'"]


@pytest.mark.parametrize("content", ["", "text\n", "text\n \n", "\n\n"])
def test_no_document_is_an_error(tmp_path, content):
    with pytest.raises(InputError, match=r"notes\.csv"):
        read(write(tmp_path, content))


def test_a_missing_or_unreadable_file_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="not a file"):
        read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="password"):
        read(write(tmp_path, b"\xd0\xcf\x11\xe0", name="old.xlsx"))
    with pytest.raises(InputError, match="not a whole"):
        read(write(tmp_path, b"PK\x03\x04", name="cut.xlsx"))
    with pytest.raises(ConfigError, match="encoding"):
        parse(Table, {"path": "x.csv", "source": "ward", "encoding": "gb1830"}, origin="recipe")


def test_rows_before_the_break_of_a_compressed_file_are_kept(tmp_path):
    lines = "text\n" + "".join(f"cough {number} {number * 7919 % 10007}\n" for number in range(20_000))
    path = write(tmp_path, gzip.compress(lines.encode())[:-2000], name="notes.csv.gz")
    found, faults = read(path)
    assert 100 < len(found) < 20_000
    assert "breaks off" in faults[-1]


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200) | st.text('text,id"\n;咳嗽\t', max_size=60).map(str.encode))
def test_whatever_a_file_holds_is_a_document_or_is_named(tmp_path_factory, content):
    path = write(tmp_path_factory.mktemp("any"), content)
    try:
        found, faults = read(path, header=False, columns={"text": "1"})
    except UserError as error:
        assert str(path) in str(error)  # noqa: PT017 -- either way is right
    else:
        assert found
        assert all(one.text.strip() for one in found)
        assert all(fault.startswith(str(path)) for fault in faults)


LONG = "a cough " * 40


def test_memory_does_not_grow_with_the_file(tmp_path):
    def peak(num_rows):
        path = write(tmp_path, "nr,text\n" + f'1,"{LONG}\nfor three days"\n' * num_rows)
        tracemalloc.start()
        count = sum(1 for _ in Table(path=path, source="ward", columns=Columns(text=("text",))).documents([]))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == num_rows
        return size

    small = peak(1000)
    assert peak(6000) < 1.5 * small + 2 * (1 << 20)  # a block of the file is read at a time


def workbook(folder, rows, sheets=("Sheet1",)):
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for row in rows:
        book.active.append(row)
    for name in sheets[1:]:
        book.create_sheet(name).append(["text"])
    path = folder / "notes.xlsx"
    book.save(path)
    return path


def test_a_workbook_reads_like_the_same_table_as_csv(tmp_path, key):
    rows = [
        ["患者ID", "就诊号", "就诊日期", "科室", "病历内容"],
        [700123, "V1", date(2020, 1, 31), "呼吸内科", "主诉：发热3天。\n现病史：受凉后咳嗽。"],
        [],
        [700124.0, "V2", datetime.fromisoformat("2020-02-01T08:30"), None, "胸闷1周，无胸痛。"],
    ]
    found, faults = read(workbook(tmp_path, rows))
    assert faults == []
    assert [one.source_id for one in found] == ["notes.xlsx:2", "notes.xlsx:4"]
    assert [one.date for one in found] == ["2020-01-31", "2020-02-01T08:30:00"]
    same, _ = read(write(tmp_path, HEADER + GOOD))
    assert [(one.text, one.patient_id) for one in found] == [(one.text, one.patient_id) for one in same]


def test_bad_cells_of_a_workbook_are_named_by_row_and_field(tmp_path, key):
    rows = [["患者ID", "病历内容"], [110101199001011234, "咳嗽"], ["1", "#N/A"], ["2", "发热", "多"], ["3", "好转"]]
    path = workbook(tmp_path, rows)
    found, faults = read(path)
    assert [one.text for one in found] == ["好转"]
    assert [fault.split(": ")[0] for fault in faults] == [
        f"{path}:2 field '患者ID'",
        f"{path}:3 field '病历内容'",
        f"{path}:4 field 3",
    ]
    assert "15 digits" in faults[0]


def test_a_workbook_with_several_sheets_says_what_is_not_read(tmp_path):
    path = workbook(tmp_path, [["text"], ["cough"]], ("a", "b"))
    found, faults = read(path)
    assert len(found) == 1
    assert any("'b'" in fault and "sheet" in fault for fault in faults)
    with pytest.raises(InputError, match="has no sheet 'c'"):
        read(path, sheet="c")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2020-01-31", "2020-01-31"),
        ("2020/1/3", "2020-01-03"),
        ("2020.1.3", "2020-01-03"),
        ("20200131", "2020-01-31"),
        ("20200131083000", "2020-01-31T08:30:00"),
        ("2020年1月3日", "2020-01-03"),
        ("2020年1月3日 8时05分", "2020-01-03T08:05"),
        ("2020年1月", "2020-01"),
        ("2020", "2020"),
        ("2101-10-20 19:12:00", "2101-10-20T19:12:00"),
        ("2020-01-31T08:30:00.123+08:00", "2020-01-31T08:30:00+08:00"),
        (" 2020-01-31 0:5 ", None),
        ("2020-13-01", None),
        ("2020-01-31 25:00", None),
        ("01/02/2020", None),
        ("yesterday", None),
        ("202001", None),
    ],
)
def test_dates_become_iso_8601_as_precise_as_they_are(written, expected):
    if expected:
        assert iso_date(written) == expected
    else:
        with pytest.raises(ValueError, match="not a d") as caught:
            iso_date(written)
        assert written not in str(caught.value)


@given(st.datetimes(min_value=datetime.fromisoformat("1000-01-01")))
def test_every_moment_survives_as_iso_8601(moment):
    moment = moment.replace(microsecond=0)
    assert datetime.fromisoformat(iso_date(str(moment))) == moment
    assert iso_date(moment.strftime("%d/%m/") + f"{moment.year}", "%d/%m/%Y") == moment.date().isoformat()
