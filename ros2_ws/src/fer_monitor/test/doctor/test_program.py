"""The doctor as a whole, on this machine and in a clone that is not set up."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fer_common.testing import until
from fer_monitor.doctor.check import about, fail, ok, warn
from fer_monitor.doctor.host import DISTROS
from fer_monitor.doctor.program import document, table

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parents[2]
OK, WARN, FAIL = "OK", "WARN", "FAIL"

FINDINGS = [
    about("a", ok("fine")),
    about("longer", warn("so " * 60, "do this")),
    about("b", fail("bad", "x " * 60)),
]


def test_the_table():
    text = table(FINDINGS, 1.25, 80, coloured=False)
    lines = text.splitlines()
    assert lines[0] == "OK    a       fine"
    assert lines[1].startswith("WARN  longer  so so")
    assert all(len(line) < 80 for line in lines if "mend" not in line)
    assert sum("mend: " in line for line in lines) == 2
    assert f"mend: {'x ' * 60}" in text  # a command can be copied
    assert lines[-1].startswith("1 OK, 1 WARN, 1 FAIL in 1.2 s: something will not work")
    assert "\033" not in text and "\033[31mFAIL\033[0m" in table(FINDINGS, 1, 80, coloured=True)
    assert "all is well" in table(FINDINGS[:1], 1, 10, False)
    assert "with less" in table(FINDINGS[:2], 1, 80, False)


def test_json():
    values = json.loads(document(FINDINGS, 1.0))
    assert values["ok"] is False
    expected = {"check": "b", "status": "FAIL", "text": "bad", "remedy": "x " * 60}
    assert values["findings"][2] == expected
    assert json.loads(document([ok("a")], 1.0))["ok"] is True


def doctor(*arguments: str, root: Path = ROOT, python: str = sys.executable, **environ: str):
    shell = dict(os.environ)
    for name in ("FASTRTPS", "FASTDDS"):  # a node in this process may have set them
        shell.pop(f"{name}_DEFAULT_PROFILES_FILE", None)
    variables = {**shell, **environ}
    path = root / "ros2_ws" / "src" / "fer_monitor"
    variables["PYTHONPATH"] = f"{path}:{variables.get('PYTHONPATH', '')}"
    return subprocess.run(
        [python, "-m", "fer_monitor.doctor", *arguments],
        check=False, env=variables, capture_output=True, text=True, timeout=120, cwd=root,
    )  # fmt: skip


def findings(done) -> dict[str, dict[str, str]]:
    return {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}


WORDS_OF_SUCCESS = {
    "ros": f"ROS 2 ({'|'.join(DISTROS)}) from", "imports": "load", "voice": "said a sentence",
    "dds": "found each other", "speed": "a face takes",
}  # fmt: skip


def test_this_machine():
    done = doctor("--json")
    found = findings(done)
    assert done.stderr == ""
    assert done.returncode == int(any(f["status"] == FAIL for f in found.values()))
    assert found["python"]["status"] == found["models"]["status"] == OK
    assert {"packages", "workspace", "shell", "shared memory", "disk", "load"} <= set(found)
    for name, words in WORDS_OF_SUCCESS.items():
        # A machine that is busy with other tests may run out of time, and says so.
        text = found.get(name, found.get("sound", {})).get("text", "")
        assert re.search(f"{words}|did not end within|none arrived", text), text
    assert all(f["remedy"] for f in found.values() if f["status"] != OK)


def test_only_some_checks_on_a_terminal_without_colours():
    done = doctor("--only", "room", "models", COLUMNS="200")
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()[:4]] == [
        "models", "memory", "disk", "logs",
    ]  # fmt: skip
    assert "\033" not in done.stdout and "0 FAIL" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--fast"], ["--only", "nose"], ["--only"], ["camera"]])
def test_a_wrong_option_is_one_line(arguments):
    done = doctor(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "fer-doctor --help" in done.stderr


@pytest.fixture
def clone(tmp_path):
    """The project as it comes, neither set up nor built."""
    root = tmp_path / "clone"
    for part in ("requirements", "scripts", "models"):
        shutil.copytree(ROOT / part, root / part)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for package in ("fer_monitor", "fer_common", "ec_rfernet"):
        shutil.copytree(PACKAGE.parent / package, root / "ros2_ws/src" / package, ignore=ignore)
    return root


def bare(clone: Path, *arguments: str):
    """With a Python that has nothing installed, in a shell that has sourced nothing."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         "import sys; sys.path.insert(0, sys.argv.pop(1)); "
         "from fer_monitor.doctor.program import main; sys.exit(main())",
         str(clone / "ros2_ws/src/fer_monitor"), *arguments],
        check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(clone)}, capture_output=True,
        text=True, timeout=120, cwd=clone,
    )  # fmt: skip


