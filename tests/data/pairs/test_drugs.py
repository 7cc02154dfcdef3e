import pytest

from clinforge.data.pairs.drugs import DrugNames
from clinforge.errors import InputError, MissingError

NAMES = DrugNames(
    [
        ["paracetamol", "acetaminophen", "对乙酰氨基酚"],
        ["aspirin", "阿司匹林"],
        ["阿司匹林肠溶片"],
        ["insulin"],
        ["insulin glargine"],
    ]
)


@pytest.mark.parametrize(
    ("claim", "source", "absent"),
    [
        ("Take Aspirin.", "aspirin 100 mg", []),
        ("Take aspirin.", "paracetamol 500 mg", ["aspirin"]),
        ("acetaminophen", "Paracetamol tablets", []),
        ("服用对乙酰氨基酚", "paracetamol", []),
        ("服用阿司匹林", "口服阿司匹林肠溶片", []),
        ("口服阿司匹林肠溶片", "服用阿司匹林", ["阿司匹林肠溶片"]),
        ("insulin glargine", "insulin", ["insulin glargine"]),
        ("insulin", "Insulin glargine", []),
        ("aspirins", "aspirin", []),
        ("aspirinate is no word of the list", "", []),
        ("atorvastatin", "rosuvastatin", ["atorvastatin"]),
        ("Ramipril and statins", "ramipril is given", []),
        ("氨氯地平", "口服硝苯地平", ["氯地平"]),
        ("青霉素过敏", "使用青霉素", []),
    ],
)
def test_drugs_of_a_claim_are_looked_for_in_its_source(claim, source, absent):
    assert NAMES.unsupported(claim, source) == absent


def test_names_are_read_from_a_file_one_drug_a_line(tmp_path):
    path = tmp_path / "drugs.txt"
    path.write_text("# synthetic\nparacetamol | acetaminophen\n\n阿司匹林\n", encoding="utf-8")
    names = DrugNames.read(path)
    assert names.unsupported("acetaminophen", "paracetamol") == []
    assert names.named("给阿司匹林") == ["阿司匹林"]
    with pytest.raises(MissingError):
        DrugNames.read(tmp_path / "none.txt")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError):
        DrugNames.read(path)
