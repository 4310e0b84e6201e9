"""``requirements/lock`` holds what the ranges ask for, for every Python, with hashes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fer_monitor.doctor.host import DISTROS, PYTHONS

FOLDER = Path(__file__).resolve().parents[1] / "requirements"
ASKED = {
    "robot": ("build", "runtime"),
    "piper": ("piper",),
    "video": ("video",),
    "dev": ("cmake", "viewer", "study", "docs", "train", "dev", "bench"),
    **{f"ros-{distro}": (f"ros-{distro}",) for distro in DISTROS},
}


def requirements(path: Path) -> list[tuple[Requirement, int]]:
    """Each with the number of its hashes."""
    found = []
    for line in path.read_text().replace("\\\n", " ").splitlines():
        text, *hashes = re.split(r"\s--hash=", line.partition("#")[0])
        if text.strip():
            found.append((Requirement(text), len(hashes)))
    return found


def is_for(requirement: Requirement, python: str) -> bool:
    """Whether a version of Python needs it."""
    system = {
        "python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux",
        "platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix",
    }  # fmt: skip
    return requirement.marker is None or requirement.marker.evaluate(system)


def versions(path: Path, python: str) -> dict[str, str]:
    """What the lock installs, by name."""
    found: dict[str, str] = {}
    for requirement, _ in requirements(path):
        if is_for(requirement, python):
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            name = canonicalize_name(requirement.name)
            assert found.setdefault(name, pin.version) == pin.version, f"{name} twice"
    return found


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", ASKED)
def test_what_is_asked_for_is_locked(lock: str, python: str) -> None:
    locked = versions(FOLDER / "lock" / f"{lock}.txt", python)
    for file in ASKED[lock]:
        for asked, _ in requirements(FOLDER / f"{file}.txt"):
            if not is_for(asked, python):
                continue
            version = locked.get(canonicalize_name(asked.name))
            assert version is not None, f"{file}.txt asks for {asked}: `make lock`"
            assert version in asked.specifier, f"{asked} against {version}: `make lock`"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_locks_agree(python: str) -> None:
    robot, *others = (versions(FOLDER / "lock" / f"{lock}.txt", python) for lock in ASKED)
    for other in others:
        assert {name: other[name] for name in robot.keys() & other} == {
            name: robot[name] for name in robot.keys() & other
        }


@pytest.mark.parametrize("lock", sorted(ASKED.keys() - {"dev"}))
def test_every_package_of_the_robot_has_a_hash(lock: str) -> None:
    assert all(hashes for _, hashes in requirements(FOLDER / "lock" / f"{lock}.txt"))
