"""Loopback E-utilities and a key for hashed ids. All records in these tests are made up."""

import pytest

from clinforge.data.sources import records_key
from clinforge.security.keys import FILE_VARIABLE, VARIABLE
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


@pytest.fixture
def key(monkeypatch):
    """The key of patients' hashes, from a master key that is set."""
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.setenv(VARIABLE, "ab" * 32)
    return records_key()


@pytest.fixture
def no_key(monkeypatch):
    """No master key."""
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
