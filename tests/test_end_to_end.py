"""Frames in, gesture and sentence out: real processes, real messages."""

import json
import re
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from std_srvs.srv import Trigger


def test_frames_in_gesture_and_sentence_out(robot, observer, parameters, smile, wait_for) -> None:
    quiet = parameters(behavior_node={"notice": False, "greet": False})
    options = ("--camera", "none", "--image_topic", "pictures", "--params_file", str(quiet))
    process = robot(*options)
    wait_for(lambda: observer.is_connected, "the robot")

    def reacts() -> bool:
        observer.film(smile)
        return observer.largest_movement > 0.15 and any(observer.said)

    wait_for(reacts, "a gesture and a sentence", step=lambda: Event().wait(0.1))
    process.interrupt()
    assert process.end() == 0, process.output

    answer = next(state for state in observer.states if state.state == "responding")
    assert "happy" in observer.labels
    assert answer.emotion == "happy"
    assert answer.motion and answer.reason
    assert answer.speech in observer.said
    assert observer.states[-1].state == "disabled"
    wait_for(lambda: observer.distance_from_rest < 0.05, "the end in the rest pose")
    assert "answered   happy" in process.output
    assert "Traceback" not in process.output


def test_a_video_is_watched_to_its_end_and_recorded(
    robot, parameters, video: Path, tmp_path: Path
) -> None:
    quiet = parameters(behavior_node={"notice": False, "greet": False})
    folder = tmp_path / "recording"
    process = robot("--camera", str(video), "--params_file", str(quiet), "--video", str(folder))
    assert process.end() == 0, process.output
    assert "Traceback" not in process.output

    summary = json.loads((folder / "summary.json").read_text())
    assert 10 <= summary["frames"] <= 32  # a busy machine leaves frames out
    assert 0 < summary["median_s"] < 1 and summary["median_s"] <= summary["p99_s"]
    assert 0 < summary["rate"] < 20
    assert summary["seconds"]["happy"] > 1
    assert summary["emotions_answered"] == ["happy"]
    answer = summary["answers"][0]
    assert answer["motion"] and answer["reason"]
    assert answer["speech"] in summary["said"]
    assert answer["speech"] in process.output
    assert process.output.count("voice: none: ") == 1  # who speaks is told at the start

    recording = cv2.VideoCapture(str(folder / "demo.mp4"))
    seconds = recording.get(cv2.CAP_PROP_FRAME_COUNT) / recording.get(cv2.CAP_PROP_FPS)
    assert seconds == pytest.approx(summary["duration_s"], abs=3)
    assert cv2.imread(str(folder / "demo.png")).shape == (560, 1280, 3)
    assert (folder / "speech.wav").stat().st_size > 1000


def test_nothing_is_written_unless_asked_for(
    robot, parameters, video, tmp_path, monkeypatch
) -> None:
    # Where the robot runs, and where programs keep things, nothing appears but logs.
    work = tmp_path / "work"
    for name in ("home", "cache", "logs"):
        (work / name).mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(work / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(work / "cache"))
    monkeypatch.setenv("ROS_LOG_DIR", str(work / "logs"))
    monkeypatch.setenv("MPLCONFIGDIR", str(work / "logs"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    process = robot("--camera", str(video), "--robot", "none")
    process.wait_for("answers")
    process.interrupt()
    assert process.end() == 0, process.output
    written = [path for path in work.rglob("*") if path.is_file()]
    assert [path for path in written if (work / "logs") not in path.parents] == []
    assert {path.suffix for path in written} <= {".log", ".json"}


def test_a_stopped_robot_stays_so_after_ctrl_c_and_says_how_it_is_released(
    robot, observer, parameters, wait_for
) -> None:
    quiet = parameters(behavior_node={"notice": False, "greet": False})
    options = ("--camera", "none", "--params_file", str(quiet), "--log_level", "warn")
    stop, release = (
        observer.node.create_client(Trigger, f"motion_player/{name}")
        for name in ("stop", "release")
    )
    command = "'robot release', or the service /sim_robot/release"

    first = robot(*options)
    wait_for(lambda: stop.service_is_ready() and observer.largest_movement > 0.01, "it to breathe")
    wait_for(stop.call_async(Trigger.Request()).done, "the stop")
    wait_for(lambda: command in observer.states[-1].reason, "the behaviours to say so")
    first.interrupt()
    assert first.end() == 0, first.output
    assert re.search(rf"^robot +stopped since .*{command}.*; a new start", first.output, re.M)

    seen = len(observer.states)
    second = robot(*options)
    second.wait_for("begins stopped: stopped since ")
    assert f", until {command}" in second.output
    wait_for(lambda: any(command in state.reason for state in observer.states[seen:]), "the same")
    poses = len(observer.poses)
    observer.show("happy")
    wait_for(lambda: len(observer.poses) > poses + 100, "two seconds")
    assert not np.ptp(observer.poses[poses:], axis=0).any()
    wait_for(release.call_async(Trigger.Request()).done, "the release")

    def gestures() -> bool:
        observer.show("happy")
        return observer.movement_since(poses) > 0.15

    wait_for(gestures, "a gesture")
    second.interrupt()
    assert second.end() == 0, second.output
    assert "stopped since" not in second.output.partition("\nframes")[2]
