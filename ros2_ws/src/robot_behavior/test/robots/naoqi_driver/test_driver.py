"""NAO moves in its own angles, and the file that maps its joints is checked."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.nodes.robot_files import read_model
from robot_behavior.robots.backend import JointStream
from robot_behavior.robots.naoqi_driver.driver import JOINTS_FILE, NaoDriver, NaoJoint, load_nao
from robot_behavior.yaml_file import ConfigError
from ros2_ws.src.robot_behavior.test.robots.naoqi_driver.fake_nao import STAND, FakeNao

MODEL = {
    "neck": JointLimits(-1.0, 1.0, 2.0),
    "arm": JointLimits(0.0, 2.0, 3.0),
    "tail": JointLimits(-1.0, 1.0, 1.0),
}
NAO = {
    "neck": NaoJoint("HeadYaw", 1, 0.0, JointLimits(-1.0, 1.0, 3.0)),
    "arm": NaoJoint("LShoulderPitch", -1, 1.5708, JointLimits(0.0, 2.0, 3.0)),
}


class Rig:
    """A stream, its link and the fake NAO, in simulated time."""

    def __init__(self) -> None:
        self.now, self.nao, self.commands = 0.0, FakeNao(), 0
        self.driver = NaoDriver(NAO, self._send, lambda: self.now)
        self.stream = JointStream(MODEL, self.driver)

    def _send(self, names: list[str], angles: list[float]) -> None:
        self.commands += 1
        self.nao.command(names, angles, 0.6)

    def run(self, seconds: float, silent: bool = False) -> None:
        for _ in range(round(seconds / 0.02)):
            self.now += 0.02
            self.nao.step(0.02)
            if not silent:
                self.driver.heard(list(self.nao.angles), list(self.nao.angles.values()))
            self.stream.step(0.02)


def test_nao_follows_in_its_own_angles() -> None:
    rig = Rig()
    assert "HeadYaw" in str(rig.stream.problem) and "naoqi_driver" in str(rig.stream.problem)
    rig.run(1.0)
    assert rig.commands == 0 and rig.stream.problem is None
    rig.stream.follow(to(0.5))
    rig.run(1.2)
    assert rig.nao.angles["HeadYaw"] == pytest.approx(0.5, abs=0.01)
    assert rig.nao.angles["LShoulderPitch"] == pytest.approx(1.0708, abs=0.01)
    assert rig.nao.angles["RShoulderPitch"] == STAND["RShoulderPitch"]
    states = rig.stream.step(0.0)
    assert states is not None and states.positions["arm"] == pytest.approx(0.5, abs=0.01)
    assert 25 <= rig.commands <= 35  # 25 a second


def test_a_nao_that_falls_silent_is_left_alone() -> None:
    rig = Rig()
    rig.run(0.1)
    rig.stream.follow(to(0.9, seconds=4.0))
    rig.run(1.2, silent=True)
    assert "silent" in str(rig.stream.problem)
    sent = rig.commands
    rig.run(0.5, silent=True)
    rig.run(0.5)
    assert rig.commands == sent and rig.stream.problem is None


def test_a_stopped_nao_holds_where_it_is() -> None:
    rig = Rig()
    rig.run(0.1)
    rig.stream.follow(to(0.9, seconds=2.0))
    rig.run(0.8)
    rig.stream.stop()
    held = rig.nao.angles["HeadYaw"]
    rig.run(1.0)
    assert rig.nao.angles["HeadYaw"] == pytest.approx(held, abs=0.02)
    assert "robot release" in str(rig.stream.problem)


def test_numbers_that_are_none_are_ignored() -> None:
    rig = Rig()
    rig.driver.heard(["HeadYaw", "LShoulderPitch"], [math.nan, 1.0])
    assert "HeadYaw" in str(rig.stream.problem)


JOINTS = {"neck": JointLimits(-1.0, 1.0, 2.0), "arm": JointLimits(-0.5, 2.0, 3.0)}
ENTRY = {
    "joint": "HeadYaw",
    "sign": -1,
    "offset": 0.2,
    "lower": -2.0,
    "upper": 0.9,
    "velocity": 1.0,
}


def write(folder: Path, content: object) -> Path:
    file = folder / "map.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def to(goal: float, seconds: float = 1.0) -> JointTrajectory:
    message = JointTrajectory(joint_names=list(MODEL))
    point = JointTrajectoryPoint(positions=[goal] * len(MODEL))
    point.time_from_start.sec = int(seconds)
    message.points.append(point)
    return message


def test_the_shipped_file_fits_the_humanoid() -> None:
    nao = load_nao(JOINTS_FILE, read_model("").limits)
    assert len(nao) == 12 and not any("torso" in joint for joint in nao)


def test_nao_turns_the_other_way_where_the_file_says_so(tmp_path: Path) -> None:
    (joint,) = load_nao(write(tmp_path, {"joints": {"neck": ENTRY}}), JOINTS).values()
    assert joint.angle(0.0) == 0.2 and joint.angle(0.5) == pytest.approx(-0.3)
    assert joint.position(joint.angle(0.5)) == pytest.approx(0.5)
    assert joint.limits == JointLimits(pytest.approx(-0.7), 1.0, 1.0)
    assert joint.angle(-9.0) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sign": 0}, "sign is 0, expected 1 or -1"),
        ({"joint": 3}, "joint is 3, expected a text"),
        ({"offset": 9}, "offset is 9"),
        ({"lower": 2.0, "upper": 3.0}, "a range that the robot's model shares"),
    ],
)
def test_a_joint_of_nao_that_makes_no_sense_is_refused(
    tmp_path: Path, change: dict, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_nao(write(tmp_path, {"joints": {"neck": {**ENTRY, **change}}}), JOINTS)
