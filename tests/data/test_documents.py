"""All rows are made up."""

import json

import pytest

from clinforge.artifacts import write_artifact
from clinforge.cli.main import main
from clinforge.data.export import export
from clinforge.data.lineage import DOCUMENTS_FILE, Lineage, trace_row
from clinforge.data.run import FAULTS_FILE, build_dataset
from clinforge.data.settings import DataSettings
from clinforge.data.tasks.documents import Documents, Permission
from clinforge.errors import GateError, InputError
from clinforge.records import Document, Sample, read_jsonl

COMPLAINTS = (
    "反复咳嗽三天",
    "右膝疼痛一周",
    "夜间皮肤瘙痒",
    "饭后上腹胀痛",
    "视物模糊两天",
    "耳鸣伴头晕",
    "排尿时刺痛",
    "心慌气短",
)
ADVICE = (
    "建议到呼吸内科就诊",
    "建议先减少负重",
    "请避免抓挠",
    "可到消化内科查胃镜",
    "请尽快查眼底",
    "可做听力检查",
    "请多饮水",
    "建议做心电图",
)
HABITS = (
    "饮食宜清淡",
    "保证每晚睡眠",
    "每天步行半小时",
    "避免熬夜",
    "少吃油炸食物",
    "戒烟限酒",
    "注意保暖",
    "按时复诊",
)
PERMISSION = Permission(by="Dr A. Example", why="rows written for this test")


def question(number):
    return f"{COMPLAINTS[number % 8]}，平时{HABITS[number // 8]}，应该怎么办？"


def answer(number):
    habit, other = HABITS[(number // 8 + number) % 8], COMPLAINTS[(number * 3 + number // 8) % 8]
    return f"{ADVICE[number % 8]}并且{habit}以免{other}加重需要再来医院。"


def rows():
    good = [{"question": question(n), "answer": answer(n)} for n in range(60)]
    return [
        *good,
        {"question": question(0), "answer": good[0]["answer"]},
        {"question": "失眠怎么办？", "answer": "请致电 13812345678 详细咨询，我们会安排医生回答您的问题。"},
        {"question": "糖尿病能好吗？", "answer": "本祖传秘方包治糖尿病，三个疗程彻底根治，无效退款，绝不复发。"},
        {"question": "What helps against a cough?", "answer": "See a doctor if it lasts longer than three weeks."},
    ]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "asked.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in rows()]
    path.write_text("\n".join([*lines[:30], '{"question": "断了', *lines[30:]]), encoding="utf-8")
    return path


def task(file, **changes):
    source = {"kind": "dialogues", "path": file, "source": "made_up", "licence": "own"}
    values = {"name": "asked", "lang": "zh", "sources": [source], "permission": PERMISSION}
    return Documents.model_validate({**values, **changes})


def build(file, folder, **changes):
    folder.mkdir()
    return build_dataset(DataSettings(tasks=(task(file, **changes),)), folder, lambda *_: None)


def test_every_row_is_a_sample_or_counted_with_its_reason(file):
    lineage = Lineage()
    result = task(file)(0, lineage)
    dropped = {reason: count for step in lineage.steps for reason, count in step.dropped.items()}
    assert dropped == {
        "not readable": 1,
        "other language": 1,
        "an identifier (mobile)": 1,
        "cure_all": 1,
        "exact duplicate": 1,
    }
    assert len(result.samples) + sum(dropped.values()) == len(rows()) + 1
    assert result.faults[0].startswith(f"{file}:31")


def test_a_dataset_of_documents_walks_back_to_the_row_of_the_file(file, tmp_path):
    with write_artifact(tmp_path / "dataset", "dataset", {}, {}) as (into, notes):
        notes.update(build_dataset(DataSettings(tasks=(task(file),)), into, lambda *_: None))
    dataset = tmp_path / "dataset"
    samples = list(read_jsonl(dataset / "train.jsonl", Sample))
    assert len(samples) > 40
    found = trace_row(dataset, samples[0].id)
    (document,) = found["documents"]
    assert document["source_id"].startswith("asked.jsonl:")
    line = int(document["source_id"].rpartition(":")[2])
    assert json.loads(file.read_text(encoding="utf-8").splitlines()[line - 1])["answer"] == samples[0].answer
    assert found["sources"][0]["permission"] == PERMISSION.model_dump()
    assert {row.id for row in read_jsonl(dataset / DOCUMENTS_FILE, Document)} >= set(samples[0].document_ids)
    assert json.loads((dataset / FAULTS_FILE).read_text(encoding="utf-8"))


def test_a_source_outside_the_licence_table_needs_a_named_person(file, tmp_path):
    with pytest.raises(GateError, match="made_up"):
        build(file, tmp_path / "refused", permission=None)
    notes = build(file, tmp_path / "allowed")
    assert notes["sources"][0]["permission"]["by"] == "Dr A. Example"


def test_files_without_a_usable_row_are_an_error_that_says_why(tmp_path):
    path = tmp_path / "none.jsonl"
    path.write_text(json.dumps({"question": "What is it?", "answer": "English only, and nothing else here."}))
    with pytest.raises(InputError, match="other language 1"):
        task(path)(0, Lineage())


def test_a_row_of_an_evaluation_set_does_not_get_into_training(file, tmp_path):
    folder = tmp_path / "open"
    build(file, folder)
    planted = next(read_jsonl(folder / "train.jsonl", Sample))
    exam = tmp_path / "exam.jsonl"
    exam.write_text(json.dumps({"id": "q1", "prompt": planted.prompt[-1].content, "reference": planted.answer}) + "\n")
    recipe = {
        "name": "asked",
        "output": str(tmp_path / "runs"),
        "data": DataSettings(tasks=(task(file),), against=exam).model_dump(mode="json"),
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(recipe), encoding="utf-8")
    assert main(["data", "build", str(path), "--json"]) == 0
    taught = list(read_jsonl(tmp_path / "runs" / "asked" / "dataset" / "train.jsonl", Sample))
    assert taught
    assert planted.id not in {sample.id for sample in taught}


@pytest.mark.parametrize("form", ["messages", "sharegpt", "alpaca", "prompt_completion"])
def test_an_export_holds_every_sample_with_its_id_and_words(file, tmp_path, form):
    build(file, tmp_path / "dataset")
    counts = export(tmp_path / "dataset", tmp_path / "out", form)
    for split in ("train", "validation", "test"):
        samples = list(read_jsonl(tmp_path / "dataset" / f"{split}.jsonl", Sample))
        written = [json.loads(line) for line in (tmp_path / "out" / f"{split}.jsonl").read_text().splitlines()]
        assert counts[f"{split}.jsonl"] == len(written) == len(samples)
        for row, sample in zip(written, samples, strict=True):
            text = json.dumps(row, ensure_ascii=False)
            assert row["id"] == sample.id
            assert all(turn.content in text for turn in sample.prompt)
            assert sample.answer in text
    with pytest.raises(InputError, match="exists"):
        export(tmp_path / "dataset", tmp_path / "out", form)


def test_inspect_says_how_a_file_would_be_read(file, capsys):
    assert main(["data", "inspect", str(file)]) == 0
    assert "layout question_answer" in capsys.readouterr().out
