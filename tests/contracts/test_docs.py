import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "recipe.md", "serve.md", "review.md", "sources.md", "write-pairs.md"])
def test_reference_pages_are_what_the_code_says(page):
    written = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == generator().PAGES[page](), "out of date: python docs/generate.py"


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_figures_in_the_readme_are_the_measured_ones(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "<!-- results quickstart -->" in text
    assert text == generator().readme(page), "out of date: python docs/generate.py"


def test_every_setting_has_its_documentation():
    undocumented = [
        f"{path}.{name}".lstrip(".")
        for root in (
            generator().Recipe,
            generator().ServeSettings,
            generator().WritePairs,
            *generator().SOURCES,
            *generator().REVIEW_SETTINGS,
        )
        for path, model in generator().sections("", root)
        for name, field in model.model_fields.items()
        if not field.description and name != "kind" and not list(generator().models_in(field.annotation))
    ]
    assert [name for name in undocumented if name.split(".")[-1] not in OBVIOUS] == []


OBVIOUS = {
    "rank", "dropout", "learning_rate", "epochs", "warmup_ratio", "weight_decay", "max_grad_norm", "precision", "seed",
    "num_train", "num_validation", "num_test", "lang", "max_new_tokens", "calibration_bins",
}  # fmt: skip
"""Terms of the field that need no second sentence."""


@pytest.mark.parametrize("pair", [("README.md", "README.zh-CN.md")])
def test_both_readmes_show_the_same_commands_and_figures(pair):
    def essence(name):
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = re.findall(r"```(?:bash|console|python)\n(.*?)```", text, flags=re.S)
        tables = [line for line in text.splitlines() if line.startswith("|")]
        return blocks, [re.findall(r"\d+\.\d+", line) for line in tables]

    assert essence(pair[0]) == essence(pair[1])


def test_links_between_pages_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} -> {target}"
