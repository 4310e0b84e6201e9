"""The robots that can be moved, by name: one folder each.

A robot has one name everywhere: that of its folder, of the launch argument ``robot:=NAME``, of the
parameter ``robot`` of ``robot_bridge``, in YAML and in the docs. In its folder are

- ``__init__.py``: its descriptor, a `Robot`, and the settings of its driver,
- ``driver.py``: its driver, see `robot_behavior.robots.backend`,
- its ``robot.urdf`` and ``motions.yaml``, if it is no humanoid like ours, and other YAML,
- a stand-in that plays the robot (``fake_*.py``), and a README.

To add one, write such a folder and a line in `ROBOTS`. A package of its own needs no line: it
registers its descriptor as an entry point, for example in its ``pyproject.toml``:

    [project.entry-points."robot_behavior.robots"]
    my_robot = "my_package:ROBOT"

This module, the descriptors and `backend` import nothing of ROS, and neither does a driver that
can do without. A driver that speaks topics or actions, a stand-in that is a node, and a robot's
own node belong to the ROS side; nothing of that is imported before its robot is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ec_rfernet.errors import InputError
from ec_rfernet.registry import Registry, in_one_line

if TYPE_CHECKING:
    import numpy as np
    from rclpy.node import Node

    from robot_behavior.body.robot_model import RobotModel
    from robot_behavior.robots.backend import RobotDriver


@dataclass(frozen=True)
class NoSettings:
    """Of a driver that has nothing to set."""


@dataclass(frozen=True)
class RobotNode:
    """A node of the robot's own.

    Attributes:
        executable: its name, which is also the node's name.
        target: its class, as ``module:name``.
        package: where its executable is.
        keeps_stop: whether it tells on ``held`` that the robot was stopped.
    """

    executable: str
    target: str
    package: str = "robot_behavior"
    keeps_stop: bool = False


class RobotPainter(Protocol):
    """Draws a robot as it is in a simulator of its maker's, for videos."""

    def picture(self, way: list[tuple[float, dict[str, float]]]) -> np.ndarray:
        """The robot, uint8 [H,W,3], blue green red, after it has followed a way.

        Args:
            way: each with the seconds since the one before: rad, or m, by name of the joint.

        Raises:
            InputError: it cannot be drawn.
        """

    def close(self) -> None:
        """Ends what draws."""


