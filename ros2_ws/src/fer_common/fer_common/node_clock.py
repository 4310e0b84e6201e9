"""The time that a node lives by: that of the machine, or of a simulation.

With ``use_sim_time`` a robot and the people around it are simulated: whatever is about them
follows ``/clock``. It may run slower or faster than real time, stand still, or jump. What holds a
computer or a real robot to account (a server that does not answer, a stop, a voice that is heard)
follows the machine's monotonic clock in any case.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from rclpy.node import Node

from fer_common.diagnostics import warn
from fer_common.reason import Finding

LEAP_S = 10.0
"""Simulated time that goes on by more between two looks has jumped, and has not passed."""

STILL_S = 3.0
"""Simulated time that stands still for so long is told."""


class NodeClock:
    """Seconds that never run backwards: call it for the time.

    Without ``use_sim_time`` they are the machine's monotonic ones. With it they go on as ``/clock``
    does. A jump of it, also from the zero before the first message, is no time that passes: nothing
    is overdue after it, and nothing is forgotten. ``use_sim_time`` may change at any time.

    Args:
        node: whose ``use_sim_time`` counts.
        wall: monotonic seconds.
    """

    def __init__(self, node: Node, wall: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._wall, self._lock = node.get_clock(), wall, Lock()
        self._is_simulated, self._read = False, wall()
        self._behind = 0.0  # of what is told, against what is read
        self._moved = self._read  # on the machine's clock, when the simulated time has gone on

    def __call__(self) -> float:
        """The time, seconds."""
        with self._lock:  # an image is looked at in a thread of its own
            is_simulated = self._clock.ros_time_is_active
            wall = self._wall()
            if not is_simulated and not self._is_simulated:
                self._read = self._moved = wall
                return wall - self._behind
            read = 1e-9 * self._clock.now().nanoseconds if is_simulated else wall
            step = read - self._read
            if is_simulated != self._is_simulated or not 0.0 <= step <= LEAP_S:
                self._behind += step
            if step or not is_simulated:
                self._moved = wall
            self._is_simulated, self._read = is_simulated, read
            return read - self._behind

    @property
    def finding(self) -> Finding | None:
        """That simulated time stands still; None while it goes on, and where there is none."""
        self()
        still_s = self._wall() - self._moved
        if still_s < STILL_S:
            return None
        return warn(
            f"simulated time stands still for {still_s:.0f} s, and so does the robot: "
            "is the simulation paused, or does nobody publish /clock?"
        )
