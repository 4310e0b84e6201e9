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
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer_common.reason import Level
from fer_monitor.doctor.check import Diagnosis, about, fail, ok, warn
from fer_monitor.doctor.host import (
    DISTROS,
    GET_PYTHON,
    PYTHONS,
    Host,
    MissingError,
    ProbeError,
    text_of,
)

# Before anything is installed.

SETUP_MB = {"robot": 2000, "viewer": 2000, "dev": 9000}  # PyTorch for GPUs is the larger part
"""Disk space for what ``scripts/setup.sh`` can install, 10^6 bytes."""


def before_setup(host: Host, what: str) -> Iterator[Diagnosis]:
    """What ``scripts/setup.sh`` stops at, before it begins.

    Args:
        host: whose Python is the one that runs this.
        what: a key of `SETUP_MB`.
    """
    root, machine = host.root or Path.cwd(), host.machine
    yield from place(root)
    yield from build_tools(host)
    free_mb = host.free_mb(root)
    if not (root / ".venv" / f".done-{what}").is_file() and free_mb < SETUP_MB[what]:
        text = f"needs {SETUP_MB[what]} MB of disk space in {root}, {free_mb:.0f} MB are free"
        yield Diagnosis(Level.ERROR, text)
    absent = absent_ros(host, host.environ.get("ROS_DISTRO"))
    if absent:
        yield fail(absent, "unset it to install ROS from PyPI")
    elif not host.environ.get("ROS_DISTRO") and (sys.platform, machine) != ("linux", "x86_64"):
        remedy = (
            f"here, install that of apt (sudo apt install ros-{DISTROS[0]}-ros-base, on Ubuntu; "
        )
        remedy += (
            f"see docs/raspberry_pi.md), source /opt/ros/{DISTROS[0]}/setup.bash, and do it again"
        )
        yield fail("ROS 2 is on PyPI for x86-64 Linux only", remedy)


_TROUBLE = re.compile(r"[^\w/.-]", re.ASCII)
"""To these the shells, make or the linker give a meaning; and CMake ends a path at an umlaut."""


def place(root: Path) -> Iterator[Diagnosis]:
    """Whether colcon, CMake and the shells can live with the path of the project."""
    found = sorted(set(_TROUBLE.findall(str(root))))
    if found:
        names = {" ": "a space", "\t": "a tabulator", "\n": "a line break"}
        # What is no UTF-8 cannot be shown.
        listed = ", ".join(names.get(each, each if each.isprintable() else "?") for each in found)
        shown = str(root).encode("utf-8", "replace").decode()
        text = f"'{' '.join(shown.split())}' has {listed} in it, which ROS cannot build in"
        yield fail(text, "move the project, such as to ~/my_robot, and do it again")


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
        yield _version(sys.version_info[:3], "outside the project's folder")
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
    return _version(version, f"in {prefix}")


def _version(version: Sequence[int], place: str) -> Diagnosis:
    text = f"Python {'.'.join(map(str, version))} {place}"
    if f"{version[0]}.{version[1]}" in PYTHONS:
        return ok(text)
    return fail(f"{text}, expected {PYTHONS[0]} to {PYTHONS[-1]}", GET_PYTHON)


_TEST_TOOLS = {"strace": "strace", "ip": "iproute2", "unshare": "util-linux"}
"""Programs with which the tests prove what leaves this machine, and Debian's packages of them."""


def tools_of_tests(host: Host) -> Iterator[Diagnosis]:
    """What some tests need of the system, where tests were set up; they are skipped without it."""
    if host.venv is None or not (host.venv / ".done-dev").is_file():
        return
    path = host.environ.get("PATH", "")
    missing = [name for name in _TEST_TOOLS if shutil.which(name, path=path) is None]
    if missing:
        text = f"not installed: {', '.join(missing)}; tests of what leaves this machine are skipped"
        yield warn(text, f"sudo apt install {' '.join(_TEST_TOOLS[name] for name in missing)}")
    else:
        yield ok(f"{', '.join(_TEST_TOOLS)} are there for the tests")


# Packages.

MODULES = ("numpy", "cv2", "yaml", "PIL")
"""What the robot imports of them."""

_DEBIAN = {"libGL.so.1": "libgl1", "libEGL.so.1": "libegl1", "libgthread": "libglib2.0-0"}
"""The package of Debian with a library."""
_INSTALL = "rm -f .venv/.done-* && make setup"


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
    files = ["runtime.txt", "faces.txt", "build.txt"]
    if not host.robot_environ.get("ROS_DISTRO"):
        files.append(f"ros-{host.distro}.txt")
    remedy = f"cd {host.root} && {_INSTALL}"
    try:
        found = host.ask("requirements", *(str(folder / file) for file in files), limit_s=4.0)
    except ProbeError as error:
        yield fail(f"{host.python} does not tell what is installed ({error})", remedy)
        return
    if found["absent"]:
        yield fail(f"not installed: {', '.join(found['absent'])}", remedy)
    if found["others"]:
        yield warn(", ".join(found["others"]), remedy)
    if not found["absent"] and not found["others"]:
        yield ok(f"{found['count']} packages in versions that the project is made for")


def _cure(words: str, host: Host) -> str:
    library = re.search(r"(lib[\w+.-]+\.so[.\d]*): cannot open shared object", words)
    if library:
        names = (name for start, name in _DEBIAN.items() if library[1].startswith(start))
        return f"sudo apt install {next(names, f'<the package with {library[1]}>')}"
    if "numpy" in words.lower() and ("1.x" in words or "_ARRAY_API" in words):
        return f"cd {host.root} && {_INSTALL}"
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


def naoqi(host: Host) -> Iterator[Diagnosis]:
    """Whether the library for NAO and Pepper loads; nothing where it is not installed."""
    version = host.ask("versions", "qi", limit_s=4.0)["versions"]["qi"]
    if version is None:
        return
    if error := host.ask("imports", "qi", limit_s=4.0)["errors"].get("qi"):
        remedy = f"{host.python} -m pip install --force-reinstall -r requirements/naoqi.txt"
        yield fail(f"qi {version} cannot be loaded: {error}", remedy)
    else:
        yield ok(f"qi {version} loads: robot:=nao, robot:=pepper, speech:=naoqi")


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
