"""Sends the goals of one action and reports what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from builtin_interfaces.msg import Time as TimeMessage
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from robot_behavior.dialogue.goal_slot import Command, GoalSlot, Start


class GoalClient:
    """Connects a `GoalSlot` to its action server; never blocks.

    Args:
        node: the node that owns the action client.
        action: the action's type.
        slot: keeps account of the goals; its action is the name.
        goal: makes the goal message of a `Start`.
        ended: called when a goal has ended or was rejected, so that nobody has to wait for
            the next tick to go on.
    """

    def __init__(
        self,
        node: Node,
        action: type,
        slot: GoalSlot,
        goal: Callable[[Start], Any],
        ended: Callable[[], None],
    ) -> None:
        self._slot = slot
        self._goal = goal
        self._after = ended
        self._client = ActionClient(node, action, slot.action)
        self._sweeper = node.create_client(CancelGoal, f"{slot.action}/_action/cancel_goal")
        self._handles: dict[int, ClientGoalHandle] = {}

    @property
    def available(self) -> bool:
        """Whether the server is there."""
        return self._client.server_is_ready()

    def destroy(self) -> None:
        """Takes the client away; ``destroy_node`` would leave it to the garbage collector."""
        self._client.destroy()

    def carry_out(self, command: Command) -> None:
        """Sends a goal, or its cancellation."""
        if isinstance(command, Start):
            progressed = partial(self._progressed, command.goal)
            future = self._client.send_goal_async(self._goal(command), progressed)
            future.add_done_callback(partial(self._answered, command.goal))
        elif command.goal in self._handles:
            self._handles.pop(command.goal).cancel_goal_async()

    def cancel_all(self, before: TimeMessage) -> None:
        """Cancels every goal that the server has accepted until then, whoever sent it."""
        if self._sweeper.service_is_ready():
            request = CancelGoal.Request()
            request.goal_info.stamp = before
            self._sweeper.call_async(request)

    def _answered(self, goal: int, future: Future) -> None:
        handle = future.result()
        if not handle.accepted:
            self._slot.rejected(goal)
            self._after()
            return
        self._handles[goal] = handle
        handle.get_result_async().add_done_callback(partial(self._ended, goal))
        self._slot.accepted(goal)

    def _progressed(self, goal: int, _feedback: Any) -> None:
        self._slot.progressed(goal)

    def _ended(self, goal: int, future: Future) -> None:
        self._handles.pop(goal, None)
        answer = future.result()
        succeeded = answer.status == GoalStatus.STATUS_SUCCEEDED and answer.result.success
        self._slot.ended(goal, succeeded, answer.result.message)
        self._after()
