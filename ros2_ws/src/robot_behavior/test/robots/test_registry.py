"""Robots by name: each has its folder, and other people's packages add theirs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from fer_common.settings import fields
from robot_behavior.robots import FORMER_NAMES, ROBOTS, find_robot

GUIDE = Path(__file__).resolve().parents[5] / "docs" / "robots" / "README.md"
DRIVE = """
import sys
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from rclpy.node import Node
from fer_common.qos import EVENTS
from fer_common.testing import spin_until, spinning
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import parts
from pathlib import Path
from robot_behavior.nodes.robot_bridge import RobotBridge

config = Path(sys.argv[1]); config.touch()
values = {argument.name: argument.default for argument in ARGUMENTS} | {"robot": "my_robot"}
_, first, second, *_ = parts(RobotSettings.read(values, config), Path("clip.mp4"))
assert (first.executable, first.parameters) == ("robot_bridge", {"robot": "my_robot"})
assert second.executable == "motion_player"
assert "my_robot: my robot" in next(a for a in ARGUMENTS if a.name == "robot").description

overrides = [Parameter(name, value=value) for name, value in first.parameters.items()]
seen = {}
with spinning(lambda: RobotBridge(parameter_overrides=overrides), lambda: Node("player")) as (
    executor,
    (bridge, player),
):
    told = player.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
    take = lambda message: seen.update(zip(message.name, message.position))
    player.create_subscription(JointState, "joint_states", take, 10)
    assert spin_until(executor, lambda: seen and told.get_subscription_count())
    point = JointTrajectoryPoint(positions=[0.4])
    point.time_from_start.sec = 1
    told.publish(JointTrajectory(joint_names=["head_yaw_joint"], points=[point]))
    assert spin_until(executor, lambda: abs(seen["head_yaw_joint"] - 0.4) < 0.01)
    assert bridge.driver.health.name == "my robot"
print("moved")
"""


@pytest.mark.parametrize("name", ROBOTS.built_in)
def test_every_robot_has_its_folder_and_can_be_found(name: str) -> None:
    robot = find_robot(name)
    folder = files("robot_behavior.robots") / name
    assert (folder / "README.md").read_text().startswith(f"# `{name}`: ")
    assert name in GUIDE.read_text(encoding="utf-8")
    assert not robot.description.endswith(".")
    assert set(robot.arguments) <= set(fields(robot.settings))
    for target in (robot.driver, robot.node.target if robot.node else None):
        if target is not None:
            module, attribute = target.split(":")
            assert callable(getattr(import_module(module), attribute))


def test_drivers_share_names_of_settings_only_where_they_are_launch_arguments() -> None:
    robots = [find_robot(name) for name in ROBOTS.built_in]
    drivers = {robot.settings: robot.arguments for robot in robots}
    names = [
        name
        for settings, arguments in drivers.items()
        for name in fields(settings)
        if name not in arguments
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("former", "now"), FORMER_NAMES.items())
def test_a_former_name_is_told_its_new_one(former: str, now: str) -> None:
    assert now in ROBOTS
    with pytest.raises(InputError, match=f"robot '{former}' is now called '{now}'"):
        find_robot(former)


def test_an_unknown_robot_is_told_the_known_ones() -> None:
    with pytest.raises(InputError, match="robot is 'nap', expected one of: sim, .*did you mean"):
        find_robot("nap")


def test_the_registry_and_the_descriptors_import_no_ros() -> None:
    program = (
        "from robot_behavior.robots import ROBOTS; [ROBOTS.get(name) for name in ROBOTS.names];"
        "import robot_behavior.robots.backend, robot_behavior.robots.servo_humanoid.driver, sys;"
        "sys.exit(any(name.startswith(('rclpy', 'sensor_msgs')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_package_outside_of_the_workspace_brings_its_robot(tmp_path: Path) -> None:
    """What the guide shows, as it stands there, installed as pip would."""
    guide = GUIDE.read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        file = tmp_path / block.splitlines()[0].removeprefix("# ")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block)
    project = re.search(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert project is not None
    group, entry = re.findall(r'entry-points\."(.+?)"\]\n(.*)\n', project[1])[0]
    information = tmp_path / "my_robot-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my_robot\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{DRIVE}",
         str(tmp_path / "robot.yaml")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("moved\n"), done.stderr
