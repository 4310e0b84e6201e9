"""The node ``robot_bridge``: brings trajectories to a real robot."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from fer_common.diagnostics import (
    Finding,
    Limits,
    Mishaps,
    Report,
    Statistics,
    age,
    error,
    figures,
    warn,
)
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.graph_watch import InputWatch, OutputWatch
from fer_common.parameters import declare
from fer_common.qos import EVENTS, STREAM
from fer_common.settings import setting
from robot_behavior.motion.simulation import TrajectoryError
from robot_behavior.nodes.commander import watch
from robot_behavior.nodes.robot_files import read_model
from robot_behavior.robots.backend import Backend, LinkHealth

# ----------------------------------------------------------------------
# How the bridge to a real robot is doing.


class BridgeHealth:
    """Counts trajectories and joint states, and watches the link.

    Args:
        node: the bridge.
        backend: its kind.
        trajectories: its subscription.
        states: its publisher of joint states.
        silence: since the robot's last answer, seconds.
        damage: share of the frames of the last second that came damaged.
        clock: monotonic seconds.

    Attributes:
        mishaps: trajectories that were refused.
    """

    def __init__(
        self,
        node: Node,
        backend: str,
        trajectories: Subscription,
        states: Publisher,
        silence: Limits,
        damage: Limits,
        clock: Callable[[], float],
    ) -> None:
        self.mishaps = Mishaps(clock)
        self._backend, self._clock = backend, clock
        self._silence, self._damage = silence, damage
        self._states, self._told = Statistics(), Statistics()
        self._last: LinkHealth | None = None
        self._input = InputWatch(
            node,
            trajectories,
            "trajectories",
            "is motion_player running?",
            single=True,
            clock=clock,
        )
        self._output = OutputWatch(node, states)

    def told(self) -> None:
        """A trajectory has come."""
        self._told.add(0.0, self._clock())

    def stepped(self, took_s: float) -> None:
        """Joint states were published.

        Args:
            took_s: to listen to the robot, and to command it.
        """
        self._states.add(took_s, self._clock())

    def report(self, link: LinkHealth, problem: str) -> Report:
        """How the bridge is doing.

        Args:
            link: to the robot.
            problem: why the robot cannot be moved; empty if it can.
        """
        now = self._clock()
        states, told = self._states.summary(now), self._told.summary(now)
        values = {
            "state": problem or "ready",
            "backend": self._backend,
            "link": link.name,
            "frames sent": link.sent,
            "frames received": link.received,
            "frames damaged": link.damaged,
            "time since the last answer [s]": age(link.silence_s),
            **link.details,
            **figures(states),
            "joint_trajectory [1/s]": f"{told.rate:.1f}",
            "age of the newest trajectory [s]": age(told.age_s),
            **self.mishaps.values,
        }
        findings = [
            error(problem),
            warn(self.mishaps.recent),
            *self._input.findings(),
            *self._output.findings(),
            *([] if problem else self._link(link)),
        ]
        return Report(f"moves the robot over {link.name}", values, findings, link.name)

    def _link(self, link: LinkHealth) -> list[Finding | None]:
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


# ----------------------------------------------------------------------

RATE_HZ = 50.0
LONGEST_STEP_S = 0.1
"""A robot whose computer was busy goes on from where it was, instead of catching up."""

_BACKENDS = {
    "serial": "robot_behavior.robots.servo_humanoid.driver",
    "naoqi": "robot_behavior.robots.nao.driver",
    "trajectory": "robot_behavior.robots.ros2_control.driver",
}


@dataclass(frozen=True)
class BridgeParams:
    """The parameters of `RobotBridge`; each backend has more."""

    backend: str = setting("serial", "Which kind of robot.", choices=tuple(_BACKENDS))
    urdf: str = setting("", "Path of the robot's URDF; empty: the installed humanoid.")
    warn_silence_s: float = setting(
        0.25, "Diagnostics warns when the robot's last answer is older, s.", low=0.0, high=60.0
    )
    warn_damaged: float = setting(
        0.02, "Diagnostics warns of a larger share of damaged frames.", low=0.0, high=1.0
    )


class RobotBridge(Node):
    """Takes ``joint_trajectory`` to a robot, and publishes ``joint_states`` where it does not.

    ``~/stop`` stops the robot where it is; it obeys again after ``~/release``.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the URDF or a file of the backend is unusable, or a package is missing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("robot_bridge", **options)
        params = declare(self, BridgeParams)
        model = read_model(params.urdf)
        create = importlib.import_module(_BACKENDS[params.backend]).create
        self._backend: Backend = create(self, model)
        self._monotonic, self._last = clock, clock()
        self._problem, self._ending = "", False
        self._states = self.create_publisher(JointState, "joint_states", STREAM)
        self._health = BridgeHealth(
            self,
            params.backend,
            self.create_subscription(JointTrajectory, "joint_trajectory", self._follow, EVENTS),
            self._states,
            Limits(params.warn_silence_s),
            Limits(params.warn_damaged),
            clock,
        )
        DiagnosticsPublisher(self, "robot", self._report)
        watch(self, self._left_alone)
        self.create_service(Trigger, "~/stop", self._on_stop)
        self.create_service(Trigger, "~/release", self._on_release)
        self.create_timer(1.0 / RATE_HZ, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin_stop(self) -> None:
        """Starts for the rest pose."""
        self._ending = True
        self._backend.begin_rest()

    def is_stopped(self) -> bool:
        """Whether the robot has arrived, or cannot be moved."""
        return bool(self._backend.problem) or self._backend.is_at_rest()

    def destroy_node(self) -> None:
        """Lets the robot go."""
        self._backend.close()
        super().destroy_node()

    def _left_alone(self) -> None:
        if not self._ending and self._backend.calm_down():
            self.get_logger().error("the motion player is gone: ends what is under way")

    def _follow(self, message: JointTrajectory) -> None:
        self._health.told()
        try:
            unknown = self._backend.follow(message)
        except TrajectoryError as error:
            self._health.mishaps.note(f"refused a trajectory: {error}")
            # The idle layer sends several a second.
            self.get_logger().error(f"refused a trajectory: {error}", throttle_duration_sec=2.0)
            return
        if unknown:
            self.get_logger().warning(f"ignores joints that it lacks: {', '.join(unknown)}")

    def _step(self) -> None:
        now = self._monotonic()
        states = self._backend.step(min(now - self._last, LONGEST_STEP_S))
        self._last = now
        self._tell(self._backend.problem)
        if states is None:
            return
        message = JointState(
            name=list(states.positions),
            position=list(states.positions.values()),
            velocity=[states.velocities[joint] for joint in states.positions],
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(message)
        self._health.stepped(self._monotonic() - now)

    def _report(self) -> Report:
        return self._health.report(self._backend.health, self._backend.problem)

    def _tell(self, problem: str) -> None:
        # The kind of problem, without its figures: a silence grows, which is no news.
        if problem.rstrip("0123456789. s") == self._problem.rstrip("0123456789. s"):
            return
        self._problem = problem
        if problem:
            self.get_logger().warning(problem)
        else:
            self.get_logger().info("the robot is ready")

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._backend.stop()
        self.get_logger().warning("stopped; ~/release lets the robot obey again")
        response.success, response.message = True, "stopped"
        return response

    def _on_release(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        self._backend.release()
        response.success, response.message = True, "released"
        return response
