"""The README and the pages of `docs` name what there is, and what they point to exists."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fer_bringup.arguments import ARGUMENTS, read
from fer_bringup.assembly import parts
from robot_behavior.robots import ROBOTS

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob(".github/*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("models/*/MODEL_CARD.md")),
    *sorted(ROOT.glob("ros2_ws/src/**/README.md")),
]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    seen = Counter[str]()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def broken(page: Path) -> Iterator[str]:
    """The links of a page that lead to no file or to no heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# Two words, `code` [and a link](page.md)\n\n## Twice\n\n## Twice\n")
    page.write_text(
        "# One\n[a](other.md) [b](#one) [c](other.md#two-words-code-and-a-link) "
        "[d](other.md#twice-1) [e](https://example.org/#x) ![f](gone.png) "
        "[g](other.md#gone) [h](#two)"
    )
    assert list(broken(page)) == ["gone.png", "other.md#gone", "#two"]


def test_every_launch_argument_is_explained() -> None:
    text = (ROOT / "docs/running.md").read_text()
    assert [a.name for a in ARGUMENTS if f"| `{a.name}` |" not in text] == []


def test_every_robot_is_named() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in ROBOTS.built_in if f"| `{name}` |" not in text] == []


def test_every_node_is_listed() -> None:
    text = (ROOT / "docs/nodes.md").read_text()
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
        f"[`{values['name']}`](../models/{values['name']}/MODEL_CARD.md)",
        f"{network['parameters']:,}",
        f"{network['macs'] / 1e6:.1f} M",
        "{:.2f}, {:.2f} MB".format(*sizes),
        *(f"{report['accuracy']:.1%}".replace("%", " %") for report in reports),
        f"{-100 * figures['corruption_mean_drop'][1]:.1f}",
    ]
    assert f"| {' | '.join(cells)} |" in (ROOT / "docs/models.md").read_text()


WRITTEN = re.compile(
    r"(?:--(?:annotate|csv|json|out|per-image|plot|report|video)|>|cp \S+|fer-study new)"
    r" +([\w./-]+)"
)
READ = re.compile(r"(?<![\w/.~-])(?:photo|video|interview)\.\w+|(?<![\w/.~-])my_\w+(?:\.\w+)?")


def test_what_the_commands_of_the_pages_leave_here_is_none_of_gits_business(tmp_path: Path) -> None:
    lines = [
        line
        for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
        for line in re.findall(r"^ {4}\S.*$|^\| .*\|$", page.read_text(), flags=re.MULTILINE)
        if re.search(r"ec-rfernet|fer-|behavior-sim|motion-check|\bcp ", line)
    ]
    text = "\n".join(lines)
    files = {*WRITTEN.findall(text), *READ.findall(text)}
    files = {name for name in files if not name.startswith(("/", "docs/", ".."))}
    files = {name for name in files if not Path(name).stem.isupper()}  # stands for any name
    assert {"out.png", "out.csv", "photo.jpg", "my_behaviors.yaml", "greeting"} <= files
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    paths = {name if Path(name).suffix else f"{name}/x" for name in files}
    done = subprocess.run(
        ["git", "check-ignore", "--stdin"],
        input="\n".join(sorted(paths)), cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert paths - set(done.stdout.split()) == set()
