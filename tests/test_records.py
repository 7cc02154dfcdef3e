import pytest

from clinforge.errors import InputError
from clinforge.records import Fact, content_hash, read_jsonl, write_jsonl

FACT = Fact(id="f1", subject="肺炎", predicate="symptom", object="发热", lang="zh", source="cmekg")


def test_records_survive_a_round_trip(tmp_path):
    assert write_jsonl(tmp_path / "f.jsonl", [FACT, FACT]) == 2
    assert list(read_jsonl(tmp_path / "f.jsonl", Fact)) == [FACT, FACT]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"id": "f2"}', "f.jsonl:2 field 'subject'"),
        ("{broken", "f.jsonl:2 column 2"),
        ("[1]", "f.jsonl:2"),
        (FACT.model_dump_json()[:-1] + ', "extra": 1}', "f.jsonl:2 field 'extra'"),
    ],
)
def test_a_broken_row_names_file_line_and_field(tmp_path, line, named):
    (tmp_path / "f.jsonl").write_text(f"{FACT.model_dump_json()}\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        list(read_jsonl(tmp_path / "f.jsonl", Fact))
    assert named in str(caught.value)


def test_a_file_that_is_not_utf8_says_so(tmp_path):
    (tmp_path / "f.jsonl").write_bytes("{\"id\": \"肺炎\"}".encode("gb18030"))
    with pytest.raises(InputError, match="UTF-8"):
        list(read_jsonl(tmp_path / "f.jsonl", Fact))


def test_equal_content_has_equal_hashes_whatever_the_order_of_keys():
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1}) != content_hash({"a": 2, "b": [2]})
