"""The documentation as a site: it builds without a complaint, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fer_common.testing import until
from fer_monitor.testing.headless_browser import CHROMIUM, browser

pytest.importorskip("mkdocs", reason="needs `make setup DOCS=1`")

ROOT = Path(__file__).resolve().parents[1]
LOADED = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "link": "href",
    "object": "data", "script": "src", "source": "src", "video": "src",
}  # fmt: skip
"""What a browser loads by itself, and where the address stands. A link (a) waits for a click."""


def addresses(page: str) -> list[str]:
    """What a page loads."""
    found = []
    for tag, rest in re.findall(r"<([a-z]+)\b([^>]*)>", page):
        if tag in LOADED and 'rel="canonical"' not in rest:
            found += re.findall(rf"\b{LOADED[tag]}=[\"']?([^\"'>\s]+)", rest)
        found += re.findall(r"url\(([^)]+)\)", rest)
    return found


def elsewhere(found: list[str]) -> list[str]:
    return [address for address in found if re.match(r"['\"]?([a-z]+:)?//", address)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without the pages of the API, which take most of the time."""
    folder = tmp_path_factory.mktemp("site")
    text = (ROOT / "mkdocs.yml").read_text()
    text = text[: text.index("  - mkdocstrings:")] + text[text.index("\nmarkdown_extensions:") :]
    config = folder / "mkdocs.yml"
    text = text.replace("docs_dir: docs", f"docs_dir: {ROOT / 'docs'}")
    text = text.replace("[scripts/docs_site.py]", f"[{ROOT / 'scripts' / 'docs_site.py'}]")
    config.write_text(text.replace("use_pygments: true", "use_pygments: false"))
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(config)]
    done = subprocess.run(
        [*build, "-d", str(folder / "site")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return folder / "site"


def test_every_page_is_in_the_navigation_and_every_link_leads_somewhere(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md")}
    built = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert {page for page in pages if page.name != "README.md"} <= built


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    loaded = {str(path.relative_to(site)): addresses(path.read_text()) for path in pages}
    assert sum(map(len, loaded.values())) > 5 * len(pages)
    assert {page: found for page, found in loaded.items() if elsewhere(found)} == {}
    for path in site.rglob("*.css"):
        assert elsewhere(re.findall(r"url\(([^)]+)\)", path.read_text())) == [], path
        assert "@import" not in path.read_text()


def test_a_file_outside_of_docs_has_a_page(site: Path) -> None:
    page = (site / "extending.html").read_text()
    found = re.search(r'href="(source/[^"]+backend\.py\.html)"', page)
    assert found and "class JointDriver" in re.sub(r"<[^>]+>", "", (site / found[1]).read_text())


def test_the_search_finds_words(site: Path) -> None:
    index = (site / "search" / "search_index.js").read_text()
    assert index.startswith("var __index = {") and "smoothing_s" in index
    assert re.search(r'"location":"source/[^"]+\.(py|yaml)\.html', index) is None


@pytest.mark.skipif(CHROMIUM is None, reason="needs apt install chromium")
def test_the_search_needs_no_server_and_no_network(site: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as tab:
        tab.open(f"{(site / 'index.html').as_uri()}?q=smoothing_s")
        found = "document.querySelectorAll('.md-search-result__item').length"
        assert until(lambda: tab.run(found))
        first = tab.run("document.querySelector('.md-search-result__item').textContent")
        assert "smoothing_s" in first
        assert elsewhere([url for url in tab.requested if not url.startswith("file:")]) == []


def test_an_address_elsewhere_is_found() -> None:
    page = """<a href="https://a.b"><link rel="stylesheet" href="//c.d/e.css"><img src="x.png">
    <script src='http://f.g'></script><p style="background:url(https://h.i)">"""
    assert elsewhere(addresses(page)) == ["//c.d/e.css", "http://f.g", "https://h.i"]


def test_the_packages_whose_docstrings_are_shown_are_there() -> None:
    text = re.sub(r"!!python\S+ ", "", (ROOT / "mkdocs.yml").read_text())
    (strings,) = (each for each in yaml.safe_load(text)["plugins"] if isinstance(each, dict))
    paths = strings["mkdocstrings"]["handlers"]["python"]["paths"]
    assert [path for path in paths if not (ROOT / path / Path(path).name).is_dir()] == []
