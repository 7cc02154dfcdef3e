"""Secret keys: read from the environment or a file, never made up and never kept beside what they protect.

Covers: a key of at least 256 bits, given from outside; a separate key for each purpose and tenant, so that what one of
them protects says nothing about another. Does not cover: rotation, key services, or who may use a key.
"""

import os
import stat
from pathlib import Path

from clinforge.errors import MissingError

VARIABLE = "CLINFORGE_KEY"
FILE_VARIABLE = "CLINFORGE_KEY_FILE"
_HINT = (
    f"Make one once and keep it safe: python -c 'import secrets; print(secrets.token_hex(32))', then set {VARIABLE} to "
    f"it, or {FILE_VARIABLE} to a file that only you can read (chmod 600)."
)
_NUM_BYTES = 32


def load_key() -> bytes:
    """The master key: 64 or more hex digits in CLINFORGE_KEY, or in the file that CLINFORGE_KEY_FILE names.

    Raises MissingError if there is none, if it is short, or if others can read its file.
    """
    text = os.environ.get(VARIABLE, "")
    if not text and (path := os.environ.get(FILE_VARIABLE)):
        text = _read(Path(path))
    if not text:
        raise MissingError("There is no key for what must stay secret.", hint=_HINT)
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        raise MissingError("The key is not written in hex digits.", hint=_HINT) from None
    if len(key) < _NUM_BYTES:
        raise MissingError(f"The key has {len(key) * 8} bits; {_NUM_BYTES * 8} are needed.", hint=_HINT)
    return key


def purpose_key(master: bytes, purpose: str, tenant: str = "") -> bytes:
    """The key of one purpose and tenant (HKDF-SHA-256, RFC 5869): 256 bits, the same every time."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = b"\0".join((b"clinforge", purpose.encode(), tenant.encode()))
    return HKDF(algorithm=SHA256(), length=_NUM_BYTES, salt=None, info=info).derive(master)


def _read(path: Path) -> str:
    try:
        readable_by_others = stat.S_IMODE(path.stat().st_mode) & 0o077
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingError(f"Cannot read the key file {path}: {error.strerror}.", hint=_HINT) from None
    if readable_by_others:
        raise MissingError(f"Others can read the key file {path}.", hint=f"chmod 600 {path}")
    return text