def test_a_clone_that_is_not_set_up(clone):
    done = bare(clone, "--json")
    found = findings(done)
    assert done.returncode == 1 and done.stderr == ""
    failed = {name for name, finding in found.items() if finding["status"] == FAIL}
    assert {"python", "workspace"} <= failed <= {"python", "workspace", "camera", "memory", "disk"}
    assert all(found[n]["status"] == WARN for n in ("packages", "ros", "sound", "dds", "speed"))
    assert found["python"]["remedy"] == f"cd {clone} && make setup"
    assert found["models"]["status"] == OK


def test_a_damaged_model_in_a_clone(clone):
    with (clone / "models" / "ec_rfernet" / "model.onnx").open("ab") as file:
        file.write(b"\0")
    done = bare(clone, "--only", "models")
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  models")
    assert "checkout -- models/ec_rfernet" in done.stdout


def test_an_environment_without_its_python(clone):
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to("/removed/python3.11")
    found = findings(bare(clone, "--json", "--only", "python", "dds"))
    assert found["python"]["status"] == FAIL and "does not run" in found["python"]["text"]
    assert found["dds"]["status"] == WARN


def test_a_sourced_workspace_that_is_gone():
    path = f"/gone/install/fer_node:{os.environ.get('AMENT_PREFIX_PATH', '')}"
    shell = findings(doctor("--json", "--only", "workspace", AMENT_PREFIX_PATH=path))["shell"]
    assert shell["status"] == FAIL and "/gone/install/fer_node" in shell["text"]


def test_an_older_workspace_before_it_does_not_stop_it(tmp_path):
    (tmp_path / "fer_common").mkdir()
    (tmp_path / "fer_common" / "__init__.py").touch()  # and no module of today
    shell = findings(doctor("--json", "--only", "workspace", PYTHONPATH=str(tmp_path)))["shell"]
    assert f"Python finds fer_common in {tmp_path}, another workspace" in shell["text"]


def test_ports_of_the_domain_that_are_all_taken():
    pytest.importorskip("rclpy")
    domain = 80
    held = []
    try:
        for port in range(7400 + 250 * domain, 7400 + 250 * (domain + 1)):
            held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            held[-1].bind(("", port))
        environ = {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        done = doctor("--json", "--only", "dds", **environ)
    finally:
        for taken in held:
            taken.close()
    assert done.returncode == 1
    assert findings(done)["dds"]["status"] == FAIL
    assert "ROS" in findings(done)["dds"]["remedy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_interrupted_and_takes_its_children_along(number, alive):
    variables = {**os.environ, "PYTHONPATH": f"{PACKAGE}:{os.environ.get('PYTHONPATH', '')}"}
    running = subprocess.Popen(
        [sys.executable, "-m", "fer_monitor.doctor", "--only", "dds"],
        env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

    def children() -> list[int]:
        text = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()
        threads = Path(f"/proc/{running.pid}/task").glob("*/children")
        return [int(pid) for pid in (text + " ".join(t.read_text() for t in threads)).split()]

    assert until(lambda: len(set(children())) == 2)
    pids = set(children())
    running.send_signal(number)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 128 + number
    assert out == b"" and err == b""
    assert until(lambda: not any(map(alive, pids)))


def test_what_comes_from_the_machine_is_shown_and_not_obeyed():
    found = [warn("camera \x1b]0;x\x07", "unplug \x9b2J")]
    assert not {"\x1b", "\x07", "\x9b"} & set(table(found, 1, 80, coloured=False))


def test_nothing_but_the_standard_library_is_needed_to_start():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import fer_monitor.doctor.program; "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(PACKAGE)],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    names = done.stdout.split()
    loaded = {name.split(".")[0] for name in names} - set(sys.builtin_module_names)
    ours = {"ec_rfernet", "fer_common", "fer_monitor", "__main__"}
    assert loaded - set(sys.stdlib_module_names) <= ours
    assert [name for name in names if name.startswith("ec_rfernet.")] == ["ec_rfernet.errors"]
