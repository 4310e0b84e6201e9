#!/usr/bin/env python3
"""Writes what the robot installs on this machine as a software bill of materials (CycloneDX).

Versions and hashes are those of ``requirements/lock``, of which only the lines for this Python and
processor count. With an installed ROS its own packages are not listed: they are those of apt.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
OUTPUT = ROOT / "sbom_output" / "robot.cdx.json"
PARTS = ("piper", "video")


def lines(text: str) -> list[str]:
    """The lines of a requirement file that apply here, each with its hashes, without its marker."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        asked, *hashes = line.partition("#")[0].split(" --hash=")
        if not asked.strip():
            continue
        requirement = Requirement(asked.strip())
        if requirement.marker is None or requirement.marker.evaluate():
            requirement.marker = None
            found.append(" --hash=".join((str(requirement), *(each.strip() for each in hashes))))
    return found


def wanted(ros: str, parts: Iterable[str] = ()) -> list[str]:
    """What the robot installs, sorted.

    Args:
        ros: the distribution from PyPI; empty where ROS is installed otherwise.
        parts: names of `PARTS`.
    """
    locks = ["robot", *([f"ros-{ros}"] if ros else []), *parts]
    files = [*(f"lock/{lock}.txt" for lock in locks), "faces.txt"]
    return sorted({line for file in files for line in lines((REQUIREMENTS / file).read_text())})


def project() -> str:
    """What ``CITATION.cff`` says of the robot itself, in the words of ``pyproject.toml``."""
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    values = {
        "name": said["repository-code"].rpartition("/")[2], "version": str(said["version"]),
        "description": said["title"], "license": said["license"],
    }  # fmt: skip
    return "[project]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())


def complete(text: str) -> str:
    """The bill with an edge from the robot to each package: a lock does not tell who needs whom."""
    bill = json.loads(text)
    root = bill["metadata"]["component"]["bom-ref"]
    (edge,) = (each for each in bill["dependencies"] if each["ref"] == root)
    edge["dependsOn"] = [component["bom-ref"] for component in bill["components"]]
    return json.dumps(bill, indent=2) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command, and returns its exit code."""
    parser = argparse.ArgumentParser(description="Writes the robot's bill of materials.")
    parser.add_argument("--tool", type=Path, default="cyclonedx-py", help="path of cyclonedx-py")
    text = "what else was installed: piper, video"
    parser.add_argument("--with", dest="parts", nargs="*", default=[], choices=PARTS, help=text)
    options = parser.parse_args(arguments)
    remembered = ROOT / ".venv" / ".ros"
    ros = remembered.read_text() if remembered.exists() else ""
    with tempfile.TemporaryDirectory() as folder:
        pyproject, made = Path(folder, "pyproject.toml"), Path(folder, OUTPUT.name)
        pyproject.write_text(project(), encoding="utf-8")
        command = [options.tool, "requirements", "-", "--pyproject", pyproject, "-o", made]
        listed = wanted(ros, options.parts)
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}  # of the edges, see `complete`
        done = subprocess.run(
            command, input="\n".join(listed), text=True, check=False, env=environment
        )
        if done.returncode != 0:
            return done.returncode
        text = complete(made.read_text(encoding="utf-8"))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(text, encoding="utf-8")
    print(f"{len(listed)} packages: {os.path.relpath(OUTPUT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
