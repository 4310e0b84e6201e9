"""The robot is watched and recorded by processes of their own."""

import csv
import subprocess
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix

pytest.importorskip("rosbags", reason="needs requirements/runtime.txt")

REPORT = Path(get_package_prefix("fer_monitor"), "lib", "fer_monitor", "fer-report")


def test_a_run_is_recorded_reported_and_seen_again(robot, parameters, video, tmp_path) -> None:
    settings = parameters(
        behavior_node={"notice": False, "greet": False},
        bag_recorder={"folder": str(tmp_path / "recordings")},
    )
    options = ("--params_file", str(settings), "--record", "true", "--record_images", "true")
    process = robot("--camera", str(video), *options)
    assert process.end() == 0, process.output
    assert "PICTURES OF PEOPLE" in process.output
    assert "Traceback" not in process.output

    (bag,) = (tmp_path / "recordings").iterdir()
    table = tmp_path / "emotions.csv"
    report = subprocess.run([REPORT, bag, "--csv", table], check=False, capture_output=True)
    assert report.returncode == 0, report.stderr
    with table.open() as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert labels.count("happy") > len(labels) / 2
    assert "happy" in (bag / "report.html").read_text()

    again = robot("--camera", f"bag:{bag}", "--params_file", str(settings))
    assert again.end() == 0, again.output
    assert "answered   happy" in again.output


def test_the_robot_does_not_start_without_the_recording_that_was_asked_for(
    robot, parameters, tmp_path
) -> None:
    (tmp_path / "file").touch()
    settings = parameters(bag_recorder={"folder": str(tmp_path / "file" / "recordings")})
    process = robot("--camera", "none", "--record", "true", "--params_file", str(settings))
    assert process.end() == 2, process.output
    assert str(tmp_path / "file") in process.output
    assert "bag_recorder could not start, see its message above" in process.output
    assert "Traceback" not in process.output
