"""What the requirement files ask for, against what is installed and can be imported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fer_monitor.doctor.finding import Finding, fail, ok, warn
from fer_monitor.doctor.world import MissingError, World, ask

MODULES = ("numpy", "cv2", "onnxruntime", "mediapipe", "yaml", "PIL")
"""What the robot imports of them."""

_LINE = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^;\s]+)\s*(;\s*(?P<marker>.*))?$"
)
_MACHINE = re.compile(r"platform_machine\s*==\s*[\"'](\w+)[\"']")
_TELL = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = ""
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Pin:
    """A package that a requirement file asks for.

    Attributes:
        name: of the distribution.
        version: exactly this one.
        file: that asks for it.
    """

    name: str
    version: str
    file: str


def pins(text: str, file: str, machine: str) -> list[Pin]:
    """The packages of a requirement file.

    Args:
        text: of the file.
        file: its name.
        machine: lines for another one are left out.
    """
    found = []
    for line in text.splitlines():
        match = _LINE.match(line.split("#")[0].strip())
        if match is None:
            continue
        wanted = _MACHINE.search(match["marker"] or "")
        if wanted is None or wanted[1] == machine:
            found.append(Pin(match["name"], match["version"], file))
    return found


def examine(world: World) -> list[Finding]:
    """Versions first, and whether each package really loads."""
    return [*_versions(world), _imports(world)]


def _versions(world: World) -> list[Finding]:
    if world.root is None:
        return [warn("not compared: the project's requirements/ is not here", "cd to the project")]
    if not world.is_set_up:
        raise MissingError(f"{world.python} is not there, or not for you")
    files = ["runtime.txt", "no-deps.txt", "build.txt"]
    if not world.robot_environ.get("ROS_DISTRO"):
        files.append("ros-jazzy.txt")
    asked = [pin for file in files for pin in pins(_read(world, file), file, world.machine)]
    command = (world.python, "-c", _TELL, *(pin.name for pin in asked))
    answer = world.run(command, 4.0, world.robot_environ)
    if answer.code != 0:
        why = "no answer" if answer.code is None else answer.complaint
        return [fail(f"{world.python} does not tell what is installed ({why})", world.setup)]
    installed = json.loads(answer.out.splitlines()[-1])
    return judge(asked, installed, f"cd {world.root} && {world.python}")


def judge(asked: list[Pin], installed: Mapping[str, str], python: str) -> list[Finding]:
    """What the versions mean.

    Args:
        asked: the pins.
        installed: version by name; empty where it is missing.
        python: how to call the interpreter in the project's folder, for the remedy.
    """
    missing = [pin for pin in asked if not installed.get(pin.name)]
    other = [pin for pin in asked if installed.get(pin.name, pin.version) not in ("", pin.version)]
    found = []
    if missing:
        names = ", ".join(pin.name for pin in missing)
        found.append(fail(f"not installed: {names}", _install(missing, python)))
    if other:
        words = ", ".join(f"{p.name} is {installed[p.name]}, tested {p.version}" for p in other)
        found.append(warn(words, _install(other, python)))
    return found or [ok(f"{len(asked)} packages in the versions that were tested")]


def _install(wanted: list[Pin], python: str) -> str:
    files = sorted({pin.file for pin in wanted})
    parts = [
        f"{python} -m pip install {'--no-deps ' * (file == 'no-deps.txt')}-r requirements/{file}"
        for file in files
    ]
    return " && ".join(parts)


def _imports(world: World) -> Finding:
    errors = ask(world, "imports", *MODULES, limit_s=6.5)["errors"]
    if not errors:
        return ok(f"{', '.join(MODULES)} load", "imports")
    words = "; ".join(f"{name}: {error}" for name, error in errors.items())
    return fail(f"cannot be loaded: {words}", _cure(words, world), "imports")


def _cure(words: str, world: World) -> str:
    library = re.search(r"(lib[\w+.-]+\.so[.\d]*): cannot open shared object", words)
    if library:
        known = {"libGL.so.1": "libgl1", "libEGL.so.1": "libegl1", "libgthread": "libglib2.0-0"}
        name = next((v for k, v in known.items() if library[1].startswith(k)), "")
        return f"sudo apt install {name or f'<the package with {library[1]}>'}"
    if "numpy" in words.lower() and ("1.x" in words or "_ARRAY_API" in words):
        return f"{world.python} -m pip install -r requirements/runtime.txt"
    return f"{world.setup}; if it stays so: rm -rf .venv && make setup"


def _read(world: World, file: str) -> str:
    if world.root is None:
        return ""
    return (world.root / "requirements" / file).read_text(encoding="utf-8")
