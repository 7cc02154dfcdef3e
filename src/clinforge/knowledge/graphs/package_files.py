"""Find a data file of an installed package without importing the package, and insist on its exact content."""

from importlib.util import find_spec
from pathlib import Path

from clinforge.artifacts import hash_file
from clinforge.errors import MissingError, UserError

INSTALL_HINT = 'pip install "clinforge[facts]"'


def package_folder(module: str, requirement: str) -> Path:
    """Folder of an installed top-level package; it is not imported, so none of its code runs."""
    spec = find_spec(module)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    if not locations:
        raise MissingError(f"The knowledge source {requirement} is not installed.", hint=INSTALL_HINT)
    return Path(locations[0])


def pinned_file(path: Path, sha256: str, requirement: str) -> Path:
    """Return `path` if its content is the pinned one.

    Raises UserError otherwise: another release has other facts, so every split and score would silently change.
    """
    if not path.is_file():
        raise MissingError(f"{requirement} is installed without its data file {path.name}.", hint=INSTALL_HINT)
    if hash_file(path) != sha256:
        raise UserError(
            f"{path} is not the file of {requirement} (SHA-256 differs from {sha256[:12]}...).",
            hint=f"pip install --force-reinstall {requirement}",
        )
    return path
