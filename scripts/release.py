#!/usr/bin/env python3
"""Writes the version and the addresses of ``CITATION.cff`` into every package.

They stand in ``package.xml``, which ROS reads, and in ``setup.py``, which pip reads. With --check
nothing is written, and the exit code is 1 when a file says something else.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CITATION = ROOT / "CITATION.cff"
SOURCES = ROOT / "ros2_ws" / "src"
_URLS = re.compile(r"^(?:  <url .*</url>\n)*(?=\n)", re.MULTILINE)
_VERSION = re.compile(r"(?<=<version>)[^<]*(?=</version>)")
_SETUP = re.compile(r'(?<=\n    version=")[^"]*(?=",\n)(?:",\n    url="[^"]*)?')


@dataclass(frozen=True)
class Release:
    """What all packages have in common.

    Attributes:
        version: after Semantic Versioning, such as 0.2.0.
        repository: address of the sources.
    """

    version: str
    repository: str

    @property
    def urls(self) -> dict[str, str]:
        """Addresses by their type in ``package.xml`` (REP-149)."""
        return {
            "website": self.repository,
            "repository": self.repository,
            "bugtracker": f"{self.repository}/issues",
        }


def release() -> Release:
    """What ``CITATION.cff`` says."""
    said = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    return Release(str(said["version"]), said["repository-code"])


def manifest(text: str, wanted: Release) -> str:
    """A ``package.xml`` with this version and these addresses."""
    urls = "".join(f'  <url type="{kind}">{at}</url>\n' for kind, at in wanted.urls.items())
    text = _VERSION.sub(wanted.version, text, count=1)
    return _URLS.sub(urls, text, count=1)


def setup(text: str, wanted: Release) -> str:
    """A ``setup.py`` with this version and the address of the sources."""
    return _SETUP.sub(f'{wanted.version}",\n    url="{wanted.repository}', text, count=1)


def written() -> dict[Path, str]:
    """What each file has to be."""
    wanted = release()
    made = {path: manifest(path.read_text(), wanted) for path in SOURCES.glob("*/package.xml")}
    return made | {path: setup(path.read_text(), wanted) for path in SOURCES.glob("*/setup.py")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command, and returns its exit code."""
    parser = argparse.ArgumentParser(description="Writes version and addresses into all packages.")
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    options = parser.parse_args(arguments)
    stale = {path: text for path, text in written().items() if path.read_text() != text}
    for path, text in sorted(stale.items()):
        print(path.relative_to(ROOT))
        if not options.check:
            path.write_text(text)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
