"""PAL's play_motion2 without a robot: knows some motions, plays one at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.clock import Clock, ClockType

from fer_common.parameters import declare
from fer_common.runner import ClosingNode
from fer_common.settings import setting
from robot_behavior.robots.backend import message_type


@dataclass(frozen=True)
class FakePlayMotion2Params:
    """The parameters of `FakePlayMotion2`."""

    motions: str = setting("home nod greet wave", "Names of the motions, with spaces between.")
    duration_s: float = setting(1.0, "Time a motion takes, s.", low=0.0, high=600.0)


class FakePlayMotion2(ClosingNode):
    """Serves ``play_motion2``: rejects what it does not know, and everything while it is busy.

    Args:
        options: of `rclpy.node.Node`.

    Attributes:
        played: name and end (succeeded, failed, cancelled) of each motion so far.
        fault: with which motions end; None for motions that succeed.
        stubborn: whether cancellations are refused.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("play_motion2", **options)
        self._params = declare(self, FakePlayMotion2Params)
        self.played: list[tuple[str, str]] = []
        self.fault: str | None = None
        self.stubborn = False
        self._goal: ServerGoalHandle | None = None
        self._since = 0.0
        self._action = message_type("play_motion2_msgs", "action", "PlayMotion2")
        self._server = ActionServer(
            self,
            self._action,
            "play_motion2",
            execute_callback=lambda handle: self._action.Result(),
            goal_callback=self._decide,
            handle_accepted_callback=self._accept,
            cancel_callback=self._cancel,
        )
        self.closing.callback(self._server.destroy)
        self.create_timer(0.02, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def playing(self) -> str | None:
        """Name of the motion under way; None for none."""
        return self._goal.request.motion_name if self._goal is not None else None

    def _decide(self, request: Any) -> GoalResponse:
        known = request.motion_name in self._params.motions.split()
        free = self._goal is None
        return GoalResponse.ACCEPT if known and free else GoalResponse.REJECT

    def _accept(self, handle: ServerGoalHandle) -> None:
        self._goal, self._since = handle, time.monotonic()

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        if self.stubborn or handle is not self._goal:
            return CancelResponse.REJECT
        self._finish("canceled", "cancelled", "cancelled")
        return CancelResponse.ACCEPT

    def _tick(self) -> None:
        if self._goal is None or time.monotonic() - self._since < self._params.duration_s:
            return
        if self.fault:
            self._finish("abort", "failed", self.fault)
        else:
            self._finish("succeed", "succeeded", "")

    def _finish(self, how: str, outcome: str, error: str) -> None:
        handle, self._goal = self._goal, None
        if handle is None:
            return
        self.played.append((handle.request.motion_name, outcome))
        result = self._action.Result(success=not error, error=error)

        def conclude(handle: ServerGoalHandle) -> Any:
            getattr(handle, how)()
            return result

        handle.execute(conclude)
