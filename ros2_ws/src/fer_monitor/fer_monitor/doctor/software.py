"""What is installed and built: Python, its packages, the workspace, the models."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fer_common.reason import Level
from fer_monitor.doctor.check import Diagnosis, about, fail, ok, warn
from fer_monitor.doctor.host import PYTHONS, ROS, Host, MissingError, ProbeError, text_of

# Before anything is installed.

SETUP_MB = {"robot": 2000, "viewer": 2000, "dev": 9000}  # PyTorch for GPUs is the larger part
"""Disk space for what ``scripts/setup.sh`` can install, 10^6 bytes."""


def before_setup(host: Host, what: str) -> Iterator[Diagnosis]:
    """What ``scripts/setup.sh`` stops at, before it begins.

    Args:
        host: whose Python is the one that runs this.
        what: a key of `SETUP_MB`.
    """
    yield from build_tools(host)
    root, machine = host.root or Path.cwd(), host.machine
    free_mb = host.free_mb(root)
    if not (root / ".venv" / f".done-{what}").is_file() and free_mb < SETUP_MB[what]:
        text = f"needs {SETUP_MB[what]} MB of disk space in {root}, {free_mb:.0f} MB are free"
        yield Diagnosis(Level.ERROR, text)
    absent = absent_ros(host, host.environ.get("ROS_DISTRO"))
    if absent:
        yield fail(absent, "unset it to install ROS from PyPI")
    elif not host.environ.get("ROS_DISTRO") and (sys.platform, machine) != ("linux", "x86_64"):
        text = f"ROS 2 {ROS.capitalize()} is on PyPI for x86-64 Linux only"
        yield fail(text, f"here, install it in /opt/ros/{ROS} and source its setup.bash")


def build_tools(host: Host) -> Iterator[Diagnosis]:
    """What the Python that runs this, and the system, lack for making and building things."""
    debian = "on Debian or Ubuntu: apt install"
    try:
        for module in ("venv", "ensurepip"):
            importlib.import_module(module)
    except ImportError:
        yield fail(f"{sys.executable} has no venv module", f"{debian} python3-venv")
    path = host.environ.get("PATH", "")
    if not any(shutil.which(compiler, path=path) for compiler in ("c++", "g++", "clang++")):
        yield fail("needs a C++ compiler to build messages and kernels", f"{debian} g++")
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        text = f"{sys.executable} has no header files (Python.h)"
        yield fail(text, f"{debian} python3-dev")


def absent_ros(host: Host, distro: str | None) -> str | None:
    """Why the distribution of ROS that a shell names cannot be used; None where it can."""
    if not distro or host.file(f"/opt/ros/{distro}/setup.bash").is_file():
        return None
    return f"ROS_DISTRO is '{distro}', but /opt/ros/{distro} is not there"


# Python.

_AGAIN = "rm -rf .venv && make setup"
_TELL = "import sys, json; print(json.dumps([list(sys.version_info[:3]), sys.prefix]))"


def python(host: Host) -> Iterator[Diagnosis]:
    """Which Python the robot runs in, and whether its environment is whole."""
    if host.venv is None:
        yield _version(sys.version_info[:3], "outside the project's folder", "make setup")
    elif os.path.lexists(host.venv / "bin" / "python"):
        yield _environment(host, host.venv)
    else:
        yield fail(f"there is no virtual environment {host.venv}", host.setup)
        yield from build_tools(host)


def _environment(host: Host, venv: Path) -> Diagnosis:
    outcome = host.run((str(venv / "bin" / "python"), "-c", _TELL), 4.0, host.robot_environ)
    if outcome.code != 0:
        why = "it does not answer" if outcome.code is None else outcome.complaint
        if "Permission denied" in why:
            text = f"you may not use {venv}: another user has set it up"
            return fail(text, f"sudo chown -R $USER {host.root}, or work as that user")
        text = f"the Python of {venv} does not run ({why}): was the one it was made with removed?"
        return fail(text, f"cd {host.root} && {_AGAIN}")
    version, prefix = json.loads(outcome.out.splitlines()[-1])
    variable = r"^\s*VIRTUAL_ENV=[\"']?([^\"'\n$]+)"
    made_for = re.search(variable, text_of(venv / "bin" / "activate"), re.MULTILINE)
    if made_for and Path(made_for[1]).resolve() != venv.resolve():
        text = f"{venv} was made as {made_for[1]} and has been moved, which breaks its programs"
        return fail(text, f"cd {host.root} && make clean && make setup")
    again = f"cd {host.root} && PYTHON=python{PYTHONS[-1]} {_AGAIN}"
    return _version(version, f"in {prefix}", again)


def _version(version: Sequence[int], place: str, remedy: str) -> Diagnosis:
    text, newest = f"Python {'.'.join(map(str, version))} {place}", PYTHONS[-1]
    if f"{version[0]}.{version[1]}" in PYTHONS:
        return ok(text)
    packages = f"`sudo apt install python{newest}-venv python{newest}-dev`"
    expected = f"{', '.join(PYTHONS[:-1])} or {newest}"
    return fail(
        f"{text}, expected {expected}", f"install Python {newest} ({packages}), then: {remedy}"
    )


# Packages.

MODULES = ("numpy", "cv2", "onnxruntime", "mediapipe", "yaml", "PIL")
"""What the robot imports of them."""

_LINE = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^;\s]+)\s*(;\s*(?P<marker>.*))?$"
)
_MACHINE = re.compile(r"platform_machine\s*==\s*[\"'](\w+)[\"']")
_DEBIAN = {"libGL.so.1": "libgl1", "libEGL.so.1": "libegl1", "libgthread": "libglib2.0-0"}
"""The package of Debian with a library."""


def pins(text: str, machine: str) -> dict[str, str]:
    """The versions that a requirement file asks for, by name of the distribution.

    Args:
        text: of the file.
        machine: such as ``x86_64``; lines for another one are left out.
    """
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line.split("#")[0].strip())
        wanted = _MACHINE.search(match["marker"] or "") if match else None
        if match and (wanted is None or wanted[1] == machine):
            found[match["name"]] = match["version"]
    return found


def packages(host: Host) -> Iterator[Diagnosis]:
    """Versions first, and whether each package really loads."""
    if host.root is None:
        text = "not compared: the project's requirements/ is not here"
        yield warn(text, "cd to the project")
    else:
        yield from _versions(host, host.root / "requirements")
    errors = host.ask("imports", *MODULES, limit_s=6.5)["errors"]
    words = "; ".join(f"{name}: {error}" for name, error in errors.items())
    loaded = ok(f"{', '.join(MODULES)} load")
    failed = fail(f"cannot be loaded: {words}", _cure(words, host))
    yield about("imports", failed if errors else loaded)


def _versions(host: Host, folder: Path) -> Iterator[Diagnosis]:
    files = ["runtime.txt", "no-deps.txt", "build.txt"]
    if not host.robot_environ.get("ROS_DISTRO"):
        files.append(f"ros-{ROS}.txt")
    asked = {
        file: pins((folder / file).read_text(encoding="utf-8"), host.machine) for file in files
    }
    pinned = {name: version for found in asked.values() for name, version in found.items()}
    try:
        found = host.ask("versions", *pinned, limit_s=4.0)["versions"]
    except ProbeError as error:
        yield fail(f"{host.python} does not tell what is installed ({error})", host.setup)
        return

    def install(names: Collection[str]) -> str:
        pip = f"cd {host.root} && {host.python} -m pip install"
        return " && ".join(
            f"{pip} {'--no-deps ' * (file == 'no-deps.txt')}-r requirements/{file}"
            for file in sorted(file for file in files if not asked[file].keys().isdisjoint(names))
        )

    missing = [name for name in pinned if found.get(name) is None]
    other = [name for name in pinned if found.get(name) not in (None, pinned[name])]
    if missing:
        yield fail(f"not installed: {', '.join(missing)}", install(missing))
    if other:
        words = (f"{name} is {found[name]}, tested {pinned[name]}" for name in other)
        yield warn(", ".join(words), install(other))
    if not missing and not other:
        yield ok(f"{len(pinned)} packages in the versions that were tested")


def _cure(words: str, host: Host) -> str:
    library = re.search(r"(lib[\w+.-]+\.so[.\d]*): cannot open shared object", words)
    if library:
        names = (name for start, name in _DEBIAN.items() if library[1].startswith(start))
        return f"sudo apt install {next(names, f'<the package with {library[1]}>')}"
    if "numpy" in words.lower() and ("1.x" in words or "_ARRAY_API" in words):
        return f"{host.python} -m pip install -r requirements/runtime.txt"
    return f"{host.setup}; if it stays so: {_AGAIN}"


def plugins(host: Host) -> Iterator[Diagnosis]:
    """What other packages have registered for the robot; nothing where there is none."""
    try:
        registered = host.ask("registries", limit_s=5.0)
    except MissingError:  # told by the checks of packages
        return
    except ProbeError as error:
        registered = {"foreign": [], "errors": [f"a package of others breaks: {error}"]}
    for reason in registered["errors"]:
        yield fail(reason, f"{host.python} -m pip install it again, or uninstall it")
    if registered["foreign"] and not registered["errors"]:
        yield ok(f"{', '.join(registered['foreign'])}: of other packages, can be imported")


# Workspace.

_REBUILD = "rm -f .venv/.done-build && make setup"
_INPUTS = ("*.msg", "*.action", "*.srv", "CMakeLists.txt", "package.xml", "setup.py", "setup.cfg")
_INDEX = Path("share", "ament_index", "resource_index", "packages")
_NEW_SHELL = "open a new terminal, then: . scripts/env.sh"


def workspace(host: Host) -> list[Diagnosis]:
    """Whether it is built, and what of it this shell sees."""
    if host.root is None:
        return [warn("not looked for: this is not the project's folder", "cd to the project")]
    names = host.packages()
    built, sourced = _built(host.root, names), _sourced(host, host.root, names)
    if built.level == Level.ERROR and sourced.level != Level.ERROR:
        return [built]  # sourcing comes after it
    return [built, about("shell", sourced)]


def _built(root: Path, names: dict[str, Path]) -> Diagnosis:
    """Whether the packages are installed where they are, from the sources as they are."""
    install, remedy = root / "ros2_ws" / "install", f"cd {root} && {_REBUILD}"
    if not (install / "local_setup.sh").is_file():
        return fail("the workspace is not built", f"cd {root} && make setup")
    prefix = re.search(r"CURRENT_PREFIX=[\"']?(/[^\"'\n]+)", text_of(install / "local_setup.sh"))
    if prefix and Path(prefix[1]).resolve() != install.resolve():
        text = f"the workspace was built as {prefix[1]} and has been moved to {install}"
        return fail(text, f"cd {root} && make clean && make setup")
    missing = [name for name in names if not (install / name / _INDEX / name).exists()]
    if missing:
        return fail(f"not built: {', '.join(missing)}", remedy)
    logs = {name: root / "ros2_ws" / "build" / name / "colcon_build.rc" for name in names}
    broken = [name for name, log in logs.items() if text_of(log) not in ("", "0")]
    if broken:
        return warn(f"the last build failed or was interrupted: {', '.join(broken)}", remedy)
    newer = [
        str(path.relative_to(root / "ros2_ws" / "src"))
        for name, folder in names.items()
        for pattern in _INPUTS
        for path in folder.rglob(pattern)
        if path.is_file() and logs[name].is_file()
        if path.stat().st_mtime > logs[name].stat().st_mtime
    ]
    if newer:
        more = f" and {len(newer) - 3} more" if len(newer) > 3 else ""
        return warn(f"changed since it was built: {', '.join(newer[:3])}{more}", remedy)
    return ok(f"{len(names)} packages are built in {install}")


def _sourced(host: Host, root: Path, names: dict[str, Path]) -> Diagnosis:
    """Which workspace the shell would take the packages from."""

    def is_ours(path: Path) -> bool:
        return root.resolve() in (path.resolve(), *path.resolve().parents)

    prefixes = _paths(host, "AMENT_PREFIX_PATH")
    gone = [path for path in prefixes if not path.is_dir()]
    if gone:
        text = f"this shell has sourced {gone[0]}, which is no longer there"
        return fail(text, _NEW_SHELL)
    places = {name: [p for p in prefixes if (p / _INDEX / name).exists()] for name in names}
    for name, found in places.items():
        if found and not is_ours(found[0]):
            text = f"package {name} comes from {found[0]}, another workspace (AMENT_PREFIX_PATH)"
            return fail(text, _NEW_SHELL)
    for folder in _paths(host, "PYTHONPATH"):
        for name in names:
            if (folder / name / "__init__.py").is_file() and not is_ours(folder / name):
                text = f"Python finds {name} in {folder}, another workspace (PYTHONPATH)"
                return fail(text, _NEW_SHELL)
    lacking = [name for name, found in places.items() if not found]
    if not lacking:
        return ok("the workspace is sourced")
    if len(lacking) < len(names):
        return warn(f"sourced before {', '.join(lacking)} was built", ". scripts/env.sh")
    text = "the workspace is not sourced in this shell (make does that by itself)"
    return warn(text, f". {root}/scripts/env.sh")


def _paths(host: Host, name: str) -> list[Path]:
    return [Path(part) for part in host.environ.get(name, "").split(os.pathsep) if part]


# Models.

MODEL = "ec_rfernet"
"""The one that the robot uses where nobody asks for another."""
_MANIFEST = "bundle.json"


def models(host: Host) -> Iterator[Diagnosis]:
    """The bundles of the project, and the installed ones where these are other files."""
    folders = {folder.resolve(): folder for folder in reversed(_bundles(host))}
    names, all_well = [], True
    for folder in reversed(list(folders.values())):
        names.append(folder.name)
        reason = _damage(folder)
        if reason:
            all_well = False
            is_project = host.root is not None and folder.parent == host.root / "models"
            checkout = f"git -C {host.root} checkout -- models/{folder.name}"
            yield fail(reason, checkout if is_project else f"rm -r {folder} && {_REBUILD}")
    if MODEL not in names:
        remedy = f"git -C {host.root} checkout -- models" if host.root else host.setup
        yield fail(f"the model '{MODEL}' is not there", remedy)
    elif all_well:
        yield ok(f"{', '.join(dict.fromkeys(names))}: every sha256 is right")


def model_folder(host: Host) -> Path | None:
    """Where the robot's own model is; None where it is not."""
    return next((folder for folder in _bundles(host) if folder.name == MODEL), None)


def _bundles(host: Host) -> list[Path]:
    prefixes = filter(None, host.robot_environ.get("AMENT_PREFIX_PATH", "").split(":"))
    places = [] if host.root is None else [host.root / "models"]
    places += [Path(prefix, "share", "fer_models") for prefix in prefixes]
    return [path.parent for place in places for path in sorted(place.glob(f"*/{_MANIFEST}"))]


def _damage(folder: Path) -> str | None:
    """What is wrong with a bundle; None where its files have the recorded sha256."""
    manifest = folder / _MANIFEST
    try:
        hashes = json.loads(manifest.read_text(encoding="utf-8"))["sha256"]
        for name, expected in hashes.items():
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            if found != expected:
                return (
                    f"{folder / name} is damaged or was replaced: its sha256 is {found[:12]}, "
                    f"{_MANIFEST} says {str(expected)[:12]}"
                )
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{manifest} is not the manifest of a bundle ({type(error).__name__}: {error})"
    return None
