"""What ``mkdocs.yml`` needs for this project: links out of ``docs/``, the Python API, lists.

- A link that leads out of ``docs/`` leads to a page that shows that file.
- A page for each room of a public package holds what its docstrings tell; mkdocstrings fills it.
- Pages are written for GitHub, thus in CommonMark; Python-Markdown wants four spaces in lists.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SOURCES = ROOT / "ros2_ws" / "src"
API = {
    "ec_rfernet": "The recognition library. It needs no ROS.",
    "fer_common": "What all nodes share: settings, reasons, diagnostics, actions.",
    "fer_node": "Camera and perception.",
    "robot_behavior": "Behaviour, motion, speech and the robots.",
}
"""The packages that others import, each with what it holds; ``mkdocs.yml`` says where they are."""

PRIVATE = (
    "ec_rfernet.benchmark",
    "ec_rfernet.commands",
    "fer_node.show",
    "robot_behavior.simulator",
)
"""Rooms that serve one program."""

_LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".sh": "bash", ".js": "javascript"}
_LANGUAGES |= {".xml": "xml", ".urdf": "xml", ".json": "json", ".cpp": "cpp", ".hpp": "cpp"}
_PICTURES = (".jpg", ".png", ".svg", ".gif", ".mp4")
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_ITEM = re.compile(r"( *)([-*+]|\d+[.)])( +)")
_FENCE = re.compile(r"^( *)(```+)(\w+) ([\w./-]+)$", re.MULTILINE)

_stands_for: dict[str, Path] = {}
"""The file of the project that each made page shows, by the page's place in the site."""


def on_config(config: Any) -> None:
    """Adds the pages of the API to the navigation, and those of folders: ``robots/``."""
    config.nav = _expanded(config.nav)
    (reference,) = (entry["Reference"] for entry in config.nav if "Reference" in entry)
    reference.append({"Python API": [f"reference/api/{room}.md" for room in rooms()]})


def _expanded(entries: list[Any]) -> list[Any]:
    found = []
    for entry in entries:
        for title, value in entry.items() if isinstance(entry, dict) else [(None, entry)]:
            if isinstance(value, list):
                found.append({title: _expanded(value)})
            elif not value.endswith("/"):
                found.append(entry)
            elif pages := sorted(path.relative_to(DOCS) for path in (DOCS / value).glob("*.md")):
                found.append({title: [page.as_posix() for page in pages]})
    return found


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that are made: the API, and each file that a page leads to."""

    def add(uri: str, told: str | Path, level: InclusionLevel) -> None:
        given = {"abs_src_path": str(told)} if isinstance(told, Path) else {"content": told}
        files.append(File.generated(config, uri, inclusion=level, **given))  # type: ignore[arg-type]

    for room, modules in rooms().items():
        add(f"reference/api/{room}.md", api_page(room, modules), InclusionLevel.INCLUDED)
    _stands_for.clear()
    waiting = [
        (file.src_uri, Path(file.abs_src_path).read_text("utf-8"))
        for file in files.documentation_pages()
        if file.abs_src_path
    ]
    while waiting:
        uri, text = waiting.pop()
        for found in _LINK.finditer(text):
            path = target(uri, found[2])
            if not path or path.is_relative_to(DOCS) or place(path) in _stands_for:
                continue
            _stands_for[place(path)] = path
            if path.suffix in _PICTURES:
                add(place(path), path, InclusionLevel.NOT_IN_NAV)
                continue
            told = shown(path)
            add(place(path), told, InclusionLevel.NOT_IN_NAV)
            if path.suffix == ".md":
                waiting.append((place(path), told))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to the made pages, and lists and titles of code as Python-Markdown wants them."""
    uri = page.file.src_uri

    def link(found: re.Match[str]) -> str:
        path = target(uri, found[2])
        if not path or (path.is_relative_to(DOCS) and uri not in _stands_for):
            return found[0]
        to = os.path.relpath(place(path), Path(uri).parent)
        return f"{found[1]}{to}{found[3] or ''}{found[4]}"

    return indented(_FENCE.sub(r'\1\2\3 title="\4"', _LINK.sub(link, markdown)))


