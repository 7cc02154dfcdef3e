import subprocess
import sys

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "sklearn",
    "matplotlib",
    "fastapi",
    "uvicorn",
    "xllamacpp",
    "lxml",
    "httpx",
    "pyarrow",
)


def test_the_command_line_and_the_recipe_start_without_heavy_libraries():
    code = (
        "import sys; from clinforge.cli.main import build_parser; import clinforge.recipe; build_parser(); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
