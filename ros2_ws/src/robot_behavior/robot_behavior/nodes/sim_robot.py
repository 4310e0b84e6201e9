"""The node ``sim_robot``: a humanoid to try everything with, without a humanoid."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from fer_common.diagnostics import Limits, Mishaps, Report, Statistics, age, figures, slowness, warn
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.graph_watch import InputWatch, OutputWatch
from fer_common.node_clock import NodeClock
from fer_common.parameters import declare
from fer_common.qos import EVENTS, STREAM
from fer_common.runner import ClosingNode
from fer_common.settings import setting
from robot_behavior.motion.simulation import Simulation, TrajectoryError
from robot_behavior.nodes.face_watch import FaceWatch
from robot_behavior.nodes.markers import markers
from robot_behavior.nodes.robot_files import read_model
from robot_behavior.robots.backend import follow
from robot_behavior.robots.sign_of_life import StopKeeper, watch_motion_player

RATE_HZ = 50.0
MARKERS_EVERY = 4
"""Markers are published at every fourth step, while someone looks."""

LONGEST_STEP_S = 0.1
"""A robot whose computer was busy goes on from where it was, instead of catching up."""


@dataclass(frozen=True)
class SimParams:
    """The parameters of `SimRobot`."""

    urdf: str = setting("", "Path of the robot's URDF; empty: the installed humanoid.")
    warn_rate: float = setting(
        40.0, "Diagnostics warns of fewer joint states per second.", low=0.0, high=50.0
    )


class SimRobot(ClosingNode):
    """Follows ``joint_trajectory``, wears a face; publishes ``joint_states`` and ``~/markers``.

    ``~/stop`` holds it where it is; it obeys again after ``~/release``, see `StopKeeper`.

    Args:
        clock: monotonic seconds; None: those of `fer_common.node_clock.NodeClock`.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the URDF is unusable.
    """

    def __init__(self, clock: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__("sim_robot", **options)
        params, wall = declare(self, SimParams), clock or time.monotonic
        clock = clock or NodeClock(self)
        self._model = read_model(params.urdf)
        self._simulation = Simulation(self._model.limits)
        self._monotonic, self._last, self._steps = clock, clock(), 0
        self._ending = self._held = False
        self._states = self.create_publisher(JointState, "joint_states", STREAM)
        self._markers = self.create_publisher(MarkerArray, "~/markers", STREAM)
        told = self.create_subscription(JointTrajectory, "joint_trajectory", self._follow, EVENTS)
        self._face = FaceWatch(self, clock)
        watch_motion_player(self, self._left_alone)
        self.create_timer(1.0 / RATE_HZ, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._rate, self._mishaps = Limits(params.warn_rate), Mishaps(wall)
        self._done, self._told = Statistics(), Statistics()
        self._input = InputWatch(
            self, told, "trajectories", "is motion_player running?", single=True, clock=wall
        )
        self._output = OutputWatch(self, self._states)
        DiagnosticsPublisher(self, "robot", self._report)
        self._keeper = StopKeeper(self, "sim", self._hold, self._hold, self._release)
        self._keeper.begin()
        self.get_logger().info(
            f"simulates {self._model.name or 'a robot'} with {len(self._simulation.joints)} joints"
        )

    def begin_stop(self) -> None:
        """Goes home, unless it is there, or was stopped."""
        self._ending = True
        if not self._held and not self._simulation.is_home:
            self.get_logger().info("goes to its rest pose before it stops")
            self._simulation.go_home()

    def is_stopped(self) -> bool:
        """Whether it has arrived."""
        return self._simulation.is_still

    def _hold(self) -> None:
        self._step()
        self._held = True
        self._simulation.brake()

    def _release(self) -> None:
        self._held = False

    def _follow(self, message: JointTrajectory) -> None:
        if self._held:
            return
        self._step()  # so that the trajectory starts from here and now
        self._told.add(0.0, self._monotonic())
        try:
            unknown = follow(self._simulation, message)
        except TrajectoryError as error:
            self._mishaps.note(f"refused a trajectory: {error}")
            self.get_logger().error(f"refused a trajectory: {error}")
            return
        if unknown:
            self.get_logger().warning(f"ignores joints that it lacks: {', '.join(unknown)}")

    def _left_alone(self) -> None:
        if self._simulation.is_under_way and not self._ending and not self._held:
            self.get_logger().error("the motion player is gone: goes to its rest pose")
            self._simulation.go_home()

    def _step(self) -> None:
        now, stamp = self._monotonic(), self.get_clock().now().to_msg()
        self._simulation.step(min(now - self._last, LONGEST_STEP_S))
        self._last = now
        state = JointState(
            name=list(self._simulation.joints),
            position=self._simulation.positions.tolist(),
            velocity=self._simulation.velocities.tolist(),
        )
        state.header.stamp = stamp
        self._states.publish(state)
        self._steps += 1
        if self._steps % MARKERS_EVERY == 0 and self._markers.get_subscription_count():
            positions = dict(zip(state.name, state.position, strict=True))
            self._markers.publish(markers(self._model, positions, stamp, self._face.look()))
        self._keeper.look(self._held)
        self._done.add(self._monotonic() - now, now)

    def _report(self) -> Report:
        now, simulation = self._monotonic(), self._simulation
        steps, told = self._done.summary(now), self._told.summary(now)
        values = {
            "state": "held" if self._held else "still" if simulation.is_still else "moving",
            "robot": self._model.name or "unnamed",
            "joints": len(simulation.joints),
            **figures(steps),
            "joint_trajectory [1/s]": f"{told.rate:.1f}",
            "age of the newest trajectory [s]": age(told.age_s),
            **self._mishaps.values,
        }
        findings = [
            warn(self._mishaps.recent),
            *self._input.findings(),
            *self._output.findings(),
            slowness(steps, self._rate, "joint states", "is the machine busy?"),
        ]
        return Report(f"{steps.rate:.0f} joint states/s", values, findings)
