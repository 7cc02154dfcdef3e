import pytest

from tests.data.sources.eutils import Eutils, serve


@pytest.fixture(autouse=True)
def _no_proxy_no_key_own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("NCBI_API_KEY", raising=False)
    monkeypatch.setenv("CLINFORGE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def eutils():
    """Loopback E-utilities with 30 records."""
    state = Eutils({str(1000 + number): "2021/03/04" for number in range(30)})
    server = serve(state)
    yield state
    server.shutdown()
    server.server_close()
