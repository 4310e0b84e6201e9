"""The workspace: built, built of these sources, sourced, and not hidden by another one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from fer_monitor.doctor.finding import FAIL, Finding, fail, ok, warn
from fer_monitor.doctor.world import World

REBUILD = "rm -f .venv/.done-build && make setup"
_INPUTS = ("*.msg", "*.action", "*.srv", "CMakeLists.txt", "package.xml", "setup.py", "setup.cfg")
_INDEX = Path("share", "ament_index", "resource_index", "packages")
_NEW_SHELL = "open a new terminal, then: . scripts/env.sh"
_SOURCED = "shell"


def examine(world: World) -> list[Finding]:
    """Whether it is built, and what of it this shell sees."""
    if world.root is None:
        return [warn("not looked for: this is not the project's folder", "cd to the project")]
    names = packages(world.root)
    build, shell = built(world, names), sourced(world, names)
    if build.status == FAIL and shell.status != FAIL:
        return [build]  # sourcing comes after it
    return [build, shell]


def packages(root: Path) -> dict[str, Path]:
    """The folder of each package of the workspace, by name."""
    found = {}
    for manifest in sorted((root / "ros2_ws" / "src").glob("*/package.xml")):
        name = re.search(r"<name>\s*([^<\s]+)\s*</name>", manifest.read_text(encoding="utf-8"))
        if name:
            found[name[1]] = manifest.parent
    return found


def built(world: World, names: dict[str, Path]) -> Finding:
    """Whether the packages are installed where they are, from the sources as they are."""
    install, root = world.install, world.root
    if install is None or root is None or not (install / "local_setup.sh").is_file():
        return fail("the workspace is not built", world.setup)
    setup = (install / "local_setup.sh").read_text(encoding="utf-8", errors="replace")
    prefix = re.search(r"CURRENT_PREFIX=[\"']?(/[^\"'\n]+)", setup)
    if prefix and Path(prefix[1]).resolve() != install.resolve():
        text = f"the workspace was built as {prefix[1]} and has been moved to {install}"
        return fail(text, f"cd {root} && make clean && make setup")
    missing = [name for name in names if not (install / name / _INDEX / name).exists()]
    if missing:
        return fail(f"not built: {', '.join(missing)}", f"cd {root} && {REBUILD}")
    logs = {name: root / "ros2_ws" / "build" / name / "colcon_build.rc" for name in names}
    broken = [name for name, log in logs.items() if _text(log) not in ("", "0")]
    if broken:
        text = f"the last build failed or was interrupted: {', '.join(broken)}"
        return warn(text, f"cd {root} && {REBUILD}")
    newer = [
        str(path.relative_to(root / "ros2_ws" / "src"))
        for name, folder in names.items()
        for path in _inputs(folder)
        if logs[name].is_file() and path.stat().st_mtime > logs[name].stat().st_mtime
    ]
    if newer:
        more = f" and {len(newer) - 3} more" if len(newer) > 3 else ""
        text = f"changed since it was built: {', '.join(newer[:3])}{more}"
        return warn(text, f"cd {root} && {REBUILD}")
    return ok(f"{len(names)} packages are built in {install}")


def sourced(world: World, names: dict[str, Path]) -> Finding:
    """Which workspace the shell would take the packages from."""
    prefixes = _paths(world.environ.get("AMENT_PREFIX_PATH", ""))
    gone = [path for path in prefixes if not path.is_dir()]
    if gone:
        text = f"this shell has sourced {gone[0]}, which is no longer there"
        return fail(text, _NEW_SHELL, _SOURCED)
    for name in names:
        places = [prefix for prefix in prefixes if (prefix / _INDEX / name).exists()]
        if places and not _within(places[0], world.root):
            text = f"package {name} comes from {places[0]}, another workspace (AMENT_PREFIX_PATH)"
            return fail(text, _NEW_SHELL, _SOURCED)
    for folder in _paths(world.environ.get("PYTHONPATH", "")):
        for name in names:
            module = folder / name
            if (module / "__init__.py").is_file() and not _within(module, world.root):
                text = f"Python finds {name} in {folder}, another workspace (PYTHONPATH)"
                return fail(text, _NEW_SHELL, _SOURCED)
    seen = [name for name in names if any((p / _INDEX / name).exists() for p in prefixes)]
    if len(seen) == len(names):
        return ok("the workspace is sourced", _SOURCED)
    if seen:
        lacking = ", ".join(name for name in names if name not in seen)
        text = f"sourced before {lacking} was built"
        return warn(text, ". scripts/env.sh", _SOURCED)
    text = "the workspace is not sourced in this shell (make does that by itself)"
    return warn(text, f". {world.root}/scripts/env.sh", _SOURCED)


def _inputs(folder: Path) -> Iterator[Path]:
    for pattern in _INPUTS:
        for path in folder.rglob(pattern):
            if path.is_file():
                yield path


def _paths(value: str) -> list[Path]:
    return [Path(part) for part in value.split(os.pathsep) if part]


def _within(path: Path, root: Path | None) -> bool:
    return root is not None and root.resolve() in (path.resolve(), *path.resolve().parents)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
