"""A stand-in for an action server, with the faults that real ones have.

By hand: ``ros2 run robot_behavior mock_server --ros-args -p action:=say -p mode:=reject``.
A slow one: ``-p answer_after_s:=1.5``; one that goes away while it works: ``-p mode:=die``.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from fer_interfaces.action import PlayMotion, Say
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future

from fer_common.parameters import declare
from fer_common.settings import setting

_ACTIONS = {"play_motion": PlayMotion, "say": Say}

MODES = {
    "succeed": "every goal succeeds",
    "reject": "every goal is rejected",
    "abort": "every goal is aborted midway",
    "never": "goals end only when they are cancelled",
    "stubborn": "goals never end, and cannot be cancelled",
    "mute": "goals are neither accepted nor rejected",
    "die": "the server disappears midway through a goal",
}
"""What a server may do, and what that means."""


@dataclass(frozen=True)
class MockParams:
    """The parameters of `MockServer`."""

    action: str = setting("play_motion", "Which action to serve.", choices=tuple(_ACTIONS))
    mode: str = setting(
        "succeed",
        "; ".join(f"{name}: {meaning}" for name, meaning in MODES.items()) + ".",
        choices=tuple(MODES),
    )
    answer_after_s: float = setting(
        0.0, "Time until a goal is accepted or rejected, in seconds.", low=0.0, high=60.0
    )
    duration_s: float = setting(0.2, "Time a goal takes, in seconds.", low=0.0, high=60.0)


@dataclass
class MockGoal:
    """A goal that has reached the server.

    Attributes:
        text: the motion's name, or the sentence.
        priority: 0..255.
        locale: of the sentence; empty for a motion.
        outcome: rejected, running, succeeded, aborted, canceled or lost.
        came: monotonic seconds of its arrival.
        began: monotonic seconds of its acceptance; infinite before that.
        ended: monotonic seconds of its end; infinite before that.
    """

    text: str
    priority: int
    locale: str
    outcome: str
    came: float
    began: float = math.inf
    ended: float = math.inf


class MockServer(Node):
    """Serves one action and keeps a record; it lets goals overlap, so that tests see it.

    Args:
        overrides: values of `MockParams`.

    Attributes:
        goals: every goal so far, in the order of arrival.
        most_at_once: how many goals have been running at the same time.
        mode: see `MockParams`; may be changed at any time.
    """

    def __init__(self, **overrides: Any) -> None:
        name = f"mock_{overrides.get('action', 'server')}"
        values = [Parameter(key, value=value) for key, value in overrides.items()]
        super().__init__(name, parameter_overrides=values)
        self._params = declare(self, MockParams)
        self.mode = self._params.mode
        self.goals: list[MockGoal] = []
        self.most_at_once = 0
        self._gone = False
        self._sleeping: list[tuple[float, Future, ServerGoalHandle | None]] = []
        self._action = _ACTIONS[self._params.action]
        self._server: ActionServer | None = ActionServer(
            self,
            self._action,
            self._params.action,
            execute_callback=self._execute,
            goal_callback=self._on_goal,
            cancel_callback=self._on_cancel,
        )
        # Of its own group, so that it wakes the server up while that waits to answer.
        self.create_timer(
            0.01,
            self._wake,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    @property
    def running(self) -> list[MockGoal]:
        """The goals that have not ended yet."""
        return [goal for goal in self.goals if goal.outcome == "running"]

    @property
    def texts(self) -> list[str]:
        """What the goals so far asked for."""
        return [goal.text for goal in self.goals]

    def destroy_node(self) -> None:
        """Takes the server away; harmless when repeated."""
        if self._gone:
            return
        self._gone = True
        self._die()
        super().destroy_node()

    def _die(self) -> None:
        """The server goes away, and nobody hears what becomes of its goals."""
        if self._server is None:
            return
        self._server.destroy()
        self._server = None
        for goal in self.running:
            goal.outcome, goal.ended = "lost", time.monotonic()

    async def _on_goal(self, request: Any) -> GoalResponse:
        text = request.text if self._action is Say else request.motion
        goal = MockGoal(
            text, request.priority, getattr(request, "locale", ""), "rejected", time.monotonic()
        )
        self.goals.append(goal)
        self.get_logger().info(f"{text!r}, priority {goal.priority}: {self.mode}")
        if self.mode == "mute" or self._params.answer_after_s:
            await self._sleep(math.inf if self.mode == "mute" else self._params.answer_after_s)
        if self.mode == "reject":
            return GoalResponse.REJECT
        goal.outcome, goal.began = "running", time.monotonic()
        self.most_at_once = max(self.most_at_once, len(self.running))
        return GoalResponse.ACCEPT

    def _on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        return CancelResponse.REJECT if self.mode == "stubborn" else CancelResponse.ACCEPT

    async def _execute(self, handle: ServerGoalHandle) -> Any:
        text = handle.request.text if self._action is Say else handle.request.motion
        goal = next(goal for goal in self.running if goal.text == text)
        await self._sleep(self._length_s(), handle)
        goal.ended = time.monotonic()
        if handle.is_cancel_requested:
            goal.outcome = "canceled"
            handle.canceled()
        elif self.mode == "abort":
            goal.outcome = "aborted"
            handle.abort()
        else:
            goal.outcome = "succeeded"
            handle.succeed()
        good = goal.outcome == "succeeded"
        return self._action.Result(success=good, message="" if good else f"mock {goal.outcome} it")

    def _length_s(self) -> float:
        if self.mode in ("never", "stubborn", "die"):
            return math.inf
        return self._params.duration_s / (2 if self.mode == "abort" else 1)

    async def _sleep(self, duration_s: float, handle: ServerGoalHandle | None = None) -> None:
        future: Future = Future()
        self._sleeping.append((time.monotonic() + duration_s, future, handle))
        await future

    def _wake(self) -> None:
        now = time.monotonic()
        midway = self._params.duration_s / 2
        if self.mode == "die" and any(now - goal.began > midway for goal in self.running):
            self.get_logger().info("dies")
            self._die()
        for end, future, handle in self._sleeping:
            if now >= end or (handle is not None and handle.is_cancel_requested):
                future.set_result(None)
        self._sleeping = [entry for entry in self._sleeping if not entry[1].done()]
