"""Both sides of an action: a server of one goal at a time, a client that loses no cancel."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from builtin_interfaces.msg import Time
from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse
from rclpy.action.client import ClientGoalHandle
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from fer_common.door import door_of, refusal
from fer_common.goals import Goal, GoalSlot, Patience
from fer_common.qos import REQUESTS
from fer_common.reason import Reason

T = TypeVar("T")


@dataclass
class PrioritySlot(Generic[T]):
    """Holds the goal under way: an equal or higher priority preempts, a lower one must wait.

    Attributes:
        goal: the goal; None while the slot is free.
        priority: of that goal, 0..255.
    """

    goal: T | None = None
    priority: int = 0

    def admits(self, priority: int) -> bool:
        """Whether a goal of this priority may have the slot."""
        return self.goal is None or priority >= self.priority

    def take(self, goal: T, priority: int) -> T | None:
        """Gives the slot to a goal.

        Returns:
            The goal that had it until now, which ends here; None if the slot was free.

        Raises:
            ValueError: the slot does not admit the priority.
        """
        if not self.admits(priority):
            raise ValueError(
                f"priority {priority} is lower than {self.priority}, ask admits() first"
            )
        preempted, self.goal, self.priority = self.goal, goal, priority
        return preempted

    def release(self, goal: T) -> bool:
        """Frees the slot, if it is this goal that has it.

        Returns:
            Whether it had the slot.
        """
        if self.goal is not goal:
            return False
        self.goal, self.priority = None, 0
        return True


_REMEMBERED = 256

OUTCOMES = ("done", "refused", "preempted", "cancelled", "failed")
"""What may become of a goal."""

SENDING_S = 0.1
"""After a goal's end its result is on its way for so long: rclpy sends it when it spins next."""


