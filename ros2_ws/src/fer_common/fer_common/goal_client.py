"""The client of an action: `fer_common.goals.GoalSlot`, connected to its server."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from builtin_interfaces.msg import Time
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from fer_common.goals import Goal, GoalSlot, Patience

FOREIGN = Patience(answer_s=5.0, stop_s=5.0, silence_s=math.inf)
"""For the actions of others, of which nobody knows how often they tell of their progress."""


def success_and_message(result: Any) -> tuple[bool, str | None]:
    """Whether a goal of our own actions was completed, and what its server said."""
    return result.success, result.message or None


class GoalClient(GoalSlot[Goal]):
    """Sends goals to an action server, cancels them, and tells how they ended.

    Args:
        node: the node that owns the client.
        action_type: the action's type.
        action: its name.
        message: makes the message of a goal.
        ended: see `GoalSlot`.
        judge: whether a result is that of a completed goal, and what the server said.
        patience: see `GoalSlot`.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        node: Node,
        action_type: Any,
        action: str,
        message: Callable[[Goal], Any],
        ended: Callable[[], object],
        judge: Callable[[Any], tuple[bool, str | None]] = success_and_message,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(action, clock, ended, patience)
        self._message, self._judge = message, judge
        self._client = ActionClient(node, action_type, action)
        self._cancel_all = node.create_client(CancelGoal, f"{action}/_action/cancel_goal")
        self._handles: dict[int, ClientGoalHandle] = {}

    @property
    def available(self) -> bool:
        """Whether the server is there."""
        return self._client.server_is_ready()

    def destroy(self) -> None:
        """Takes the client away; ``destroy_node`` would leave it to the garbage collector."""
        self._client.destroy()

    def send_goal(self, number: int, goal: Goal) -> None:
        """See `GoalSlot`."""
        progressed = partial(self._progressed, number)
        future = self._client.send_goal_async(self._message(goal), progressed)
        future.add_done_callback(partial(self._answered, number))

    def cancel_goal(self, number: int) -> None:
        """See `GoalSlot`."""
        if number in self._handles:
            self._handles.pop(number).cancel_goal_async()

    def cancel_all(self, before: Time) -> None:
        """Cancels every goal that the server has accepted until then, whoever sent it."""
        if self._cancel_all.service_is_ready():
            request = CancelGoal.Request()
            request.goal_info.stamp = before
            self._cancel_all.call_async(request)

    def _answered(self, number: int, future: Future) -> None:
        handle = future.result()
        if not handle.accepted:
            self.rejected(number)
            return
        self._handles[number] = handle
        handle.get_result_async().add_done_callback(partial(self._resulted, number))
        self.accepted(number)

    def _progressed(self, number: int, _feedback: Any) -> None:
        self.progressed(number)

    def _resulted(self, number: int, future: Future) -> None:
        self._handles.pop(number, None)
        answer = future.result()
        good, said = self._judge(answer.result)
        succeeded = answer.status == GoalStatus.STATUS_SUCCEEDED and good
        by_others = answer.status == GoalStatus.STATUS_CANCELED
        self.concluded(number, succeeded, said, by_others)
