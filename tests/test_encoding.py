import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinforge.config import Settings, parse
from clinforge.encoding import DAMAGED, Encoding, decode, encoding_of, language_of
from clinforge.errors import ConfigError, InputError

CHINESE = "患者男，56岁。主诉：反复胸闷、气促3年，加重1周。既往高血压病史10年。"
TRADITIONAL = "患者男，五十六歲。主訴：反覆胸悶、氣促三年，加重一週。既往高血壓病史十年。"
COMMON = "的一是了我不人在他有这上们来到时大地为子中你说生国年着就那和要病人发热咳嗽头痛医院检查治疗血压高低心肺肝肾"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
def test_chinese_reads_without_being_told_its_encoding(encoding):
    text = CHINESE + "\nBP 150/90 mmHg\n"
    assert decode(text.encode(encoding))[0] == text


def test_traditional_chinese_in_big5_is_not_taken_for_gb18030():
    assert decode(TRADITIONAL.encode("big5")) == (TRADITIONAL, "big5")
    assert decode("心跳太快".encode("big5")) == ("心跳太快", "big5")
    assert decode(TRADITIONAL.encode("gb18030")) == (TRADITIONAL, "gb18030")


@pytest.mark.parametrize("text", ["The patient’s temperature was 38.5 °C.", "naïve café-au-lait spots, µg/mL ± 5"])
def test_western_text_of_windows_is_not_taken_for_chinese(text):
    assert decode(text.encode("cp1252")) == (text, "cp1252")


@given(st.text(st.sampled_from(COMMON + "，。、：0123456789ab \n")))
def test_common_chinese_is_the_same_from_utf8_and_gb18030(text):
    text = "发热" + text  # a few characters alone may be valid in both
    assert decode(text.encode())[0] == text
    assert decode(text.encode("gb18030"))[0] == text


def test_a_damaged_byte_is_marked_and_does_not_change_the_encoding():
    data = bytearray((CHINESE * 20).encode("gb18030"))
    data[40] = 0xFF
    text, encoding = decode(bytes(data))
    assert encoding == "gb18030"
    assert DAMAGED in text
    assert text.count("反复胸闷") >= 19


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), bytes(range(128, 256)) * 9])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(InputError):
        encoding_of(data)


@pytest.mark.parametrize("name", ["hex", "no-such-encoding"])
def test_a_setting_that_names_no_encoding_is_a_fault_with_its_path(name):
    class Example(Settings):
        encoding: Encoding = ""

    with pytest.raises(ConfigError, match=r"encoding: .*is no encoding"):
        parse(Example, {"encoding": name}, origin="test")


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        (CHINESE, "zh"),
        ("乙肝HBsAg阳性", "zh"),
        ("Amyotrophic lateral sclerosis (渐冻症) is a disease of motor neurons.", "en"),
        ("120/80", "en"),
        ("", "en"),
    ],
)
def test_language_is_told_by_what_prevails(text, lang):
    assert language_of(text) == lang
