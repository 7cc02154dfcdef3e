"""Which sources may be used, for what, and how they must be named.

Covers: sources listed in `licences.toml`. Does not cover: a judgement on law; a source that is not listed is refused.
"""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from clinforge import __version__
from clinforge.records import Record


class Licence(Record):
    """One row of the licence table."""

    key: str
    name: str
    package: str
    licence: str
    terms: str
    training_allowed: bool
    release_allowed: bool
    acknowledgement: str

    @property
    def package_version(self) -> str:
        """Version of the package installed here; 'not installed' if there is none."""
        if self.package == "clinforge":
            return __version__
        try:
            return version(self.package)
        except PackageNotFoundError:
            return "not installed"


@cache
def all_licences() -> dict[str, Licence]:
    """The licence table by source key."""
    table = tomllib.loads((files("clinforge.knowledge") / "licences.toml").read_text(encoding="utf-8"))
    return {key: Licence(key=key, **row) for key, row in table.items()}


def licence_of(source: str) -> Licence | None:
    """The row of a source, or None: an unknown source is not allowed anything."""
    return all_licences().get(source)


def training_allowed(source: str) -> bool:
    """Whether facts of this source may be trained on."""
    row = licence_of(source)
    return row is not None and row.training_allowed


def release_allowed(source: str) -> bool:
    """Whether a model or dataset made from this source may be handed on."""
    row = licence_of(source)
    return row is not None and row.release_allowed
