"""Questions that a scripted model can be made to answer rightly or wrongly."""

from collections.abc import Callable

import pytest

from clinforge.evaluate.results import TaskInfo, Words
from clinforge.evaluate.run import Exam
from clinforge.model.scripted import ScriptedModel
from clinforge.records import Message, Sample

DEPARTMENTS = ("儿科", "心内科", "急诊科", "皮肤科")


def department(number: int, split: str = "test") -> Sample:
    """Question `number`; families hold three questions each. The symptom names the department's first character."""
    answer = DEPARTMENTS[number % 4]
    return Sample(
        id=f"{split}-{number}",
        task="department",
        lang="zh",
        split=split,
        prompt=(Message(role="user", content=f"症状：{answer[0]}字头的不适，编号{number}"),),
        answer=answer,
        options=DEPARTMENTS,
        family_id=f"{split}-family-{number // 3}",
    )


def advice(number: int) -> Sample:
    return Sample(
        id=f"advice-{number}",
        task="advice",
        lang="en",
        split="test",
        prompt=(Message(role="user", content=f"What now? Case {number}"),),
        answer=f"Rest and drink. Case {number}",
        family_id=f"advice-family-{number}",
    )


@pytest.fixture
def exam() -> Exam:
    return Exam(
        test=[*(department(number) for number in range(60)), *(advice(number) for number in range(12))],
        training=[department(number, "train") for number in range(40)],
        tasks=[TaskInfo(name="department.zh", title=Words(en="Symptoms to department", zh="症状分诊"), kind="claim")],
    )


@pytest.fixture
def systems() -> dict[str, Callable[[], ScriptedModel]]:
    """`tuned` reads the question, `base` and `control` always prefer the shortest option."""
    knows = lambda conversation, option: 0.0 if f"：{option[0]}" in conversation[-1].content else -2.0  # noqa: E731
    return {
        "base": ScriptedModel,
        "tuned": lambda: ScriptedModel(
            reply=lambda conversation: f"Rest and drink. {conversation[-1].content[10:]}", weigh=knows
        ),
        "control": ScriptedModel,
    }
