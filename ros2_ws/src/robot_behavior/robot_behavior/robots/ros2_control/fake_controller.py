"""A robot of ros2_control without a robot: the action of a joint_trajectory_controller."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState

from ec_rfernet.files import user_path
from fer_common.parameters import declare
from fer_common.qos import STREAM
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import setting
from robot_behavior.body import urdf
from robot_behavior.motion.simulation import Simulation, TrajectoryError
from robot_behavior.robots.backend import follow, message_type

RATE_HZ = 50.0


@dataclass(frozen=True)
class ControllerParams:
    """The parameters of `FakeController`."""

    controller: str = setting("joint_trajectory_controller", "Name of the controller.")
    urdf: str = setting("", "Path of the robot's URDF; empty: the installed humanoid.")


class FakeController(ClosingNode):
    """Follows goals as the controller does: a new goal replaces the one under way.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: control_msgs is not installed, or the URDF is unusable.

    Attributes:
        simulation: the robot.
        fault: with which goals are aborted; None for goals that are followed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("fake_controller", **options)
        params = declare(self, ControllerParams)
        try:
            file = user_path(params.urdf) if params.urdf else urdf.humanoid()
            self.simulation = Simulation(urdf.load(file).limits)
        except urdf.UrdfError as error:
            raise StartError(str(error)) from error
        self.fault: str | None = None
        self._monotonic, self._last = clock, clock()
        self._goal: ServerGoalHandle | None = None
        self._action = message_type("control_msgs", "action", "FollowJointTrajectory")
        self._server = ActionServer(
            self,
            self._action,
            f"{params.controller}/follow_joint_trajectory",
            execute_callback=lambda handle: self._action.Result(),
            handle_accepted_callback=self._accept,
            cancel_callback=self._cancel,
        )
        self.closing.callback(self._server.destroy)
        self._states = self.create_publisher(JointState, "joint_states", STREAM)
        self.create_timer(1.0 / RATE_HZ, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _accept(self, handle: ServerGoalHandle) -> None:
        self._finish("abort", "replaced by a newer goal")
        self._goal = handle
        if self.fault:
            self._finish("abort", self.fault)
            return
        try:
            follow(self.simulation, handle.request.trajectory)
        except TrajectoryError as error:
            self._finish("abort", str(error))

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        if self._goal is not None and handle is self._goal:
            follow(self.simulation, type(handle.request.trajectory)())
            self._finish("canceled", "")
        return CancelResponse.ACCEPT

    def _finish(self, how: str, message: str) -> None:
        handle, self._goal = self._goal, None
        if handle is None:
            return
        kinds = self._action.Result
        code = kinds.PATH_TOLERANCE_VIOLATED if how == "abort" else kinds.SUCCESSFUL

        def conclude(handle: ServerGoalHandle) -> Any:
            getattr(handle, how)()
            return kinds(error_code=code, error_string=message)

        handle.execute(conclude)

    def _step(self) -> None:
        now = self._monotonic()
        self.simulation.step(now - self._last)
        self._last = now
        if self._goal is not None and self.simulation.is_still:
            self._finish("succeed", "")
        state = JointState(
            name=list(self.simulation.joints),
            position=self.simulation.positions.tolist(),
            velocity=self.simulation.velocities.tolist(),
        )
        state.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(state)
