"""The doctor as a whole: its schedule, its children, its probes, and the program itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_monitor.doctor.checks import discovery
from fer_monitor.doctor.children import Children
from fer_monitor.doctor.finding import FAIL, OK, WARN, Finding, fail, ok, warn
from fer_monitor.doctor.probes import camera as camera_probe
from fer_monitor.doctor.probes import imports as imports_probe
from fer_monitor.doctor.probes.face import median_ms
from fer_monitor.doctor.schedule import Check, examine_all
from fer_monitor.doctor.table import document, table
from fer_monitor.doctor.world import MissingError, World, find_root

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parents[2]
NOWHERE = World(None, {}, Children().run)


def wait_for(condition, limit_s: float = 20.0) -> bool:
    deadline, pause = time.monotonic() + limit_s, threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


# Schedule


def test_findings_come_in_the_order_of_the_checks():
    late = threading.Event()

    def slow(world):
        late.wait(5)
        return [ok("slow")]

    def quick(world):
        late.set()
        return [warn("quick", "wait", "own name")]

    found = examine_all([Check("a", slow), Check("b", quick)], NOWHERE)
    assert [(f.subject, f.text) for f in found] == [("a", "slow"), ("own name", "quick")]


def test_a_check_that_breaks_or_lacks_something_is_one_line():
    def breaks(world):
        return [ok(str(1 / 0))]

    def lacks(world):
        raise MissingError("No module named 'numpy'")

    found = examine_all([Check("a", breaks), Check("b", lacks), Check("c", lambda w: [])], NOWHERE)
    assert [finding.status for finding in found] == [FAIL, WARN]
    assert "ZeroDivisionError: division by zero" in found[0].text
    assert "not tried (No module named 'numpy')" in found[1].text


def test_a_check_that_hangs_is_given_up():
    release = threading.Event()

    def hangs(world):
        release.wait(30)
        return []

    checks = [Check("a", hangs, 0.2), Check("b", lambda w: [ok("b")]), Check("c", hangs, 0.3)]
    start = time.monotonic()
    found = examine_all(checks, NOWHERE)
    assert time.monotonic() - start < 5
    release.set()
    assert [finding.status for finding in found] == [FAIL, OK, FAIL]
    assert "did not end within 0.2 s and was given up" in found[0].text


# Children


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_that_hangs_is_ended_with_its_own_children():
    script = "sleep 60 & echo $!; sleep 60"
    start = time.monotonic()
    answer = Children().run(("bash", "-c", script), 0.4)
    assert answer.code is None and time.monotonic() - start < 5
    assert wait_for(lambda: not alive(int(answer.out)))


def test_a_child_that_ends_leaves_nobody_behind():
    answer = Children().run(("bash", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"), 10.0)
    assert answer.code == 0
    assert wait_for(lambda: not alive(int(answer.out)))


def test_a_program_that_is_not_there():
    answer = Children().run(("/no/such/program",), 1.0)
    assert answer.code == 127 and "No such file" in answer.complaint


def test_all_children_can_be_ended():
    children = Children()
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(children.run(("sleep", "60"), 60.0)), daemon=True
    )
    thread.start()
    assert wait_for(lambda: children._alive)
    children.end()
    thread.join(10)
    assert answers[0].code == -signal.SIGKILL
    assert children.run(("true",), 1.0).code is None


# Table


FINDINGS = [ok("fine", "a"), warn("so " * 60, "do this", "longer"), fail("bad", "x " * 60, "b")]


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
    assert json.loads(document([Finding(OK, "a")], 1.0))["ok"] is True


# Probes


class FakeDevice:
    """Gives pictures of one grey, at a rate, for as long as there are any."""

    def __init__(self, level: int, rate: float, count: int = 1000) -> None:
        self.level, self.rate, self.count, self.now = level, rate, count, 0.0

    def read(self):
        self.count -= 1
        self.now += 1 / self.rate
        return (self.count >= 0, np.full((48, 64, 3), self.level, np.uint8))


@pytest.mark.parametrize("rate", [5.0, 30.0, 120.0])
def test_a_look_through_a_camera(rate):
    device = FakeDevice(90, rate)
    seen = camera_probe.look(device, cv2.meanStdDev, lambda: device.now)
    assert seen["rate"] == pytest.approx(rate)
    assert (seen["width"], seen["height"], seen["mean"], seen["spread"]) == (64, 48, 90, 0)
    assert device.now < 2.5


@pytest.mark.parametrize(("count", "width"), [(0, 0), (2, 64)])
def test_a_camera_that_stops(count, width):
    device = FakeDevice(90, 30.0, count)
    assert camera_probe.look(device, cv2.meanStdDev, lambda: device.now)["width"] == width


def test_a_real_video_as_camera(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30, (64, 48))
    for _ in range(10):
        writer.write(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()
    seen = camera_probe.look(cv2.VideoCapture(str(tmp_path / "a.mp4")), cv2.meanStdDev)
    assert seen["rate"] > 0 and 80 < seen["mean"] < 170 and seen["spread"] > 20


def test_modules_are_imported_one_by_one(capsys, tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('half\\ninstalled')")
    monkeypatch.syspath_prepend(tmp_path)
    errors = imports_probe.work(["json", "no_such_module", "broken_module"])["errors"]
    assert set(errors) == {"no_such_module", "broken_module"}
    assert errors["broken_module"] == "RuntimeError: half installed"


def test_a_module_that_kills_the_process_is_named(tmp_path):
    (tmp_path / "deadly.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    environ = {**os.environ, "PYTHONPATH": f"{PACKAGE}:{tmp_path}"}
    world = World(None, environ, Children().run, environ)
    from fer_monitor.doctor.checks.packages import _imports
    from fer_monitor.doctor.world import ask

    assert "killed the process" in ask(world, "imports", "deadly", limit_s=20.0)["errors"]["deadly"]
    assert _imports(world).subject == "imports"


def test_the_median_is_taken_after_a_warm_up():
    ticks = iter([0, *range(0, 10_000)])
    assert median_ms(lambda: None, 5, lambda: next(ticks) * 1e-3) == pytest.approx(1.0)


def test_a_configured_piper_voice_is_tried(tmp_path):
    pytest.importorskip("espeakng_loader")
    settings = tmp_path / "robot.yaml"
    settings.write_text('/**/speech_node:\n  ros__parameters:\n    piper_voice: "/no/voice.onnx"\n')
    answer = Children().run(probe("sound", str(settings)), 30.0)
    values = json.loads(answer.out.splitlines()[-1])
    assert values["piper_voice"] == "/no/voice.onnx"
    assert values["piper_error"]
    assert values["voice_error"] == "" and values["languages_missing"] == []


def probe(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"fer_monitor.doctor.probes.{name}", "20", *arguments)


# Finding the project


def test_the_project_is_found_from_within(tmp_path):
    assert find_root([tmp_path, PACKAGE]) == ROOT
    assert find_root([tmp_path]) is None


# The program


def doctor(*arguments: str, root: Path = ROOT, python: str = sys.executable, **environ: str):
    variables = {**os.environ, **environ}
    path = root / "ros2_ws" / "src" / "fer_monitor"
    variables["PYTHONPATH"] = f"{path}:{variables.get('PYTHONPATH', '')}"
    return subprocess.run(
        [python, "-m", "fer_monitor.doctor", *arguments],
        check=False, env=variables, capture_output=True, text=True, timeout=60, cwd=root,
    )  # fmt: skip


def findings(done) -> dict[str, dict[str, str]]:
    return {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}


WORDS_OF_SUCCESS = {
    "ros": "ROS 2 jazzy", "imports": "load", "voice": "said a sentence",
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
        assert any(word in text for word in (words, "did not end within", "none arrived")), text
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
    shutil.copytree(PACKAGE, root / "ros2_ws/src/fer_monitor", ignore=ignore)
    return root


def bare(clone: Path, *arguments: str):
    """With a Python that has nothing installed, in a shell that has sourced nothing."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         "import sys; sys.path.insert(0, sys.argv.pop(1)); "
         "from fer_monitor.doctor.program import main; sys.exit(main())",
         str(clone / "ros2_ws/src/fer_monitor"), *arguments],
        check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(clone)}, capture_output=True,
        text=True, timeout=60, cwd=clone,
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
def test_it_can_be_interrupted_and_takes_its_children_along(number):
    variables = {**os.environ, "PYTHONPATH": f"{PACKAGE}:{os.environ.get('PYTHONPATH', '')}"}
    running = subprocess.Popen(
        [sys.executable, "-m", "fer_monitor.doctor", "--only", "dds"],
        env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

    def children() -> list[int]:
        text = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()
        threads = Path(f"/proc/{running.pid}/task").glob("*/children")
        return [int(pid) for pid in (text + " ".join(t.read_text() for t in threads)).split()]

    assert wait_for(lambda: len(set(children())) == 2)
    pids = set(children())
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 128 + number
    assert out == b"" and err == b""
    assert wait_for(lambda: not any(map(alive, pids)))


def test_nothing_but_the_standard_library_is_needed_to_start():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import fer_monitor.doctor.program, "
        "fer_monitor.doctor.checks; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(PACKAGE)],
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    loaded = {name.split(".")[0] for name in done.stdout.split()} - set(sys.builtin_module_names)
    assert loaded - set(sys.stdlib_module_names) <= {"fer_monitor", "__main__", "__mp_main__"}
    assert discovery.LIMIT_S < 10
