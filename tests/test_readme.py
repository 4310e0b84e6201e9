"""The README names what there is, and what it points to exists."""

import re
from pathlib import Path

import pytest

from fer_bringup.arguments import ARGUMENTS
from fer_bringup.assembly import parts
from fer_bringup.options import read

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("models/*/MODEL_CARD.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_launch_argument_is_explained() -> None:
    text = (ROOT / "README.md").read_text()
    assert [a.name for a in ARGUMENTS if f"`{a.name}`" not in text] == []


def test_every_node_is_listed() -> None:
    text = (ROOT / "README.md").read_text()
    settings = read([], ROOT / "README.md").settings
    names = [part.executable for part in parts(settings, Path("clip.mp4"))]
    assert len(names) == 6
    assert [name for name in names if f"| `{name}`" not in text] == []
