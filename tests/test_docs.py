"""README and docs: they name what there is, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from barlowmatch.configs.fields import parameters
from barlowmatch.selection.catalog import CATALOG
from labeling.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_the_project_page_names_every_command_of_labeling() -> None:
    named = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/project.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(COMMANDS) <= named


def test_the_labeling_page_names_every_module_of_the_pages() -> None:
    text = (ROOT / "docs/labeling.md").read_text(encoding="utf-8")
    named = {name for line in text.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+\.js)`", line)}
    assert named == {path.name for path in (ROOT / "labeling/ui/assets").glob("*.js")}


def test_the_selection_page_names_every_strategy_with_its_parameters() -> None:
    lines = (ROOT / "docs/selection.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("| `")]
    table = {name: re.findall(r"`(\w+)`", row[-1]) for row in rows for name in re.findall(r"`([\w-]+)`", row[0])}
    assert {name: sorted(named) for name, named in table.items()} == {
        entry.name: sorted(parameter.name for parameter in parameters(entry.config)) for entry in CATALOG.values()
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        aim = path.parent / file if file else path
        assert aim.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", aim.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target
