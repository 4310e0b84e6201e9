"""A stop that outlives what moves the robot, and robots that have no memory of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from fer_interfaces.msg import HoldState
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_common.qos import EVENTS, LATCHED
from fer_common.testing import spin_until, spinning
from robot_behavior.robots.kept_stop import KeptStop, stop_here
from robot_behavior.robots.sign_of_life import HELD, HOLD, StopNode


class Robot(Node):
    """A robot that hears trajectories, and what people ask of it."""

    def __init__(self) -> None:
        super().__init__("robot")
        self.heard: list[int] = []
        self.told: list[int] = []
        self.create_subscription(
            JointTrajectory, "joint_trajectory", lambda m: self.heard.append(len(m.points)), EVENTS
        )
        self.create_subscription(
            HoldState, HELD, lambda message: self.told.append(message.state), LATCHED
        )
        self.commands = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self.stop = self.create_client(Trigger, "/stop_keeper/stop")
        self.release = self.create_client(Trigger, "/stop_keeper/release")
        self.hold = self.create_client(SetBool, HOLD)

    def move(self) -> None:
        point = JointTrajectoryPoint(positions=[0.1])
        self.commands.publish(JointTrajectory(joint_names=["head_yaw_joint"], points=[point]))


def test_a_robot_that_hears_trajectories_itself_is_stopped_and_stays_so() -> None:
    with spinning(Robot, StopNode) as (executor, nodes):
        robot: Any = nodes[0]

        def wait(condition: Callable[[], object]) -> None:
            assert spin_until(executor, condition)

        wait(robot.stop.service_is_ready)
        wait(lambda: robot.told == [HoldState.NEVER])
        wait(lambda: robot.commands.get_subscription_count() == 2)
        robot.move()
        wait(lambda: robot.heard == [1])
        robot.stop.call_async(Trigger.Request())
        wait(lambda: robot.heard == [1, 0])
        wait(lambda: robot.told[-1] == HoldState.HELD)
        robot.move()
        wait(lambda: robot.heard == [1, 0, 1, 0])
        robot.release.call_async(Trigger.Request())
        wait(lambda: robot.told[-1] == HoldState.RELEASED)
        robot.move()
        wait(lambda: robot.heard == [1, 0, 1, 0, 1])


def test_the_braking_is_let_end() -> None:
    now = [100.0]
    with spinning(Robot, lambda: StopNode(lambda: now[0])) as (executor, nodes):
        robot: Any = nodes[0]
        assert spin_until(executor, robot.hold.service_is_ready)
        assert spin_until(executor, lambda: robot.commands.get_subscription_count() == 2)
        robot.hold.call_async(SetBool.Request(data=True))
        assert spin_until(executor, lambda: HoldState.HELD in robot.told)
        robot.move()
        assert spin_until(executor, lambda: robot.heard == [1])
        now[0] += 0.31
        robot.move()
        assert spin_until(executor, lambda: robot.heard == [1, 1, 0])


def test_a_robot_that_goes_on_obeys_what_this_machine_keeps() -> None:
    with spinning(Robot, StopNode) as (executor, nodes):
        robot: Any = nodes[0]
        assert spin_until(executor, lambda: HoldState.NEVER in robot.told)
        assert stop_here(int(os.environ["ROS_DOMAIN_ID"]), "") == ["trajectory"]
        assert spin_until(executor, lambda: robot.told[-1] == HoldState.HELD)
        robot.release.call_async(Trigger.Request())
        assert spin_until(executor, lambda: robot.told[-1] == HoldState.RELEASED)
        assert stop_here(int(os.environ["ROS_DOMAIN_ID"]), "") == ["trajectory"]
        assert spin_until(executor, lambda: robot.told[-1] == HoldState.HELD)


def keeper(robot: str = "sim", **options: Any) -> KeptStop:
    """As a node of a robot that has just started has it."""
    node = Node("keeper", **options)
    try:
        return KeptStop(node, robot)
    finally:
        node.destroy_node()


@pytest.fixture
def ros() -> Iterator[None]:
    with spinning(lambda: Node("unused")):
        yield


@pytest.mark.usefixtures("ros")
def test_a_stop_is_known_to_those_who_start_later_until_the_release() -> None:
    first = keeper()
    assert first.since is None and not first.text
    first.keep()
    assert keeper().since == first.since
    assert "'robot release', or the service /keeper/release" in keeper().text
    first.keep()
    assert keeper().since == first.since, "it began once"
    keeper().forget()
    assert keeper().since is None


@pytest.mark.usefixtures("ros")
def test_the_stop_of_one_robot_is_none_of_another() -> None:
    keeper().keep()
    assert keeper(robot="nao").since is None
    assert keeper(namespace="/second").since is None
    keeper(robot="a/strange name", namespace="/second").keep()
    assert keeper(robot="a/strange name", namespace="/second").since is not None
    assert keeper(namespace="/second").since is None


@pytest.mark.usefixtures("ros")
def test_only_robots_that_live_here_are_stopped_from_here() -> None:
    domain = int(os.environ["ROS_DOMAIN_ID"])
    robot, other = keeper(namespace="/first"), keeper(namespace="/other")
    dead = keeper(robot="nao", namespace="/first")
    dead.close()
    assert stop_here(domain, "first") == ["sim"]
    assert robot.is_there() and not other.is_there() and not dead.is_there()
    assert stop_here(domain, "/other/") == ["sim"]
    assert other.is_there()
    assert stop_here(domain, "third") == []
    robot.close()
    other.close()
    other.close()  # harmless
    assert stop_here(domain, "first") == []


@pytest.mark.usefixtures("ros")
def test_what_was_cleared_away_is_there_again(runtime_folder_of_the_tests: Path) -> None:
    keeper().keep()
    (file,) = (path for path in (runtime_folder_of_the_tests / "stops").rglob("*hold*"))
    os.utime(file, (1e9, 1e9))  # it began long ago
    stop = keeper()
    shutil.rmtree(runtime_folder_of_the_tests / "stops")
    stop.refresh()
    assert keeper().since == stop.since == 1e9
    file.chmod(0o644)
    stop.refresh()
    assert file.stat().st_mode & 0o777 == 0o600, "as good as new"


@pytest.mark.usefixtures("ros")
def test_a_stop_that_another_program_has_begun_is_known_since_then(
    runtime_folder_of_the_tests: Path,
) -> None:
    late = keeper()
    keeper().keep()
    (file,) = (path for path in (runtime_folder_of_the_tests / "stops").rglob("*hold*"))
    os.utime(file, (1e9, 1e9))
    late.keep()
    assert late.since == keeper().since == 1e9


@pytest.mark.usefixtures("ros")
def test_a_link_at_its_place_is_a_stop_and_is_not_followed(
    runtime_folder_of_the_tests: Path,
) -> None:
    keeper().keep()
    (file,) = (path for path in (runtime_folder_of_the_tests / "stops").rglob("*hold*"))
    target = runtime_folder_of_the_tests / "of_somebody"
    file.unlink()
    file.symlink_to(target)
    stop = keeper()
    assert stop.since is not None
    stop.keep()
    stop.forget()
    assert not target.exists() and keeper().since is None


@pytest.mark.usefixtures("ros")
def test_the_command_that_releases_it_has_the_namespace() -> None:
    stop = keeper(namespace="/lab/second")
    stop.keep()
    assert "'robot release --namespace lab/second'" in stop.text


@pytest.mark.usefixtures("ros")
def test_a_new_start_of_the_machine_ends_a_stop(runtime_folder_of_the_tests: Path) -> None:
    keeper().keep()
    (folder,) = (runtime_folder_of_the_tests / "stops").iterdir()
    folder.rename(folder.with_name("another start"))
    assert keeper().since is None


@pytest.mark.usefixtures("ros")
def test_where_no_file_can_be_made_it_is_told_and_the_stop_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc")):
        monkeypatch.setenv("FER_RUNTIME_DIR", str(folder))
        stop = keeper()
        stop.keep()
        assert stop.since is not None
        lost = "a new start will not know that the robot is stopped"
        assert lost in stop.text, "whoever asks for the stop reads it"
        assert capfd.readouterr().err.count(lost) == 1
        stop.keep()
        assert capfd.readouterr().err.count(lost) == 0, "it is told once"
        assert not stop.is_there()
        assert keeper().since is None
        stop.forget()
        assert stop.since is None
        stop.close()
