import csv
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.errors import InputError
from clinforge.rows import ROW_KEY, RowFile

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\ufffd\x85\u2028\u2029"))


def read(path, **settings):
    faults: list[str] = []
    return list(RowFile(path, **settings).read(faults)), faults


def write(folder, name, content, encoding="utf-8"):
    path = folder / name
    data = content if isinstance(content, bytes) else content.encode(encoding)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


ROWS = [{"q": "头痛，怎么办？", "a": 'rest, "water"\nand sleep'}, {"q": "2", "a": "x"}]


def as_csv(rows, delimiter=","):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


FORMS = {
    "a.json": json.dumps(ROWS),
    "pretty.json": json.dumps(ROWS, indent=4, ensure_ascii=False),
    "a.jsonl": "\n".join(map(json.dumps, ROWS)) + "\n\n",
    "lines.json": "\n".join(map(json.dumps, ROWS)),
    "a.ndjson.gz": "\n".join(map(json.dumps, ROWS)),
    "wrapped.json": json.dumps({"version": 1, "data": ROWS}),
    "a.csv": as_csv(ROWS),
    "a.csv.gz": as_csv(ROWS),
    "semicolon.csv": as_csv(ROWS, ";"),
    "a.tsv": as_csv(ROWS, "\t"),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_rows_are_the_same_from_every_form_and_encoding(tmp_path, name, encoding):
    rows, faults = read(write(tmp_path, name, FORMS[name], encoding))
    assert [row for _, row in rows] == ROWS
    assert faults == []


@given(st.lists(st.fixed_dictionaries({"one": TEXT, "two": TEXT}), min_size=1))
def test_tables_give_back_what_was_written(tmp_path_factory, rows):
    path = write(tmp_path_factory.mktemp("rows"), "a.csv", as_csv(rows, ","))
    found, faults = read(path, encoding="utf-8")
    assert [row for _, row in found] == [row for row in rows if row["one"].strip() or row["two"].strip()]
    assert faults == []


def test_a_broken_line_is_named_and_the_rest_goes_on(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"a": 1}\nnonsense\n[1, 2]\n7\n{"a": 2}\n' + "[" * 100_000)
    rows, faults = read(path)
    assert rows == [(":1", {"a": 1}), (":3", {"0": 1, "1": 2}), (":5", {"a": 2})]
    assert [fault.split(":")[1].split()[0] for fault in faults] == ["2", "4", "6"]
    assert "nonsense" not in "".join(faults)


def test_a_broken_item_of_an_array_is_named_and_the_rest_goes_on(tmp_path):
    path = write(tmp_path, "a.json", '[{"a": 1},\n{"a": secret}, {"a": 3},\n{"a": 4')
    rows, faults = read(path)
    assert rows == [("[0]", {"a": 1}), ("[2]", {"a": 3})]
    assert "[1] line 2" in faults[0]
    assert "[3] line 3" in faults[1]
    assert "secret" not in "".join(faults)


def test_an_object_of_objects_keeps_its_keys(tmp_path):
    rows, _ = read(write(tmp_path, "a.json", '{"17": {"a": 1}, "18": {"a": 2}}'))
    assert rows == [("[0]", {ROW_KEY: "17", "a": 1}), ("[1]", {ROW_KEY: "18", "a": 2})]


def test_rows_of_a_table_are_numbered_by_the_line_on_which_they_begin(tmp_path):
    rows, faults = read(write(tmp_path, "a.csv", 'a,b\n"one\nand more",2\n\n3,4,5\n6,7,\n8\n'))
    assert [where for where, _ in rows] == [":2", ":6"]
    assert [fault.split("a.csv")[1].split(" ")[0] for fault in faults] == [":5:", ":7:"]


def test_a_missing_quote_is_a_fault_and_not_a_giant_cell(tmp_path):
    path = write(tmp_path, "a.csv", 'a,b\n1,"never closed\n' + "3,4\n" * 50_000)
    rows, faults = read(path)
    assert "quote" in faults[0]
    assert all(len(row["b"]) < 10 for _, row in rows)


def test_columns_without_names_have_their_positions(tmp_path):
    path = write(tmp_path, "a.csv", "x,y\nz,w\n")
    rows, _ = read(path, is_header=lambda cells: "x" not in cells)
    assert rows == [(":1", {"0": "x", "1": "y"}), (":2", {"0": "z", "1": "w"})]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.json", b"", "empty"),
        ("bad.json", b'{"a": ', "line 1 column 7"),
        ("cut.jsonl.gz", None, "cannot be read to its end"),
        ("twice.csv", b"a,a\n1,2\n", "same name"),
        ("picture.csv", b"\x89PNG\0\0\0\rIHDR\xff\xfe\0\x01", "not a text file"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if content is not None else gzip.compress(b'{"a": 1}\n' * 9999)[:-20])
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert name in str(caught.value)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(20):
            file.write(b" " * (1 << 20))
    with pytest.raises(InputError, match="longer than"):
        read(path)
