"""Every node of the robot says how it is, and what is written about that is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory
from rclpy.parameter import Parameter

from fer_bringup.clip.stage import HEIGHT, WIDTH
from fer_common.reason import Level
from fer_common.runner import start
from fer_common.testing import DiagnosticsListener, spin_until, spinning
from fer_node.nodes.camera_node import CameraNode
from fer_node.nodes.fer_node import FerNode
from fer_node.testing.fakes import FAKE_BUNDLE, FakeClassifier, FakeDetector, surely
from robot_behavior.nodes.behavior_node import BehaviorNode
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot
from robot_behavior.nodes.speech_node import SpeechNode

DOCS = Path(__file__).parents[1] / "docs" / "diagnostics.md"
CONFIG = Path(get_package_share_directory("fer_bringup")) / "config" / "diagnostics.yaml"
NODES = (
    "camera_node",
    "fer_node",
    "behavior_node",
    "motion_player",
    "speech_node",
    "sim_robot",
)
FIGURES = {"rate [1/s]", "latency, median [ms]", "latency, 99th percentile [ms]"}
DEMANDED = {
    "camera_node": {"camera", "size, asked", "size, got", "rate, asked [1/s]", "frames read"}
    | {"age of the newest frame [s]", *FIGURES},
    "fer_node": {"model", "model hash", "runtime", "faces", "dropped, busy", "dropped, too old"}
    | {"age of the newest image [s]", *FIGURES},
    "behavior_node": {"person", "responses given", "withheld", "server play_motion", "server say"}
    | {"age of the newest emotion [s]", *FIGURES},
    "motion_player": {"motion", "goals done", "goals refused", "goals preempted"}
    | {"age of the newest joint state [s]", "joint_trajectory [1/s]", *FIGURES},
    "speech_node": {"backend", "voice", "saying", "goals done", "goals failed", "goals preempted"}
    | {"time to sound, median [ms]", "time to sound, 99th percentile [ms]"},
    "sim_robot": {"joints", "age of the newest trajectory [s]", *FIGURES},
}


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiagnosticsListener]:
    """Listens to the whole robot in front of one grey picture, until all nodes are well."""
    import cv2
    import numpy as np

    picture = tmp_path_factory.mktemp("pictures") / "grey.png"
    cv2.imwrite(str(picture), np.full((HEIGHT, WIDTH, 3), 128, np.uint8))

    def made(kind: Any, **values: Any) -> Any:
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        return lambda: kind(parameter_overrides=overrides)

    def perception() -> FerNode:
        return FerNode(
            bundle=lambda model: FAKE_BUNDLE,
            detector=lambda score: FakeDetector(lambda image: []),
            classifier=lambda *choice: FakeClassifier(surely("happy")),
            cli_args=["--ros-args", "-r", "image:=image_raw"],
        )

    factories = (
        DiagnosticsListener,
        made(SimRobot),
        made(MotionPlayer),
        made(SpeechNode, backend="log"),
        made(BehaviorNode),
        perception,
        made(CameraNode, camera=str(picture), loop=True, rate=20.0),
    )
    with spinning(*factories) as (executor, (physician, *nodes)):
        for node in nodes:
            start(node)

        def well() -> bool:
            return all(physician.level(f"/{name}") == Level.OK for name in NODES)

        assert spin_until(executor, well), {name: physician.message(f"/{name}") for name in NODES}
        yield physician


@pytest.mark.parametrize("node", NODES)
def test_every_node_tells_what_its_user_needs(node: str, robot: DiagnosticsListener) -> None:
    values = robot.values(f"/{node}")
    assert DEMANDED[node] | {"state", "errors", "last error"} <= set(values)
    assert all(values[key] for key in DEMANDED[node] - {"withheld", "model hash"})


@pytest.mark.parametrize("node", NODES)
def test_every_figure_is_explained(node: str, robot: DiagnosticsListener) -> None:
    explained = set(re.findall(r"`([^`\n]+)`", DOCS.read_text(encoding="utf-8")))
    stages = {key for key in robot.values(f"/{node}") if re.fullmatch(r"[a-z]+ \[ms\]", key)}
    assert set(robot.values(f"/{node}")) - stages <= explained


def test_the_aggregator_puts_every_status_into_one_group(robot: DiagnosticsListener) -> None:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    ((node, parameters),) = config.items()
    assert node == "analyzers"  # the name that the aggregator's node has
    groups = parameters["ros__parameters"]
    names = [status.name for status in robot.statuses.values()]
    names += ["left/robot_bridge: robot", "play_motion2_bridge: motions", "viewer_node: viewer"]
    for name in names:
        matching = [
            key
            for key, group in groups.items()
            if isinstance(group, dict) and any(part in name for part in group["contains"])
        ]
        assert len(matching) == 1, (name, matching)
