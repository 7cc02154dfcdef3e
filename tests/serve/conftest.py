from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from clinforge.model.scripted import ScriptedModel
from clinforge.serve.api import create_app
from clinforge.serve.engine import Engine, Labels
from clinforge.serve.settings import ServeSettings

LABELS = {
    "zh": Labels(diagnoses={"肺炎": "呼吸内科", "急性阑尾炎": "普外科"}, departments=("呼吸内科", "普外科")),
    "en": Labels(diagnoses={"Pneumonia": "Respiratory Medicine", "Acute appendicitis": "General Surgery"}),
}
SETTINGS = ServeSettings(max_new_tokens=64, max_body_bytes=50_000, max_text_chars=5_000)


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def engine(model: ScriptedModel) -> Engine:
    return Engine({"clinforge": model, "base": model}, LABELS)


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    with TestClient(create_app(engine, SETTINGS), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def dead_client() -> Iterator[TestClient]:
    """A service whose model did not load."""
    with TestClient(create_app(Engine({}, LABELS), SETTINGS), base_url="http://127.0.0.1") as client:
        yield client
