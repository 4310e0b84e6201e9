"""The node ``robot_bridge``: moves a robot through its driver."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from ec_rfernet.errors import InputError
from ec_rfernet.registry import in_one_line
from fer_common.diagnostics import Limits, Mishaps, Report, Statistics, age, error, figures, warn
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.graph_watch import InputWatch, OutputWatch
from fer_common.parameters import declare
from fer_common.qos import EVENTS, STREAM
from fer_common.reason import Finding, Reason
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import fields, setting
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion.simulation import TrajectoryError
from robot_behavior.nodes.robot_files import WHICH_ROBOT, read_model
from robot_behavior.robots import find_robot
from robot_behavior.robots.backend import JointDriver, JointStream, LinkHealth, TrajectoryDriver
from robot_behavior.robots.sign_of_life import StopKeeper, watch_motion_player
from robot_behavior.yaml_file import ConfigError

RATE_HZ = 50.0
LONGEST_STEP_S = 0.1
"""A robot whose computer was busy goes on from where it was, instead of catching up."""

FORMER_BACKENDS = {
    "serial": "servo_humanoid",
    "naoqi": "naoqi_driver",
    "trajectory": "ros2_control",
}
"""Values of the parameter ``backend``, which is called ``robot`` now."""


@dataclass(frozen=True)
class BridgeParams:
    """The parameters of `RobotBridge`; each robot has more, see `robot_behavior.robots`."""

    robot: str = setting("servo_humanoid", WHICH_ROBOT)
    urdf: str = setting("", "Path of the robot's URDF; empty: that of the robot.")
    warn_silence_s: float = setting(
        0.25, "Diagnostics warns when the robot's last answer is older, s.", low=0.0, high=60.0
    )
    warn_damaged: float = setting(
        0.02, "Diagnostics warns of a larger share of damaged frames.", low=0.0, high=1.0
    )


class RobotBridge(ClosingNode):
    """Takes ``joint_trajectory`` to a robot, and publishes ``joint_states`` where it does not.

    ``~/stop`` stops the robot where it is; it obeys again after ``~/release``.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the robot is not known, the URDF or a file of the driver is unusable, or a
            package is missing; or ``use_sim_time`` is set for a robot that is none of a simulator.

    Attributes:
        driver: of the robot.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("robot_bridge", **options)
        params = declare(self, BridgeParams)
        self._refuse_former_name()
        self.driver = self._make_driver(params.robot, read_model(params.urdf, params.robot))
        self.closing.callback(self.driver.close)
        self._monotonic, self._last = clock, clock()
        self._logged: str | None = None
        self._ending = False
        self._states = self.create_publisher(JointState, "joint_states", STREAM)
        told = self.create_subscription(JointTrajectory, "joint_trajectory", self._follow, EVENTS)
        self._robot, self._mishaps = params.robot, Mishaps(clock)
        self._link = LinkVerdict(Limits(params.warn_silence_s), Limits(params.warn_damaged))
        self._done, self._told = Statistics(), Statistics()
        self._input = InputWatch(
            self, told, "trajectories", "is motion_player running?", single=True, clock=clock
        )
        self._output = OutputWatch(self, self._states)
        DiagnosticsPublisher(self, "robot", self._report)
        watch_motion_player(self, self._left_alone)
        driver = self.driver
        self.create_timer(1.0 / RATE_HZ, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._keeper = StopKeeper(self, params.robot, driver.hold, driver.stop, driver.release)
        self._keeper.begin()

    @property
    def problem(self) -> Reason | None:
        """Why the robot cannot be moved; None if it can."""
        return self.driver.problem

    def begin_stop(self) -> None:
        """Starts for the rest pose."""
        self._ending = True
        self.driver.begin_rest()

    def is_stopped(self) -> bool:
        """Whether the robot has arrived, or cannot be moved."""
        return self.problem is not None or self.driver.is_at_rest()

    def _refuse_former_name(self) -> None:
        """Who still sets ``backend`` would otherwise move a robot that nobody has asked for."""
        loose = ParameterDescriptor(dynamic_typing=True)
        backend = self.declare_parameter("backend", "", loose).value
        self.undeclare_parameter("backend")
        if backend:
            name = FORMER_BACKENDS.get(str(backend), backend)
            raise StartError(f"parameter 'backend' is now called 'robot': set robot:={name}")

    def _make_driver(self, name: str, model: RobotModel) -> TrajectoryDriver:
        try:
            robot = find_robot(name)
            robot.check_time(name, self.get_parameter("use_sim_time").value)
            if robot.driver is None:
                raise StartError(f"robot '{name}' needs no robot_bridge")
            taken = [field for field in fields(robot.settings) if self.has_parameter(field)]
            if taken:
                raise InputError(f"robot '{name}' has settings of the bridge: {', '.join(taken)}")
            driver = robot.make_driver(self, model, declare(self, robot.settings))
        except StartError:
            raise
        except (InputError, ConfigError) as error:
            raise StartError(str(error)) from error
        except (Exception, SystemExit) as error:  # of a driver that somebody else wrote
            raise StartError(f"the driver of robot '{name}': {in_one_line(error)}") from error
        if isinstance(driver, JointDriver):
            driver = JointStream(model.limits, driver)
            if driver.simulated:
                lacking = ", ".join(driver.simulated)
                self.get_logger().info(f"simulates joints that the robot lacks: {lacking}")
        if not isinstance(driver, TrajectoryDriver):
            expected = "expected a JointDriver or a TrajectoryDriver"
            raise StartError(f"the driver of robot '{name}' is {driver!r}, {expected}")
        return driver

    def _left_alone(self) -> None:
        if not self._ending and self.driver.calm_down():
            self.get_logger().error("the motion player is gone: ends what is under way")

    def _follow(self, message: JointTrajectory) -> None:
        self._told.add(0.0, self._monotonic())
        try:
            unknown = self.driver.follow(message)
        except TrajectoryError as error:
            if self.driver.held:
                return  # as it should be
            self._mishaps.note(f"refused a trajectory: {error}")
            # The idle layer sends several a second.
            self.get_logger().error(f"refused a trajectory: {error}", throttle_duration_sec=2.0)
            return
        if unknown:
            self.get_logger().warning(f"ignores joints that it lacks: {', '.join(unknown)}")

    def _step(self) -> None:
        now = self._monotonic()
        try:
            states = self.driver.step(min(now - self._last, LONGEST_STEP_S))
        except Exception as error:  # of a driver that somebody else wrote: the node goes on
            text = f"the driver failed: {in_one_line(error)}"
            self._mishaps.note(text)
            self.get_logger().error(text, throttle_duration_sec=2.0)
            return
        finally:
            self._last = now
        self._log(self.problem)
        self._keeper.look(self.driver.held)
        if states is None:
            return
        message = JointState(
            name=list(states.positions),
            position=list(states.positions.values()),
            velocity=[states.velocities[joint] for joint in states.positions],
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(message)
        self._done.add(self._monotonic() - now, now)

    def _log(self, problem: Reason | None) -> None:
        """Logs a problem of another kind, or that there is none; a growing silence is no news."""
        code = problem.code if problem else None
        if code == self._logged:
            return
        self._logged = code
        if problem:
            self.get_logger().warning(str(problem))
        else:
            self.get_logger().info("the robot is ready")

    def _report(self) -> Report:
        now, link, problem = self._monotonic(), self.driver.health, self.problem
        states, told = self._done.summary(now), self._told.summary(now)
        values = {
            "state": problem or "ready",
            "backend": self._robot,
            "link": link.name,
            "frames sent": link.sent,
            "frames received": link.received,
            "frames damaged": link.damaged,
            "time since the last answer [s]": age(link.silence_s),
            **link.details,
            **figures(states),
            "joint_trajectory [1/s]": f"{told.rate:.1f}",
            "age of the newest trajectory [s]": age(told.age_s),
            **self._mishaps.values,
        }
        findings = [
            error(problem),
            warn(self._mishaps.recent),
            *self._input.findings(),
            *self._output.findings(),
            *self._link.findings(link, problem),
            *(warn(text) for text in link.warnings),
        ]
        return Report(f"moves the robot over {link.name}", values, findings, link.name)


class LinkVerdict:
    """Whether the connection to a robot is good.

    Args:
        silence: since the robot's last answer, seconds.
        damage: share of the frames since the last look that came damaged.
    """

    def __init__(self, silence: Limits, damage: Limits) -> None:
        self._silence, self._damage = silence, damage
        self._last: LinkHealth | None = None

    def findings(self, link: LinkHealth, problem: Reason | None) -> list[Finding | None]:
        """What is wrong with it now; nothing while the robot's ``problem`` says all."""
        if problem:
            return []
        before, self._last = self._last, link
        found = [
            self._silence.above(
                link.silence_s,
                f"the robot answered {link.silence_s:.1f} s ago, "
                f"expected at most {self._silence.warn:g}",
            )
        ]
        if before is not None:
            received, damaged = link.received - before.received, link.damaged - before.damaged
            frames = received + damaged
            text = f"{damaged} of {frames} frames were damaged: is the cable good?"
            found.append(self._damage.above(damaged / max(frames, 1), text))
        return found
