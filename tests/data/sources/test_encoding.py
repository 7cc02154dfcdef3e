import codecs
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.data.sources.encoding import detect_encoding, encoding_of, open_bytes

PHRASES = (
    "主诉：发热3天", "咳嗽、咳痰", "无胸痛", "体温38.5℃", "血压120/80mmHg", "既往体健", "否认药物过敏史",
    "双肺呼吸音粗", "诊断：肺炎", "WBC 12.3×10^9/L", "建议复查", "男", "女，45岁", "（急诊）", "q8h", "EGFR", "癫痫",
)  # fmt: skip
CHINESE = st.lists(st.sampled_from(PHRASES), min_size=3).map("，".join)
WESTERN = "Température 38,5 °C, créatinine 90 µmol/L ± 5; naïve café. – Dr Müller"


@given(CHINESE, st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
def test_chinese_text_is_read_as_it_was_written(text, encoding):
    table = f"id,text\r\n1,{text}\r\n"
    assert table.encode(encoding).decode(encoding_of(table.encode(encoding))) == table


@pytest.mark.parametrize("text", ["病历", "男", "发热", "联通", "姓名,科室", "id,text\n1,咳嗽\n", "a,模模\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_few_characters_are_enough(text, encoding):
    assert text.encode(encoding).decode(encoding_of(text.encode(encoding))) == text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_western_signs_are_not_taken_for_chinese(encoding):
    assert encoding_of(WESTERN.encode(encoding)) == encoding
    assert encoding_of("Temp 38 °C".encode(encoding)) == encoding


def test_traditional_characters_in_big5_are_read():
    text = "主訴：發熱三天，咳嗽，無胸痛。診斷：肺炎。"
    assert text.encode("big5").decode(encoding_of(text.encode("big5"))) == text


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_broken_bytes_do_not_change_the_verdict(encoding):
    text = "\n".join(PHRASES).encode(encoding)
    assert encoding_of(text + b"\xff\xff\n" + text[1:]) == encoding


def test_chinese_that_begins_late_is_found(tmp_path):
    path = tmp_path / "late.csv"
    path.write_bytes(b"id,text\n" + b"1,no finding\n" * 300_000 + "2,肺炎，发热\n".encode("gb18030"))
    assert detect_encoding(path) == "gb18030"


def test_a_character_across_two_blocks_is_not_cut(tmp_path):
    path = tmp_path / "cut.csv"
    path.write_bytes(b"a" * ((1 << 20) - 2) + b"\n" + "男\n".encode("gb18030") + b"b\n")
    assert detect_encoding(path) == "gb18030"


def test_what_gzip_compressed_is_read_whatever_its_name(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_bytes(gzip.compress("诊断：肺炎".encode("gb18030")))
    assert detect_encoding(path) == "gb18030"
    with open_bytes(path) as file:
        assert file.read().decode("gb18030") == "诊断：肺炎"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5"])
def test_a_general_detector_agrees_on_longer_texts(encoding):
    from charset_normalizer import from_bytes

    text = ("患者三天前受涼後出現發熱，最高體溫三十九度，伴咳嗽。" if encoding == "big5" else "，".join(PHRASES)) * 20
    data = text.replace("℃", "度").replace("×", "x").encode(encoding)
    best = from_bytes(data, cp_isolation=["utf_8", "gb18030", "big5", "cp1252"]).best()
    assert best is not None
    assert data.decode(best.encoding) == data.decode(encoding_of(data))


def test_plain_ascii_is_utf8():
    assert encoding_of(b"id,text\n1,fever\n") == "utf-8"
    assert codecs.lookup(encoding_of(b"")).name == "utf-8"
