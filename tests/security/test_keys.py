import pytest

from clinforge.errors import MissingError
from clinforge.security.keys import FILE_VARIABLE, VARIABLE, load_key, purpose_key

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(FILE_VARIABLE, raising=False)


def test_a_key_comes_from_the_environment_or_from_a_private_file(monkeypatch, tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    from_file = load_key()
    monkeypatch.setenv(VARIABLE, KEY)
    assert from_file == load_key() == bytes.fromhex(KEY)


@pytest.mark.parametrize("text", ["", "ab" * 31, "not hex"])
def test_no_key_or_a_weak_one_is_refused_with_the_way_to_make_one(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(MissingError, match="token_hex"):
        load_key()


def test_a_key_file_that_others_can_read_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(0o644)
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    with pytest.raises(MissingError, match="chmod 600"):
        load_key()


def test_each_purpose_and_tenant_has_a_key_of_its_own():
    master = bytes.fromhex(KEY)
    keys = {purpose_key(master, purpose, tenant) for purpose in ("a", "ab") for tenant in ("", "b", "bc")}
    assert len(keys) == 6
    assert purpose_key(master, "a", "b") == purpose_key(master, "a", "b")
