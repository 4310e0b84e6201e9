"""The node ``play_motion2_bridge``: gestures that PAL's robots play themselves, by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fer_interfaces.action import PlayMotion
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from fer_common.diagnostics import Mishaps, Report, error
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.graph_watch import ServerWatch
from fer_common.parameters import declare
from fer_common.settings import setting
from robot_behavior.nodes.exclusive_action import ExclusiveAction
from robot_behavior.robots.newest_goal import NewestGoal
from robot_behavior.robots.optional import message_type

RATE_HZ = 20.0

END_S = 5.0
"""A cancelled motion that does not end within this time is given up."""


@dataclass(frozen=True)
class PlayMotion2Params:
    """The parameters of `PlayMotion2Bridge`."""

    action: str = setting("play_motion2", "Name of play_motion2's action.")
    skip_planning: bool = setting(False, "Whether the way to the first pose is not planned.")
    rest_motion: str = setting(
        "home", "Played after a motion was cut short, and on shutdown; empty: none."
    )
    longest_s: float = setting(
        60.0, "A motion that takes longer is cancelled, s.", low=1.0, high=600.0
    )


class PlayMotion2Bridge(Node):
    """Serves ``play_motion`` in place of the motion player.

    play_motion2 plays one motion at a time and rejects another: so a goal that preempts
    cancels what is under way, and is sent once that has ended.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: play_motion2_msgs is not installed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("play_motion2_bridge", **options)
        self._params = declare(self, PlayMotion2Params)
        self._monotonic = clock
        self._type = message_type("play_motion2_msgs", "action", "PlayMotion2")
        self._goal = NewestGoal(self, self._type, self._params.action, self._outcome, self._on_end)
        self._playing = ""  # the motion under way
        self._next = ""  # the motion that waits for the end of the one under way
        self._cut_short = self._resting = self._stopping = False
        self._since = 0.0  # of the motion under way, or of its cancellation
        self._cancelling = False
        self._action = ExclusiveAction(
            self, PlayMotion, "play_motion", self._refusal, self._begin, self._stop
        )
        self._mishaps = Mishaps(clock)
        self._watch = ServerWatch(self, self._params.action, "is play_motion2 running?", clock)
        DiagnosticsPublisher(self, "motions", self._report)
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin_stop(self) -> None:
        """Ends what is under way and plays the rest motion."""
        self._stopping = True
        busy = self._goal.busy and not self._resting
        self._action.finish(False, "the bridge to play_motion2 stops")
        if busy:
            self._stop()

    def is_stopped(self) -> bool:
        """Whether nothing is under way."""
        return not self._goal.busy and not self._next and not self._action.busy

    def destroy_node(self) -> None:
        """Also takes the action's server and client away."""
        self._goal.cancel()
        self._action.destroy()
        self._goal.destroy()
        super().destroy_node()

    def _refusal(self, goal: PlayMotion.Goal) -> str:
        """Why a goal cannot be carried out; empty if it can."""
        if not goal.motion:
            return "the motion has no name"
        if self._stopping:
            return "the bridge to play_motion2 stops"
        return "" if self._goal.available else f"nobody serves {self._params.action}"

    def _begin(self, goal: PlayMotion.Goal) -> None:
        self._next, self._cut_short = goal.motion, False
        if self._goal.busy:
            self._cancel()
        else:
            self._send_next()

    def _stop(self) -> None:
        self._next, self._cut_short = "", True
        self._cancel()

    def _cancel(self) -> None:
        if self._goal.busy and not self._cancelling:
            self._cancelling, self._since = True, self._monotonic()
            self._goal.cancel()

    def _send_next(self) -> None:
        name, self._next = self._next, ""
        self._resting = False
        self._play(name)

    def _play(self, name: str) -> None:
        self._playing, self._cancelling, self._since = name, False, self._monotonic()
        skip = self._params.skip_planning
        self.get_logger().info(f"plays '{name}'")
        self._goal.send(self._type.Goal(motion_name=name, skip_planning=skip))

    def _tick(self) -> None:
        if not self._goal.busy:
            return
        waited = self._monotonic() - self._since
        if not self._goal.available:
            self._goal.give_up()
            self._next = ""
            self._on_end(f"{self._params.action} disappeared")
        elif self._cancelling and waited > END_S:
            self._goal.give_up()
            self._next = ""
            self._on_end(f"{self._params.action} did not stop within {END_S:g} s")
        elif waited > self._params.longest_s:
            self._cut_short = True
            self._cancel()

    def _on_end(self, reason: str) -> None:
        was_resting, was_cancelled = self._resting, self._cancelling
        self._cancelling = self._resting = False
        if self._next:
            self._send_next()
            return
        if was_resting:
            if reason:
                self._mishaps.note(f"cannot go to rest: {reason}")
                self.get_logger().error(f"cannot go to rest: {reason}")
            return
        if was_cancelled and reason == "cancelled":
            reason = f"took longer than {self._params.longest_s:g} s"
        if reason == "rejected":
            reason = f"{self._params.action} rejected it: unknown, or busy with another motion"
        if reason and not was_cancelled:
            self._mishaps.note(f"{self._playing}: {reason}")
        self._action.finish(not reason, reason)
        if self._cut_short and self._params.rest_motion and self._goal.available:
            self._cut_short, self._resting = False, True
            self._play(self._params.rest_motion)

    def _report(self) -> Report:
        motion = self._playing if self._goal.busy else ""
        values = {
            "state": "playing" if motion else "idle",
            "motion": motion or "none",
            "action": self._params.action,
            "server": "there" if self._goal.available else "missing",
            **self._action.outcomes,
            **self._mishaps.values,
        }
        # Without the server no gesture can be played at all.
        missing = [error(finding.text) for finding in self._watch.findings()]
        summary = f"plays {motion}" if motion else "idle"
        return Report(summary, values, [error(self._mishaps.recent), *missing])

    def _outcome(self, result: Any) -> str:
        return "" if result.success else result.error or "failed"
