"""The parts of the doctor: schedule, children, table, probes."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_monitor.doctor.children import Children
from fer_monitor.doctor.finding import FAIL, OK, WARN, Finding, fail, ok, warn
from fer_monitor.doctor.probes import camera as camera_probe
from fer_monitor.doctor.probes import imports as imports_probe
from fer_monitor.doctor.probes.face import median_ms
from fer_monitor.doctor.schedule import Check, examine_all
from fer_monitor.doctor.table import document, table
from fer_monitor.doctor.testing import alive, wait_for
from fer_monitor.doctor.world import MissingError, World

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parents[2]
NOWHERE = World(None, {}, Children().run)


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
