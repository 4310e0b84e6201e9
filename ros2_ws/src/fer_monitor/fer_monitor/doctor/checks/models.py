"""The trained networks: whether their files are those that were published."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fer_monitor.doctor.finding import Finding, fail, ok
from fer_monitor.doctor.world import World

MANIFEST = "bundle.json"
NEEDED = "ec_rfernet"
"""The one that the robot uses where nobody asks for another."""


def examine(world: World) -> list[Finding]:
    """The bundles of the project, and the installed ones where these are other files."""
    found, names = [], []
    manifests = {manifest.resolve(): manifest for manifest in reversed(_manifests(world))}
    for manifest in reversed(list(manifests.values())):
        names.append(manifest.parent.name)
        problem = damage(manifest)
        if problem:
            found.append(fail(problem, _remedy(world, manifest.parent)))
    if NEEDED not in names:
        remedy = f"git -C {world.root} checkout -- models" if world.root else world.setup
        found.append(fail(f"the model '{NEEDED}' is not there", remedy))
    return found or [ok(f"{', '.join(dict.fromkeys(names))}: every sha256 is right")]


def folder(world: World) -> Path | None:
    """Where the robot's own model is; None where it is not."""
    found = [manifest.parent for manifest in _manifests(world)]
    return next((place for place in found if place.name == NEEDED), None)


def damage(manifest: Path) -> str:
    """What is wrong with a bundle; empty where its files have the recorded sha256."""
    folder = manifest.parent
    try:
        hashes = json.loads(manifest.read_text(encoding="utf-8"))["sha256"]
        for name, expected in hashes.items():
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            if found != expected:
                return (
                    f"{folder / name} is damaged or was replaced: its sha256 is {found[:12]}, "
                    f"{MANIFEST} says {str(expected)[:12]}"
                )
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{manifest} is not the manifest of a bundle ({type(error).__name__}: {error})"
    return ""


def _manifests(world: World) -> list[Path]:
    prefixes = filter(None, world.robot_environ.get("AMENT_PREFIX_PATH", "").split(":"))
    folders = [] if world.root is None else [world.root / "models"]
    folders += [Path(prefix, "share", "fer_models") for prefix in prefixes]
    return [path for place in folders for path in sorted(place.glob(f"*/{MANIFEST}"))]


def _remedy(world: World, folder: Path) -> str:
    models = None if world.root is None else world.root / "models"
    if models is not None and folder.parent == models:
        return f"git -C {world.root} checkout -- models/{folder.name}"
    return f"rm -r {folder} && rm -f .venv/.done-build && make setup"
