"""One small dataset of all tasks, built once for the tests that only read it."""

import pytest

from clinforge.artifacts import write_artifact
from clinforge.data.run import build_dataset
from clinforge.data.settings import DataSettings
from clinforge.data.tasks.advice import Advice
from clinforge.data.tasks.department import Department
from clinforge.data.tasks.diagnosis import Diagnosis
from clinforge.data.tasks.organ_system import OrganSystem
from clinforge.data.tasks.rare_disease import RareDiseaseTask

SMALL = DataSettings(
    tasks=(
        OrganSystem(num_train=60, num_validation=10, num_test=40),
        Department(num_train=60, num_validation=10, num_test=40),
        Diagnosis(lang="en", num_train=40, num_validation=5, num_test=40, num_diseases=20),
        Diagnosis(lang="zh", num_train=40, num_validation=5, num_test=40, num_diseases=20),
        RareDiseaseTask(num_train=40, num_validation=5, num_test=40, num_diseases=20),
        Advice(lang="en", num_train=20, num_validation=3, num_test=5),
        Advice(lang="zh", num_train=20, num_validation=3, num_test=5),
    )
)


@pytest.fixture(scope="session")
def small():
    """Settings of the small dataset."""
    return SMALL


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A run folder with a finished dataset in it."""
    folder = tmp_path_factory.mktemp("run")
    with write_artifact(folder / "dataset", "dataset", SMALL.model_dump(mode="json"), {}) as (partial, notes):
        notes.update(build_dataset(SMALL, partial, lambda _stage, _done, _total: None))
    return folder
