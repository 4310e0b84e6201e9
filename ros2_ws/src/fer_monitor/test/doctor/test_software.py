"""The doctor looks at Python, packages, workspace and models of a made-up machine."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

import pytest

from fer_common.reason import Level
from fer_monitor.doctor import software
from fer_monitor.doctor.host import Outcome

OK, WARN, FAIL = Level

# Before anything is installed; tests/test_setup_script.py has the rest


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("My Robot", "a space"),
        ("tab\tbed", "a tabulator"),
        ("Anna's", "'"),
        ('"x"', '"'),
        ("a;b", ";"),
        ("$HOME", "$"),
        ("a:b", ":"),
        ("a,b", ","),
        ("100%", "%"),
        ("(1)", "(, )"),
        ("a&b", "&"),
        ("back\\slash", "\\"),
        ("[x]*?", "*, ?, [, ]"),
        ("gr\udcfcn", "?"),
        ("Grüße", "ß, ü"),
        ("机器人", "人, 器, 机"),
    ],
)
def test_a_path_that_ros_cannot_build_in_is_refused_at_once(host, name, what):
    root = host.root / name / "robot"
    host = replace(host, root=root, environ=dict(os.environ))
    first = next(iter(software.before_setup(host, "robot")))
    assert f"has {what} in it, which ROS cannot build in" in first.text
    assert "\n" not in first.text and first.text.encode()
    assert first.remedy.startswith("move the project")


@pytest.mark.parametrize("name", ["robot-1.2_b", "My_Robot"])
def test_other_paths_are_welcome(host, name):
    assert not list(software.place(host.root / name))


def test_what_set_up_needs(host, monkeypatch):
    host = replace(host, environ=dict(os.environ))
    assert not list(software.before_setup(host, "robot"))
    (arm,) = software.before_setup(replace(host, machine="aarch64"), "robot")
    assert arm.text.startswith("ROS 2 is on PyPI for x86-64 Linux only")
    (disk,) = software.before_setup(replace(host, free_mb=lambda folder: 8000.0), "dev")
    assert disk.text == f"needs 9000 MB of disk space in {host.root}, 8000 MB are free"
    (compiler,) = software.before_setup(replace(host, environ={"PATH": ""}), "robot")
    assert compiler.remedy == "on Debian or Ubuntu: apt install g++"


# Python


def test_tools_that_only_tests_need(host, write, tmp_path):
    assert list(software.tools_of_tests(host)) == []  # nobody has set up tests
    write(host.root / ".venv" / ".done-dev")
    host = replace(host, environ={"PATH": str(tmp_path)})
    for name in ("ip", "unshare"):
        write(tmp_path / name).chmod(0o755)
    (finding,) = software.tools_of_tests(host)
    assert finding.level == WARN and finding.remedy == "sudo apt install strace"
    write(tmp_path / "strace").chmod(0o755)
    (finding,) = software.tools_of_tests(host)
    assert finding.level == OK


def test_the_version_of_python(host, answering):
    for version, level in (
        ([3, 9, 18], FAIL),
        ([3, 10, 0], OK),
        ([3, 14, 9], OK),
        ([3, 15, 0], FAIL),
    ):
        (finding,) = software.python(answering(host, {"-c": [version, "/somewhere"]}))
        assert finding.level == level and ".".join(map(str, version)) in finding.text
        assert (level == OK) == (finding.remedy is None)
        assert (level == OK) or "PYTHON=" in finding.remedy
    assert "expected 3.10 to 3.14" in finding.text


def test_no_virtual_environment(host):
    (host.root / ".venv" / "bin" / "python").unlink()
    finding, compiler = software.python(host)
    assert finding.level == FAIL and "there is no virtual environment" in finding.text
    assert finding.remedy == f"cd {host.root} && make setup"
    assert "needs a C++ compiler" in compiler.text  # there is no PATH


@pytest.mark.parametrize(
    ("error", "text", "remedy"),
    [
        ("python: No such file or directory", "No such file", "rm -rf .venv && make setup"),
        ("python: Permission denied", "another user has set it up", "chown"),
    ],
)
def test_an_environment_whose_python_does_not_run(host, answering, error, text, remedy):
    (finding,) = software.python(answering(host, {"-c": Outcome(127, err=error)}))
    assert finding.level == FAIL and text in finding.text and remedy in finding.remedy


def test_an_environment_that_was_moved(host, write, answering):
    write(host.root / ".venv" / "bin" / "activate", 'VIRTUAL_ENV="/old/place/.venv"\n')
    (finding,) = software.python(answering(host, {"-c": [[3, 11, 2], "/somewhere"]}))
    assert finding.level == FAIL and "/old/place/.venv" in finding.text


# Packages


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"absent": [], "others": []}, [(OK, "2 packages", "None")]),
        (
            {"absent": ["a"], "others": ["numpy is 1.1, expected >=1.26"]},
            [(FAIL, "not installed: a", "make setup"), (WARN, "numpy is 1.1", "make setup")],
        ),
    ],
)
def test_versions(host, answering, answer, expected):
    script = {"probes requirements": {"count": 2, **answer}, "probes imports": {"errors": {}}}
    *found, imports = software.packages(answering(host, script))
    assert (imports.level, imports.subject) == (OK, "imports")
    assert len(found) == len(expected)
    for finding, (level, text, remedy) in zip(found, expected, strict=True):
        assert finding.level == level and text in finding.text and remedy in str(finding.remedy)


@pytest.mark.parametrize(
    ("environ", "remembered", "file"),
    [({}, "", "ros-jazzy.txt"), ({}, "kilted", "ros-kilted.txt"), ({"ROS_DISTRO": "x"}, "", None)],
)
def test_the_packages_of_which_ros(host, answering, write, environ, remembered, file):
    write(host.root / ".venv" / ".ros", remembered)
    asked = answering(replace(host, robot_environ=environ), {"probes": Outcome(1)})
    with contextlib.suppress(Exception):
        list(software.packages(asked))
    (command,) = (words for words in asked.run.commands if "requirements" in words)
    names = [name for name in map(os.path.basename, command) if name.startswith("ros-")]
    assert names == ([file] if file else [])


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file", "sudo apt install libgl1"),
        ("ImportError: libfoo.so.3: cannot open shared object file", "libfoo.so.3"),
        ("A module compiled using NumPy 1.x cannot be run", "rm -f .venv/.done-* && make setup"),
        ("ModuleNotFoundError: No module named 'cv2'", "make setup"),
    ],
)
def test_a_package_that_does_not_load(host, answering, error, remedy):
    answers = {"probes imports": {"errors": {"cv2": error}}, "probes requirements": Outcome(1)}
    versions, imports = software.packages(answering(host, answers))
    assert versions.level == FAIL and "does not tell what is installed" in versions.text
    assert (imports.level, imports.subject) == (FAIL, "imports")
    assert error in imports.text and remedy in imports.remedy


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        ({"foreign": ["robot mine"], "errors": []}, OK, "robot mine"),
        ({"foreign": ["robot mine"], "errors": ["robot 'mine' is broken"]}, FAIL, "is broken"),
        ({"error": "RuntimeError: oops"}, FAIL, "a package of others breaks: RuntimeError: oops"),
    ],
)
def test_what_other_packages_register(host, answering, answer, level, words):
    (finding,) = software.plugins(answering(host, {"probes registries": answer}))
    assert finding.level == level and words in finding.text


def test_nothing_is_told_of_other_packages_where_there_are_none(host, answering):
    for answer in ({"foreign": [], "errors": []}, {"missing": "No module named 'numpy'"}):
        assert not list(software.plugins(answering(host, {"probes registries": answer})))


@pytest.mark.parametrize(
    ("version", "errors", "expected"),
    [
        (None, {}, None),
        ("3.1.5", {}, (OK, "qi 3.1.5 loads: robot:=nao")),
        (
            "3.1.5",
            {"qi": "ImportError: libqi.so"},
            (FAIL, "cannot be loaded: ImportError: libqi.so"),
        ),
    ],
)
def test_the_library_for_nao(host, answering, version, errors, expected):
    script = {
        "probes versions": {"versions": {"qi": version}},
        "probes imports": {"errors": errors},
    }
    found = list(software.naoqi(answering(host, script)))
    assert len(found) == (expected is not None)
    for finding in found:
        assert finding.level == expected[0] and expected[1] in finding.text


# Workspace

INDEX = "share/ament_index/resource_index/packages"


@pytest.fixture
def built(host, write):
    """Two packages, built, and sourced."""
    root, install = host.root, host.root / "ros2_ws" / "install"
    write(install / "local_setup.sh", f'_x_COLCON_CURRENT_PREFIX="{install}"\n')
    for name in ("fer_one", "fer_two"):
        manifest = root / "ros2_ws/src" / name / "package.xml"
        age(write(manifest, f"<package><name>{name}</name>"), 100)
        write(root / "ros2_ws/src" / name / name / "__init__.py")
        write(root / "ros2_ws/build" / name / "colcon_build.rc", "0\n")
        write(install / name / INDEX / name)
    prefixes = ":".join(str(install / name) for name in ("fer_one", "fer_two"))
    return replace(host, environ={"AMENT_PREFIX_PATH": prefixes})


def age(path, seconds):
    stat = path.stat()
    os.utime(path, (stat.st_atime - seconds, stat.st_mtime - seconds))


def test_a_workspace_as_it_should_be(built):
    workspace, shell = software.workspace(built)
    assert (workspace.level, shell.level, shell.subject) == (OK, OK, "shell")
    assert "2 packages are built" in workspace.text


def test_a_workspace_that_is_not_built(host):
    (finding,) = software.workspace(host)
    assert finding.level == FAIL and finding.remedy.endswith("make setup")


def test_a_package_that_is_not_built(built):
    (built.root / "ros2_ws/install/fer_two" / INDEX / "fer_two").unlink()
    (finding,) = software.workspace(built)
    assert finding.level == FAIL and finding.text == "not built: fer_two"
    assert "rm -f .venv/.done-build && make setup" in finding.remedy


@pytest.mark.parametrize(
    ("file", "text", "level", "words"),
    [
        ("build/fer_one/colcon_build.rc", "2", WARN, "failed or was interrupted: fer_one"),
        ("build/fer_one/colcon_build.rc", "SIGINT", WARN, "failed or was interrupted: fer_one"),
        (
            "src/fer_one/msg/Thing.msg",
            "",
            WARN,
            "changed since it was built: fer_one/msg/Thing.msg",
        ),
        ("src/fer_one/setup.py", "", WARN, "fer_one/setup.py"),
        ("src/fer_one/package.xml", "<name>fer_one</name>", WARN, "fer_one/package.xml"),
        ("src/fer_one/fer_one/node.py", "", OK, "are built"),  # linked, not copied
    ],
)
def test_what_came_after_the_build(built, write, file, text, level, words):
    age(write(built.root / "ros2_ws" / file, text), -100)
    finding = software.workspace(built)[0]
    assert finding.level == level and words in finding.text


def test_a_workspace_that_was_moved(built):
    moved = built.root.with_name("elsewhere")
    built.root.rename(moved)
    workspace, shell = software.workspace(replace(built, root=moved))
    assert workspace.level == FAIL and f"moved to {moved}" in workspace.text
    assert "make clean && make setup" in workspace.remedy
    assert shell.level == FAIL and "no longer there" in shell.text


def test_a_shell_that_has_not_sourced_all_of_it(built):
    shell = software.workspace(replace(built, environ={}))[1]
    assert (shell.level, shell.remedy) == (WARN, f". {built.root}/scripts/env.sh")
    path = built.environ["AMENT_PREFIX_PATH"].split(":")[0]
    shell = software.workspace(replace(built, environ={"AMENT_PREFIX_PATH": path}))[1]
    assert shell.level == WARN and "before fer_two was built" in shell.text


def test_another_workspace_before_it(built, write, tmp_path):
    other = tmp_path / "other" / "fer_one"
    write(other / INDEX / "fer_one")
    path = f"{other}:{built.environ['AMENT_PREFIX_PATH']}"
    shell = software.workspace(replace(built, environ={"AMENT_PREFIX_PATH": path}))[1]
    assert shell.level == FAIL and f"fer_one comes from {other}" in shell.text

    write(tmp_path / "lib" / "fer_two" / "__init__.py")
    environ = {**built.environ, "PYTHONPATH": str(tmp_path / "lib")}
    shell = software.workspace(replace(built, environ=environ))[1]
    assert shell.level == FAIL and f"fer_two in {tmp_path / 'lib'}" in shell.text


# Models


def test_models_that_are_right(host, bundle):
    bundle(host.root / "models")
    (finding,) = software.models(host)
    assert (finding.level, finding.text) == (OK, "ec_rfernet: every sha256 is right")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("model.onnx", b"nutwork", "model.onnx is damaged or was replaced"),
        ("model.onnx", b"", "damaged"),
        ("model.onnx", None, "No such file"),
        ("bundle.json", b"{", "is not the manifest of a bundle"),
        ("bundle.json", b"[]", "is not the manifest"),
        ("bundle.json", b'{"sha256": 3}', "is not the manifest"),
        ("bundle.json", b"\xff\xfe", "is not the manifest"),
    ],
)
def test_a_damaged_model(host, bundle, file, content, words):
    path = bundle(host.root / "models").with_name(file)
    path.unlink() if content is None else path.write_bytes(content)
    (finding,) = software.models(host)
    assert finding.level == FAIL and words in finding.text
    assert finding.remedy == f"git -C {host.root} checkout -- models/ec_rfernet"


def test_an_installed_copy_that_is_damaged(host, bundle, tmp_path):
    bundle(host.root / "models")
    copy = bundle(tmp_path / "prefix" / "share" / "fer_models")
    copy.write_bytes(b"old")
    environ = {"AMENT_PREFIX_PATH": str(tmp_path / "prefix")}
    (finding,) = software.models(replace(host, robot_environ=environ))
    assert finding.level == FAIL and str(copy) in finding.text
    assert f"rm -r {copy.parent}" in finding.remedy


def test_no_model(host, bundle):
    bundle(host.root / "models", "other")
    (finding,) = software.models(host)
    assert finding.level == FAIL and "'ec_rfernet' is not there" in finding.text
