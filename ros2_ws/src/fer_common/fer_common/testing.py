"""What tests of all packages share: waiting for a condition instead of for a time, and a clock."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor
from rclpy.node import Node

from fer_common.diagnostics import node_of
from fer_common.door import door_of
from fer_common.qos import EVENTS
from fer_common.runner import LeanExecutor, add, spin_once

DEADLINE_S = 180.0
"""After which nobody waits any longer: many times what the slowest machine needs, seconds."""


def until(
    condition: Callable[[], object],
    timeout_s: float = DEADLINE_S,
    step: Callable[[], object] | None = None,
) -> bool:
    """Asks again and again until ``condition()`` is true.

    Args:
        condition: what is waited for.
        timeout_s: a deadline, not a duration to wait, seconds.
        step: what is done between two questions, in little time; nothing: a moment's rest.

    Returns:
        Whether it became true in time.
    """
    deadline, rest = time.monotonic() + timeout_s, Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        if step is None:
            rest.wait(0.02)
        else:
            step()
    return True


def spin_until(
    executor: Executor, condition: Callable[[], object], timeout_s: float = DEADLINE_S
) -> bool:
    """`until`, while an executor works."""
    return until(condition, timeout_s, lambda: spin_once(executor, 0.05))


@contextmanager
def spinning(
    *factories: Callable[[], Node], may_fail: bool = False
) -> Iterator[tuple[Executor, list[Node]]]:
    """An executor with freshly made nodes, in a ROS context of their own.

    Everything is destroyed on exit, also after a failed assertion.

    Args:
        factories: of the nodes.
        may_fail: whether callbacks may raise, which nodes survive.

    Raises:
        AssertionError: a callback has raised.
    """
    rclpy.init()
    executor = LeanExecutor()
    nodes: list[Node] = []
    try:
        for factory in factories:
            nodes.append(factory())
            add(executor, nodes[-1])
        yield executor, nodes
        failed = [finding.text for node in nodes for finding in door_of(node).failures]
        if failed and not may_fail:
            raise AssertionError("; ".join(failed))
    finally:
        executor.shutdown(timeout_sec=1.0)
        for node in reversed(nodes):
            node.destroy_node()
        rclpy.try_shutdown()
        gc.collect()  # what is left of a context stays visible to the next one


class FakeClock:
    """A monotonic clock that goes on when it is told to.

    Attributes:
        now: what it shows, seconds.
    """

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """What it shows."""
        return self.now


class PacedClock(FakeClock):
    """A clock that goes on step by step, with the timers of an executor.

    It shows the time of a machine that has nothing else to do. A busy one slows it down,
    together with all that reads it: nothing comes too late.

    Attributes:
        stands: whether it stands still; what happens meanwhile has taken no time.
    """

    STEP_S, LONGEST_S = 0.02, 900.0

    def __init__(self) -> None:
        super().__init__()
        self.stands = False

    def goes_with(self, node: Node) -> None:
        """Takes its pace from the executor of a node."""
        node.create_timer(self.STEP_S, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def spin_until(
        self, executor: Executor, condition: Callable[[], object], timeout_s: float = 20.0
    ) -> bool:
        """`spin_until`, with a deadline that this clock shows, or `LONGEST_S` where it stands."""
        end, holds = self.now + timeout_s, False

        def is_over() -> bool:
            nonlocal holds
            holds = bool(condition())
            return holds or self.now > end

        spin_until(executor, is_over, self.LONGEST_S)
        return holds

    def _step(self) -> None:
        if not self.stands:
            self.now += self.STEP_S


class Bystander(Node):
    """A node of a test, without the services of parameters: they take most of its making.

    Args:
        name: of the node.
        options: of `rclpy.node.Node`.
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, start_parameter_services=False, **options)


class DiagnosticsListener(Bystander):
    """Listens to ``/diagnostics``.

    Attributes:
        statuses: the newest one by full name of the node.
    """

    def __init__(self) -> None:
        super().__init__("diagnostics_listener")
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear, EVENTS)

    def message(self, node: str) -> str:
        """What a node says of itself; empty before it says anything."""
        status = self.statuses.get(node)
        return status.message if status is not None else ""

    def level(self, node: str) -> int | None:
        """How well it is: 0 to 2; None before it says anything."""
        status = self.statuses.get(node)
        return status.level[0] if status is not None else None

    def values(self, node: str) -> dict[str, str]:
        """Its figures by name."""
        status = self.statuses.get(node)
        return {value.key: value.value for value in status.values} if status is not None else {}

    def _hear(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[node_of(status.name)] = status


FIRST_VERSION = {
    "Emotion": """
std_msgs/Header header
string face_id
string label
float32 confidence
float32[7] probabilities
float32 valence
float32 arousal
sensor_msgs/RegionOfInterest roi
""",
    "EmotionArray": """
std_msgs/Header header
Emotion[] emotions
""",
}
"""The messages in recordings of the first version: without labels, without the size of the image,
and without a word about who is attended to."""