@dataclass(frozen=True)
class Robot:
    """What there is to know of a robot before anything of it is imported.

    Attributes:
        description: what it is, in a few words; also the help text of ``robot:=NAME``.
        driver: ``module:name`` of what makes its driver, with which ``robot_bridge`` moves it: a
            class or function that is called with the bridge's node, the `RobotModel` and the
            settings. None for a robot without a bridge.
        settings: a dataclass, see `fer_common.settings`, whose fields are parameters of
            ``robot_bridge`` while it moves this robot.
        arguments: the launch arguments that are among these settings, such as ``port``.
        node: its own node, in place of the bridge; None for a robot without one.
        motion_player: whether ``motion_player`` moves it; false where something else serves
            ``play_motion``, or nothing does.
        humanoid: whether it has the links of the URDF of ``fer_bringup``, so that this tells
            where they are.
        urdf: its joints, limits and shapes; None: those of the humanoid of ``fer_bringup``.
        motions: its gestures, for the joints of its URDF; None: those of the humanoid.
        sim_time: whether it may be one of a simulator, and follow its ``/clock``; the drivers of
            real robots hold to real time.
        painter: ``module:name`` of a `RobotPainter`, called with the size of its pictures; None:
            videos show the shapes of the URDF.
    """

    description: str
    driver: str | None = None
    settings: type[Any] = NoSettings
    arguments: tuple[str, ...] = ()
    node: RobotNode | None = None
    motion_player: bool = True
    humanoid: bool = False
    urdf: Path | None = None
    motions: Path | None = None
    painter: str | None = None
    sim_time: bool = False

    def __post_init__(self) -> None:
        if not is_dataclass(self.settings):
            raise TypeError(f"settings are {self.settings!r}, expected a dataclass")

    @property
    def keeps_stop(self) -> bool:
        """Whether what moves it keeps a stop, and tells so: ours do."""
        return self.driver is not None or (self.node is not None and self.node.keeps_stop)

    def check_time(self, name: str, use_sim_time: bool) -> None:
        """Sees that a real robot does not live by a simulation's clock.

        Args:
            name: of the robot.
            use_sim_time: what a user has asked for.

        Raises:
            InputError: it would.
        """
        if use_sim_time and not self.sim_time:
            able = ", ".join(each for each in ROBOTS.built_in if ROBOTS.get(each).sim_time)
            raise InputError(
                f"use_sim_time is true, but robot '{name}' moves in real time, whatever /clock "
                f"says; leave it false, or take one of {able}"
            )

    def make_driver(self, node: Node, model: RobotModel, settings: Any) -> RobotDriver:
        """Imports the driver and makes it.

        Args:
            node: the bridge.
            model: the joints that trajectories name.
            settings: of the class `settings`.

        Raises:
            InputError: the driver cannot be imported, or there is none.
            Exception: what the driver raises when it is made.
        """
        if self.driver is None:
            raise InputError(f"{self.description}: has no driver")
        driver: RobotDriver = _imported("driver", self.driver)(node, model, settings)
        return driver

    def make_painter(self, size: tuple[int, int]) -> RobotPainter | None:
        """Imports the painter and makes it.

        Args:
            size: width and height of its pictures, pixels.

        Returns:
            None if there is none, or what it needs is not installed.
        """
        if self.painter is None:
            return None
        try:
            painter: RobotPainter = _imported("painter", self.painter)(size)
        except InputError:
            return None
        return painter


def _imported(what: str, target: str) -> Any:
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except (Exception, SystemExit) as error:  # whatever a stranger's module does
        problem = f"{what} {target} cannot be imported: {in_one_line(error)}"
        raise InputError(problem) from error


ROBOTS: Registry[Robot] = Registry(
    "robot",
    "robot_behavior.robots",
    {
        "sim": "robot_behavior.robots.sim:ROBOT",
        "servo_humanoid": "robot_behavior.robots.servo_humanoid:ROBOT",
        "nao": "robot_behavior.robots.nao:ROBOT",
        "pepper": "robot_behavior.robots.pepper:ROBOT",
        "reachy_mini": "robot_behavior.robots.reachy_mini:ROBOT",
        "naoqi_driver": "robot_behavior.robots.naoqi_driver:ROBOT",
        "unitree_g1": "robot_behavior.robots.unitree_g1:ROBOT",
        "ros2_control": "robot_behavior.robots.ros2_control:ROBOT",
        "play_motion2": "robot_behavior.robots.play_motion2:ROBOT",
        "trajectory": "robot_behavior.robots.trajectory:ROBOT",
        "none": "robot_behavior.robots.none:ROBOT",
    },
    fits=lambda found: isinstance(found, Robot),
)

FORMER_NAMES = {"serial": "servo_humanoid", "naoqi": "naoqi_driver", "controller": "ros2_control"}
"""What robots were called, and what they are called now."""


def find_robot(name: str) -> Robot:
    """The robot of a name.

    Raises:
        InputError: there is none, or it is called otherwise now; or another package's
            descriptor cannot be imported.
    """
    if name in FORMER_NAMES and name not in ROBOTS:
        raise InputError(f"robot '{name}' is now called '{FORMER_NAMES[name]}'")
    return ROBOTS.get(name)


def describe_robots() -> str:
    """All robots with their descriptions, in one line."""
    return "; ".join(f"{name}: {_description(name)}" for name in ROBOTS.names)


def _description(name: str) -> str:
    try:
        return ROBOTS.get(name).description
    except InputError:
        return "cannot be imported"  # a package of somebody else must not break the help
