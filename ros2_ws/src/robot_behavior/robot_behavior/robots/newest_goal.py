"""The client's side of a foreign action, of which only the newest goal counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future


class NewestGoal:
    """Sends goals, cancels them, and tells how the newest ended; never blocks.

    A cancellation before the server has accepted the goal is remembered and sent upon
    acceptance, so that no goal runs on unnoticed.

    Args:
        node: the node that owns the client.
        action: the action's type.
        name: of the action.
        outcome: says from a result why the goal failed; empty if it did not.
        ended: called with that when the newest goal has ended; "cancelled" or "rejected"
            are reasons too.
    """

    def __init__(
        self,
        node: Node,
        action: Any,
        name: str,
        outcome: Callable[[Any], str],
        ended: Callable[[str], None],
    ) -> None:
        self._client = ActionClient(node, action, name)
        self._outcome, self._ended = outcome, ended
        self._number = 0
        self._busy = self._unwanted = False
        self._handle: ClientGoalHandle | None = None

    @property
    def available(self) -> bool:
        """Whether the server is there."""
        return self._client.server_is_ready()

    @property
    def busy(self) -> bool:
        """Whether the newest goal is under way."""
        return self._busy

    def send(self, goal: Any) -> None:
        """Sends a goal; one that is under way is forgotten, its end is not told."""
        self._number += 1
        self._busy, self._unwanted, self._handle = True, False, None
        future = self._client.send_goal_async(goal)
        future.add_done_callback(partial(self._answered, self._number))

    def cancel(self) -> None:
        """Asks for the end of the goal under way; harmless when repeated."""
        if not self._busy or self._unwanted:
            return
        self._unwanted = True
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def give_up(self) -> None:
        """Cancels, and does not wait for the end."""
        self.cancel()
        self._busy = False

    def destroy(self) -> None:
        """Takes the client away; ``destroy_node`` would leave it to the garbage collector."""
        self._client.destroy()

    def _answered(self, number: int, future: Future) -> None:
        handle = future.result()
        if not handle.accepted:
            self._end(number, "rejected")
            return
        if number != self._number:
            handle.cancel_goal_async()  # replaced before it was accepted
            return
        self._handle = handle
        handle.get_result_async().add_done_callback(partial(self._resulted, number))
        if self._unwanted:
            handle.cancel_goal_async()

    def _resulted(self, number: int, future: Future) -> None:
        answer = future.result()
        if answer.status == GoalStatus.STATUS_CANCELED:
            self._end(number, "cancelled")
        else:
            reason = self._outcome(answer.result)
            good = answer.status == GoalStatus.STATUS_SUCCEEDED
            self._end(number, reason if reason or good else "aborted")

    def _end(self, number: int, reason: str) -> None:
        if number != self._number or not self._busy:
            return
        self._busy, self._handle = False, None
        self._ended(reason)
