"""Code blocks of the docs are run, against a small run that stands where the docs' run would stand."""

import re
import shlex
import socket
import threading
import time
from pathlib import Path

import pytest

from clinforge.cli.main import main
from clinforge.records import write_jsonl
from tests.data.pairs.test_run import honest, leaflet
from tests.openai_loopback import Loopback

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(f"docs/how-to/{path.name}" for path in sorted((ROOT / "docs" / "how-to").glob("*.md")))]
NOT_RUN = (
    "clinforge data fetch-pubmed",
    "clinforge serve",
    "clinforge chat",
    "clinforge run",
    "clinforge review serve",
    "clinforge review import",
    "make ",
    "pip install",
    "git clone",
    "cd ",
)
"""Commands that need the internet, wait for a person or take minutes; their verbs have tests of their own."""


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


@pytest.fixture
def where_docs_stand(small_run, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(small_run)
    (tmp_path / "my.jsonl").write_text(
        blocks("docs/how-to/evaluate-your-own-questions.md", "json")[0], encoding="utf-8"
    )
    building = "docs/how-to/build-a-dataset.md"
    (tmp_path / "asked.jsonl").write_text(blocks(building, "json")[0], encoding="utf-8")
    (tmp_path / "consultations.yaml").write_text(blocks(building, "yaml")[0], encoding="utf-8")
    write_jsonl(tmp_path / "abstracts.jsonl", [leaflet(number) for number in range(3)])
    monkeypatch.setenv("CLINFORGE_KEY", "ab" * 32)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def writer():
    """A server that writes a supported pair on each text, where the docs have a model at port 8000."""
    with Loopback(honest) as server:
        yield server.port


@pytest.fixture
def served(small_run):
    import uvicorn

    from clinforge.serve.api import create_app
    from clinforge.serve.engine import find_bundle, load_engine
    from clinforge.serve.settings import ServeSettings

    settings = ServeSettings()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(load_engine(find_bundle(small_run), settings), settings, None)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield port
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_docs_work(page, where_docs_stand, writer, capsys):
    for line in "\n".join(blocks(page, "bash")).splitlines():
        command = line.split(" #")[0].strip().replace(":8000/", f":{writer}/")
        if command.startswith("clinforge") and not command.startswith(NOT_RUN):
            assert main(shlex.split(command)[1:]) == 0, command
            assert capsys.readouterr().out
        else:
            assert not command or command.startswith((*NOT_RUN, "#")), f"{page}: nobody runs {command!r}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python_in_the_docs_works(page, served, writer, where_docs_stand, capsys):
    for block in blocks(page, "python"):
        exec(block.replace("8321", str(served)).replace(":8000/", f":{writer}/"), {})
    assert capsys.readouterr().out


def test_make_targets_named_in_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    named = set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"quickstart", "test"} <= named <= targets
