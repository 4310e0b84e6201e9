"""The README names what there is, and what it points to exists."""

import json
import re
from pathlib import Path

import pytest

from fer_bringup.arguments import ARGUMENTS, read
from fer_bringup.assembly import parts

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob(".github/*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("ros2_ws/src/*/README.md")),
    *sorted(ROOT.glob("models/*/MODEL_CARD.md")),
]


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
    assert len(names) == 7
    assert [name for name in names if f"| `{name}`" not in text] == []


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("models/*/bundle.json")), ids=lambda p: p.parent.name
)
def test_the_figures_of_a_model_are_those_of_its_bundle(path: Path) -> None:
    values = json.loads(path.read_text())
    network, figures = values["metrics"]["network"], values["metrics"]["public"]
    reports = figures["single_crop"], figures["ten_crop"], figures["int8"]["single_crop"]
    sizes = (
        (path.parent / name).stat().st_size / 1e6 for name in ("model.onnx", "model.int8.onnx")
    )
    cells = [
        f"[`{values['name']}`](models/{values['name']}/MODEL_CARD.md)",
        f"{network['parameters']:,}",
        f"{network['macs'] / 1e6:.1f} M",
        "{:.2f}, {:.2f} MB".format(*sizes),
        *(f"{report['accuracy']:.1%}".replace("%", " %") for report in reports),
        f"{-100 * figures['corruption_mean_drop'][1]:.1f}",
    ]
    assert f"| {' | '.join(cells)} |" in (ROOT / "README.md").read_text()
