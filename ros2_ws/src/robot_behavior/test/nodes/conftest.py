"""Shared by the tests of the action servers: a goal, seen from the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ros2_ws.src.robot_behavior.test.robots.servo_humanoid.boards import fake_board, launch_board

__all__ = ["fake_board", "launch_board"]


class Goal:
    """A goal on its way.

    Attributes:
        progress: of all feedback.
        handle: the server's answer; None until it comes.
        status: of `action_msgs.msg.GoalStatus`, once it is over.
        result: None until it comes.
    """

    def __init__(self, client: Any, goal: Any) -> None:
        self.progress: list[float] = []
        self.handle: Any = None
        self.status = 0
        self.result: Any = None
        future = client.send_goal_async(goal, feedback_callback=self._on_feedback)
        future.add_done_callback(self._on_answer)

    @property
    def accepted(self) -> bool:
        return self.handle is not None and self.handle.accepted

    @property
    def over(self) -> bool:
        return self.handle is not None and (not self.handle.accepted or self.result is not None)

    def _on_feedback(self, message: Any) -> None:
        self.progress.append(message.feedback.progress)

    def _on_answer(self, future: Any) -> None:
        self.handle = future.result()
        if self.handle.accepted:
            self.handle.get_result_async().add_done_callback(self._on_result)

    def _on_result(self, future: Any) -> None:
        self.status, self.result = future.result().status, future.result().result


@pytest.fixture
def send_goal() -> Callable[[Any, Any], Goal]:
    """Sends a goal with a client."""
    return Goal
