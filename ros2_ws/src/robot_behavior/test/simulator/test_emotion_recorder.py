"""What a running robot sees becomes a file that `behavior-sim` plays."""

from __future__ import annotations

from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy")

from fer_common.testing import spin_until, spinning  # noqa: E402
from robot_behavior.simulator.command import main  # noqa: E402
from robot_behavior.simulator.recorder_node import RecorderNode  # noqa: E402
from robot_behavior.simulator.recording import read_recording  # noqa: E402
from robot_behavior.testing.mock_person import MockPerson  # noqa: E402


def test_what_was_seen_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "seen.csv"
    with spinning(lambda: RecorderNode(file), MockPerson) as (executor, (_, person)):
        person.label, person.size = "sad", 0.25
        assert spin_until(executor, lambda: file.read_text().count("sad") > 5)
        person.label = ""
        assert spin_until(executor, lambda: file.read_text().endswith(",,,,,\n"))
    views = read_recording(file)
    assert views[0].time == 0.0
    seen = next(view for view in views if view.attended is not None)
    assert (seen.attended.face_id, seen.attended.label, seen.attended.size) == (
        "somebody",
        "sad",
        0.25,
    )
    assert views[-1].faces == ()


def test_a_file_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--record", str(tmp_path / "nowhere" / "seen.csv")]) == 2
    assert "seen.csv: cannot be written" in capsys.readouterr().err
