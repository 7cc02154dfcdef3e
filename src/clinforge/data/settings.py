"""What can be chosen about a dataset."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from clinforge.config import Settings
from clinforge.data.contamination import Decontaminate
from clinforge.data.tasks.advice import Advice
from clinforge.data.tasks.atomic import Atomic
from clinforge.data.tasks.cases import Cases
from clinforge.data.tasks.chain_of_thought import ChainOfThought
from clinforge.data.tasks.department import Department
from clinforge.data.tasks.diagnosis import Diagnosis
from clinforge.data.tasks.documents import Documents
from clinforge.data.tasks.multi_hop import MultiHop
from clinforge.data.tasks.organ_system import OrganSystem
from clinforge.data.tasks.rare_disease import RareDiseaseTask

Task = Annotated[
    OrganSystem
    | Department
    | Diagnosis
    | RareDiseaseTask
    | Advice
    | Atomic
    | MultiHop
    | Cases
    | ChainOfThought
    | Documents,
    Field(discriminator="kind"),
]


def _one_or_many(value: Any) -> Any:  # noqa: ANN401 -- whatever stood in the YAML
    return (value,) if isinstance(value, str | Path) else value


class DataSettings(Settings):
    """Tasks of a dataset. The same settings give the same bytes."""

    seed: int = 0
    """Decides splits, cases and wordings."""
    tasks: tuple[Task, ...] = (
        OrganSystem(),
        Department(),
        Diagnosis(lang="en"),
        Diagnosis(lang="zh"),
        RareDiseaseTask(),
        Advice(lang="en"),
        Advice(lang="zh"),
    )
    max_answer_share: float = Field(default=0.4, gt=0, le=1)
    """The gate refuses a choice task in which one answer is right more often than this."""
    reviews: Annotated[tuple[Path, ...], BeforeValidator(_one_or_many)] = ()
    """Reviewers' journals, or folders of them: rejected facts and samples are left out, edited answers put in place."""

    against: Annotated[tuple[Path, ...], BeforeValidator(_one_or_many)] = ()
    """Evaluation sets that training is compared with: files of questions in the custom form (JSONL), or folders of
    datasets, of which the test split counts."""
    decontaminate: Decontaminate = Decontaminate()

    @model_validator(mode="after")
    def _one_of_each(self) -> "DataSettings":
        labels = [label for task in self.tasks for label in task.labels]
        if not labels:
            raise ValueError("a dataset needs at least one task")
        if len(set(labels)) < len(labels):
            raise ValueError(f"a task stands twice: {sorted(labels)}")
        return self