class ExclusiveAction:
    """The server's side of an action whose goals have a ``priority``.

    A goal of a lower priority than the one under way is rejected; another one preempts
    it, which ends it as aborted, with the reason. A goal that cannot be carried out is
    accepted and aborted at once, because a rejection could not carry the reason.

    A goal's work is done by the node's timers and callbacks, which end it with `finish`.
    rclpy executes a goal only then: an ``async`` execute callback that awaits the end
    keeps a whole core busy (rclpy polls pending coroutines), a blocking one the executor.

    Args:
        node: the node that serves the action.
        action_type: its result has ``success`` and ``message``, its feedback ``progress``.
        name: of the action.
        check: says why a goal cannot be carried out; None if it can.
        begin: starts the work on a goal.
        stop: stops the work; called upon cancellation.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        node: Node,
        action_type: Any,
        name: str,
        check: Callable[[Any], Reason | None],
        begin: Callable[[Any], None],
        stop: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._type, self._name = node.get_logger(), action_type, name
        self._door = door_of(node)
        self._check, self._begin, self._stop = check, begin, stop
        self._slot: PrioritySlot[ServerGoalHandle] = PrioritySlot()
        self._clock, self._ended = clock, -math.inf
        self._ending = 0  # goals whose result has not been handed over yet
        self._outcomes: Counter[str] = Counter()
        self._server = ActionServer(
            node,
            action_type,
            name,
            execute_callback=self._never_called,
            goal_callback=self._door.guarded(self._decide, name, lambda *_: GoalResponse.REJECT),
            handle_accepted_callback=self._door.guarded(self._accept, name, self._give_up),
            cancel_callback=self._door.guarded(
                self._cancel, name, lambda *_: CancelResponse.ACCEPT
            ),
            goal_service_qos_profile=REQUESTS,
            result_service_qos_profile=REQUESTS,
            cancel_service_qos_profile=REQUESTS,
        )

    @property
    def busy(self) -> bool:
        """Whether a goal is under way, or a result on its way."""
        sending = self._clock() - self._ended < SENDING_S
        return self._slot.goal is not None or self._ending > 0 or sending

    @property
    def goal(self) -> Any:
        """The goal under way; None if there is none."""
        return self._slot.goal.request if self._slot.goal is not None else None

    @property
    def outcomes(self) -> dict[str, object]:
        """How many goals have ended in which way, for a `fer_common.diagnostics.Report`."""
        return {f"goals {outcome}": self._outcomes[outcome] for outcome in OUTCOMES}

    def finish(self, success: bool, message: Reason | str | None = None) -> None:
        """Ends the goal under way; does nothing when there is none.

        Args:
            success: whether it was completed.
            message: why it was not; None for nothing.
        """
        handle = self._slot.goal
        if handle is not None and self._slot.release(handle):
            self._outcomes["done" if success else "failed"] += 1
            self._end(handle, success, str(message or ""))

    def report(self, progress: float) -> None:
        """Publishes the progress of the goal under way, 0..1."""
        if self._slot.goal is not None:
            feedback = self._type.Feedback(progress=min(max(progress, 0.0), 1.0))
            self._slot.goal.publish_feedback(feedback)

    def destroy(self) -> None:
        """Takes the server away; ``destroy_node`` would leave it to the garbage collector."""
        self._server.destroy()

    def _refusal(self, request: Any) -> Reason | None:
        """Why a goal cannot be carried out, or makes no sense."""
        return self._check(request) or refusal(request)

    def _give_up(self, error: BaseException, handle: ServerGoalHandle) -> None:
        """Ends a goal whose beginning has failed."""
        text = f"failed: {type(error).__name__}"
        if self._slot.goal is handle:
            self.finish(False, text)
        else:
            self._end(handle, False, text)

    def _decide(self, request: Any) -> GoalResponse:
        if self._slot.admits(request.priority) or self._refusal(request):
            return GoalResponse.ACCEPT
        self._outcomes["refused"] += 1
        self._log.warning(
            f"{self._name}: refuses a goal of priority {request.priority}: "
            f"one of priority {self._slot.priority} is under way"
        )
        return GoalResponse.REJECT

    def _accept(self, handle: ServerGoalHandle) -> None:
        request = handle.request
        if reason := self._refusal(request):
            self._outcomes["refused"] += 1
            self._log.warning(f"{self._name}: refuses a goal: {reason}")
            self._end(handle, False, str(reason), told=True)
            return
        preempted = self._slot.take(handle, request.priority)
        if preempted is not None:
            self._outcomes["preempted"] += 1
            self._end(preempted, False, f"preempted by a goal of priority {request.priority}")
        self._begin(request)

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        if not self._slot.release(handle):
            return CancelResponse.REJECT  # it is ending already
        self._stop()
        self._outcomes["cancelled"] += 1
        self._end(handle, False, "cancelled")
        return CancelResponse.ACCEPT

    def _end(
        self, handle: ServerGoalHandle, success: bool, message: str, told: bool = False
    ) -> None:
        def conclude(handle: ServerGoalHandle) -> Any:
            self._ending -= 1
            self._ended = self._clock()
            if handle.is_cancel_requested:
                handle.canceled()
            elif success:
                handle.succeed()
            else:
                handle.abort()
            return self._type.Result(success=success, message=message)

        def failed(_error: BaseException, _handle: ServerGoalHandle) -> Any:
            return self._type.Result(success=False, message=message)

        if not success and not told:
            self._log.info(f"{self._name}: {message}")
        self._ending += 1
        handle.execute(self._door.guarded(conclude, self._name, failed))

    def _never_called(self, handle: ServerGoalHandle) -> Any:
        raise RuntimeError("every goal is executed with a callback of its own")


# ----------------------------------------------------------------------
# The client.

FOREIGN = Patience(answer_s=5.0, stop_s=5.0, silence_s=math.inf)
"""For the actions of others, of which nobody knows how often they tell of their progress."""


OUTRANKED = "something of a higher priority is under way"
"""Why a server of ours rejects a goal; for any other reason it accepts the goal, and aborts it."""


def success_and_message(result: Any) -> tuple[bool, str | None]:
    """Whether a goal of our own actions was completed, and what its server said."""
    return result.success, result.message or None


class FirstAnswerClient(ActionClient):
    """A client of an action that two nodes may serve: the first answer to a goal counts.

    That is one too many, of which `fer_common.graph_watch.ServerWatch` tells; rclpy would raise.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._heard: deque[int] = deque(maxlen=_REMEMBERED)  # numbers of goals with an answer
        super().__init__(*arguments, **options)

    async def execute(self, taken_data: dict[str, Any]) -> None:
        """Takes in what has arrived; see `rclpy.waitable.Waitable`."""
        number = taken_data["goal"][0] if "goal" in taken_data else None
        if number in self._heard:
            taken_data = {what: data for what, data in taken_data.items() if what != "goal"}
        elif number is not None:
            self._heard.append(number)
        await super().execute(taken_data)


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
        rejects: see `GoalSlot`.
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
        rejects: str | None = None,
    ) -> None:
        super().__init__(action, clock, ended, patience, rejects)
        self._message, self._judge = message, judge
        self._client = FirstAnswerClient(node, action_type, action)
        self._door = door_of(node)
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
        progressed = self._guarded(self._progressed, number)
        future = self._client.send_goal_async(self._message(goal), progressed)
        future.add_done_callback(self._guarded(self._answered, number))

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

    def _guarded(self, callback: Callable[..., None], number: int) -> Callable[..., None]:
        return self._door.guarded(partial(callback, number), self.action)

    def _answered(self, number: int, future: Future) -> None:
        handle = future.result()
        if not handle.accepted:
            self.rejected(number)
            return
        self._handles[number] = handle
        handle.get_result_async().add_done_callback(self._guarded(self._resulted, number))
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