# The Python API.


def rooms() -> dict[str, list[str]]:
    """The modules of the packages of `API`, by the package or the room in which they are."""
    found: dict[str, list[str]] = {}
    for package in API:
        folder = SOURCES / package
        for path in sorted((folder / package).rglob("*.py")):
            if not path.read_text("utf-8").strip():
                continue
            parts = path.relative_to(folder).with_suffix("").parts
            room = ".".join(parts[:2] if len(parts) > 2 else parts[:1])
            if room not in PRIVATE:
                found.setdefault(room, []).append(".".join(parts).removesuffix(".__init__"))
    return dict(sorted(found.items()))


def api_page(room: str, modules: list[str]) -> str:
    """The page of a room, for mkdocstrings."""
    head = f"---\ntitle: {room}\nsearch:\n  boost: 0.3\n---\n\n# `{room}`\n"
    blocks = [head, f"{API.get(room, '')}\n"]
    return "\n".join(blocks + [f"::: {module}\n" for module in modules])


# Links out of docs/.


def target(uri: str, link: str) -> Path | None:
    """The file or folder of the project that a page links to; None for anything else."""
    if re.match(r"[a-z]+:|/", link):
        return None
    from_here = _stands_for.get(uri, DOCS / uri).parent
    path = Path(os.path.normpath(from_here / link))
    if path.is_dir() and (path / "README.md").is_file():
        path /= "README.md"
    return path if path.exists() and path.is_relative_to(ROOT) else None


def place(path: Path) -> str:
    """Where the site shows a file or a folder of the project."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = f"source/{path.relative_to(ROOT).as_posix()}"
    if path.is_dir():
        return f"{name}/index.md"
    return name if path.suffix in (".md", *_PICTURES) else f"{name}.md"


def shown(path: Path) -> str:
    """The page that shows a file; of a folder, the names in it."""
    if path.suffix == ".md":
        return path.read_text("utf-8")
    name = path.relative_to(ROOT).as_posix()
    head = f"---\ntitle: {path.name}\nsearch:\n  exclude: true\n---\n\n# `{name}`\n\n"
    if path.is_dir():
        names = (f"- `{each.name}`" for each in sorted(path.iterdir()) if each.name[0] not in "._")
        return head + "\n".join(names) + "\n"
    language = _LANGUAGES.get(path.suffix, "text")
    return f"{head}``````{language}\n{path.read_text('utf-8', 'replace').rstrip()}\n``````\n"


# Lists.


def indented(markdown: str) -> str:
    """The same with four spaces for each level of a list, and an empty line before a list."""
    lines = markdown.split("\n")
    owner: dict[int, tuple[int, int, bool]] = {}  # of a line: depth, column of the text, is first
    before: set[int] = set()
    depth = 0
    for token in MarkdownIt("commonmark").parse(markdown):
        depth += token.nesting if token.type.endswith("_list_open") else 0
        depth += token.nesting if token.type.endswith("_list_close") else 0
        if token.type.endswith("_list_open") and token.map and depth == 1:
            before.add(token.map[0])
        if token.type == "list_item_open" and token.map:
            mark = _ITEM.match(lines[token.map[0]])
            if mark:
                for number in range(*token.map):
                    owner[number] = depth, mark.end(), number == token.map[0]
    made = []
    for number, line in enumerate(lines):
        if number in before and number and lines[number - 1].strip():
            made.append("")
        level, column, is_first = owner.get(number, (0, 0, False))
        mark = _ITEM.match(line)
        if is_first and mark:
            made.append(f"{' ' * 4 * (level - 1)}{mark[2]:<3} {line[mark.end() :]}")
        elif level and line.strip():
            rest = line[column:] if not line[:column].strip() else line.lstrip()
            made.append(" " * 4 * level + rest)
        else:
            made.append(line)
    return "\n".join(made)
