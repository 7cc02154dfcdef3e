"""What can be chosen about a dataset."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from clinforge.config import Settings
from clinforge.data.contamination import Decontaminate
from clinforge.data.tasks.advice import Advice
from clinforge.data.tasks.department import Department
from clinforge.data.tasks.diagnosis import Diagnosis
from clinforge.data.tasks.organ_system import OrganSystem
from clinforge.data.tasks.rare_disease import RareDiseaseTask

Task = Annotated[OrganSystem | Department | Diagnosis | RareDiseaseTask | Advice, Field(discriminator="kind")]


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

    against: tuple[Path, ...] = ()
    """Evaluation sets that training is compared with: files of questions in the custom form (JSONL), or folders of
    datasets, of which the test split counts."""
    decontaminate: Decontaminate = Decontaminate()

    @model_validator(mode="after")
    def _one_of_each(self) -> "DataSettings":
        labels = [task.label for task in self.tasks]
        if not labels:
            raise ValueError("a dataset needs at least one task")
        if len(set(labels)) < len(labels):
            raise ValueError(f"a task stands twice: {sorted(labels)}")
        return self
