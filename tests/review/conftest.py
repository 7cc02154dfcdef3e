"""A small dataset written by us: nothing in it is medical advice, and every source in it is ours."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from clinforge.artifacts import write_artifact
from clinforge.records import Fact, Message, Sample, Verdict, write_jsonl
from clinforge.review.settings import DeskSettings

SCRIPT = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
FACTS = [
    Fact(id="f-dose", subject="药甲", predicate="用法用量", object="每日一片", lang="zh", source="clinforge_red_flags"),
    Fact(
        id="f-sign",
        subject="guidance",
        predicate="emergency_sign",
        object="trouble breathing",
        lang="en",
        source="clinforge_red_flags",
    ),
    Fact(id="f-treat", subject="disease A", predicate="treatment", object="rest", lang="en", source="ward notes"),
    *(
        Fact(id=f"f-{n}", subject=f"disease {n}", predicate="symptom", object=f"finding {n}", lang="en", source="hpo")
        for n in range(40)
    ),
]


def sample(name: str, answer: str, facts: Sequence[str], *, options: Sequence[str] = (), **more: str) -> Sample:
    """One sample; its question is its name unless said otherwise."""
    question = more.pop("question", f"Question {name}?")
    return Sample(
        id=name,
        task="advice",
        lang="en",
        split=more.pop("split", "train"),
        prompt=(Message(role="system", content="Be careful."), Message(role="user", content=question)),
        answer=answer,
        options=tuple(options),
        fact_ids=tuple(facts),
        family_id=more.pop("family_id", f"family-{name}"),
        source="clinforge_red_flags",
        licence="Apache-2.0",
    )


SAMPLES = [
    sample("s-dose", "Ask your doctor.", ["f-dose"]),
    sample("s-sign", "Call for help.", ["f-sign", "f-0"]),
    sample("s-choice", "Liver", ["f-1"], options=["Liver", "Eye"]),
    sample("s-same-1", "Yes.", ["f-2"], question="The same question?"),
    sample("s-same-2", "No.", ["f-3"], question="The same question?"),
    sample("s-script", SCRIPT, ["f-4"], question=f"What is {SCRIPT}?"),
    *(sample(f"s-{n}", f"Answer {n}.", [f"f-{n}"]) for n in range(5, 40)),
    sample("s-test", "Unseen.", ["f-treat"], split="test"),
    sample("s-validation", "Watched.", ["f-treat"], split="validation"),
]


def write_dataset(folder: Path, samples: Sequence[Sample] = SAMPLES, facts: Sequence[Fact] = FACTS) -> Path:
    """A dataset artifact at `folder`."""
    with write_artifact(folder, "dataset", {"of": "tests"}, {}) as (partial, _):
        for split in ("train", "validation", "test"):
            write_jsonl(partial / f"{split}.jsonl", [row for row in samples if row.split == split])
        write_jsonl(partial / "facts.jsonl", facts)
        (partial / "lineage.jsonl").write_text("")
    return folder


@pytest.fixture
def run_folder(tmp_path):
    """A run folder with the dataset in it."""
    write_dataset(tmp_path / "run" / "dataset")
    return tmp_path / "run"


def settings(**changes):
    """A desk's settings; every verdict made by a test is marked as simulated."""
    return DeskSettings.model_validate({"reviewer": "li", "simulated": True, "port": 0, **changes})


def verdict(item_id: str, decision: str = "accept", reviewer: str = "li", **more: object) -> Verdict:
    """A verdict that a program made."""
    fields = {"item": "fact" if item_id.startswith("f-") else "sample", "item_id": item_id, "decision": decision}
    reason = {"reject": "not_true", "edit": "unclear", "escalate": "unsure"}.get(decision, "")
    at = "2026-01-01T08:00:00+00:00"
    return Verdict.model_validate(
        {"reviewer": reviewer, "reason": reason, "at": at, "simulated": True, **fields, **more}
    )
