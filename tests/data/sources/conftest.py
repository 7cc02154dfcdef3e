"""A key for hashed ids. All records in these tests are made up."""

import pytest

from clinforge.data.sources import records_key
from clinforge.security.keys import FILE_VARIABLE, VARIABLE


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
