"""Python and the virtual environment."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from fer_monitor.doctor.finding import Finding, fail, ok
from fer_monitor.doctor.world import World

LOWEST, HIGHEST = (3, 10), (3, 12)
AGAIN = "rm -rf .venv && make setup"
_TELL = "import sys, json; print(json.dumps([list(sys.version_info[:3]), sys.prefix]))"
_INSTALL = "install Python 3.12 (`sudo apt install python3.12-venv python3.12-dev`), then: "


def examine(world: World) -> list[Finding]:
    """Which Python the robot runs in, and whether its environment is whole."""
    venv = world.venv
    if venv is None:
        return [_version(list(sys.version_info[:3]), "outside the project's folder", "")]
    if not os.path.lexists(venv / "bin" / "python"):
        return [fail(f"there is no virtual environment {venv}", world.setup)]
    answer = world.run((str(venv / "bin" / "python"), "-c", _TELL), 4.0, world.robot_environ)
    if answer.code != 0:
        why = "it does not answer" if answer.code is None else answer.complaint
        if "Permission denied" in why:
            text = f"you may not use {venv}: another user has set it up"
            return [fail(text, f"sudo chown -R $USER {world.root}, or work as that user")]
        text = f"the Python of {venv} does not run ({why}): was the one it was made with removed?"
        return [fail(text, f"cd {world.root} && {AGAIN}")]
    version, prefix = json.loads(answer.out.splitlines()[-1])
    made_for = _made_for(venv)
    if made_for and made_for.resolve() != venv.resolve():
        text = f"{venv} was made as {made_for} and has been moved, which breaks its programs"
        return [fail(text, f"cd {world.root} && make clean && make setup")]
    return [_version(version, f"in {prefix}", f"cd {world.root} && PYTHON=python3.12 {AGAIN}")]


def _version(version: list[int], place: str, remedy: str) -> Finding:
    text = f"Python {'.'.join(map(str, version))} {place}"
    if LOWEST <= tuple(version[:2]) <= HIGHEST:
        return ok(text)
    return fail(f"{text}, expected 3.10, 3.11 or 3.12", _INSTALL + (remedy or "make setup"))


def _made_for(venv: Path) -> Path | None:
    """The path that an environment was made at."""
    try:
        text = (venv / "bin" / "activate").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^\s*VIRTUAL_ENV=[\"']?([^\"'\n$]+)", text, re.MULTILINE)
    return Path(found[1]) if found else None
