"""The node as a program: how it starts, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy")

from fer_common.testing import spin_until, spinning  # noqa: E402
from robot_behavior.testing.mocks import MockPerson, MockServer  # noqa: E402

Files = tuple[Path, Path]


def program(files: Files, *more: str) -> subprocess.Popen[str]:
    code = (
        "import sys; from robot_behavior.nodes.executables import behavior_node as b; sys.exit(b())"
    )
    settings = [f"behaviors_file:={files[0]}", f"motions_file:={files[1]}", *more]
    arguments = [word for setting in settings for word in ("-p", setting)]
    return subprocess.Popen(
        [sys.executable, "-c", code, "--ros-args", *arguments],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_ctrl_c_ends_the_program_in_the_rest_pose(files: Files) -> None:
    with spinning(
        MockPerson,
        lambda: MockServer(action="play_motion", duration_s=0.5),
        lambda: MockServer(action="say", duration_s=0.5),
    ) as (executor, (person, motion, _)):
        process = program(files)
        try:
            person.label = "happy"
            assert spin_until(executor, lambda: motion.goals)
            process.send_signal(signal.SIGINT)
            assert spin_until(executor, lambda: process.poll() is not None)
        finally:
            process.kill()
        output = process.communicate()[0]
        assert process.returncode == 0, output
        assert motion.texts == ["nod", "rest"]
        assert motion.goals[1].outcome == "succeeded"
        assert "Traceback" not in output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("motion: palms", "motion: plams", "emotions.scared.variants[0].motion is 'plams'"),
        ("dwell_s: 0.3", "dwell_s: quick", "emotions.happy.dwell_s is 'quick', expected a number"),
    ],
)
def test_a_mistake_in_the_file_ends_the_program_with_one_line(
    files: Files, old: str, new: str, message: str
) -> None:
    files[0].write_text(files[0].read_text().replace(old, new))
    process = program(files)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 2
    assert message in output
    assert str(files[0]) in output
    assert "Traceback" not in output


def test_a_missing_motions_file_is_named(files: Files) -> None:
    files[1].unlink()
    process = program(files)
    assert f"{files[1]}: cannot be read" in process.communicate(timeout=120)[0]
    assert process.returncode == 2


def test_a_locale_that_is_none_is_named(files: Files) -> None:
    process = program(files, "locale:=plain English")
    output = process.communicate(timeout=120)[0]
    assert "parameter 'locale' is 'plain English', expected a language tag" in output
    assert process.returncode == 2


@pytest.mark.parametrize("name", ["behaviors_file", "motions_file", "sentences_dir"])
def test_a_home_that_is_not_known_ends_the_program_with_one_line(files: Files, name: str) -> None:
    process = program(files, f"{name}:=~no.such.user/mine.yaml")
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 2
    assert "~no.such.user/mine.yaml: no such home is known" in output
    assert "Traceback" not in output
