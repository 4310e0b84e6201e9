"""The node ``play_motion2_bridge``: gestures that PAL's robots play themselves, by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fer_interfaces.action import PlayMotion
from rclpy.clock import Clock, ClockType

from fer_common.actions import FOREIGN, ExclusiveAction, GoalClient
from fer_common.diagnostics import Mishaps, Report, error
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.goals import REJECTED, UNSTOPPABLE
from fer_common.graph_watch import ServerWatch
from fer_common.node_clock import NodeClock
from fer_common.parameters import declare
from fer_common.reason import Reason
from fer_common.runner import ClosingNode
from fer_common.settings import setting
from robot_behavior.robots.backend import message_type, stopped
from robot_behavior.robots.sign_of_life import Presence, StopKeeper

RATE_HZ = 20.0

NO_NAME, STOPPING, NO_SERVER = "no_name", "stopping", "no_server"
"""Codes of the reasons why a goal is refused."""

TOO_LONG, CANCELLED = "too_long", "cancelled"
"""Codes of the reasons why a motion was cut short, beside those of `fer_common.goals`."""


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


class PlayMotion2Bridge(ClosingNode):
    """Serves ``play_motion`` in place of the motion player.

    ``~/stop`` cancels what is under way, and nothing is played before ``~/release``.

    play_motion2 plays one motion at a time and rejects another: so a goal that preempts
    cancels what is under way, and is sent once that has ended.

    Args:
        clock: monotonic seconds; None: those of `fer_common.node_clock.NodeClock` for the length
            of a motion, and the machine's for the rest.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: play_motion2_msgs is not installed.
    """

    def __init__(self, clock: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__("play_motion2_bridge", **options)
        self._params = declare(self, PlayMotion2Params)
        self._monotonic = clock or NodeClock(self)
        clock = clock or time.monotonic
        self._type = message_type("play_motion2_msgs", "action", "PlayMotion2")
        self._goal: GoalClient[str] = GoalClient(
            self,
            self._type,
            self._params.action,
            self._message,
            self._on_end,
            lambda result: (result.success, result.error or None),
            FOREIGN,
            clock,
        )
        self.closing.callback(self._goal.destroy)
        self._playing: str | None = None  # the motion under way, or the last one
        self._next: str | None = None  # the motion that waits for the end of the one under way
        self._cut_short = self._resting = self._stopping = self._overdue = False
        self._since = 0.0  # of the motion under way
        self._action = ExclusiveAction(
            self, PlayMotion, "play_motion", self._refusal, self._begin, self._stop
        )
        self.closing.callback(self._action.destroy)
        self.closing.callback(self._goal.cancel)
        self._mishaps = Mishaps(clock)
        self._watch = ServerWatch(self, self._params.action, "is play_motion2 running?", clock)
        self._held = False
        self._presence = Presence(self)
        DiagnosticsPublisher(self, "motions", self._report)
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._keeper = StopKeeper(self, "play_motion2", self._hold, self._hold, self._release)
        self._keeper.begin()

    def begin_stop(self) -> None:
        """Ends what is under way and plays the rest motion."""
        self._stopping = True
        busy = self._goal.busy and not self._resting and not self._held
        self._action.finish(False, "the bridge to play_motion2 stops")
        if busy:
            self._stop()

    def is_stopped(self) -> bool:
        """Whether nothing is under way."""
        return not self._goal.busy and self._next is None and not self._action.busy

    def _refusal(self, goal: PlayMotion.Goal) -> Reason | None:
        """Why a goal cannot be carried out; None if it can."""
        if not goal.motion:
            return Reason(NO_NAME, "the motion has no name")
        if self._stopping:
            return Reason(STOPPING, "the bridge to play_motion2 stops")
        if self._held:
            return stopped()
        if not self._goal.available:
            return Reason(NO_SERVER, f"nobody serves {self._params.action}")
        return None

    def _hold(self) -> None:
        """Cancels what is under way; play_motion2 leaves the robot where it is."""
        self._held, self._next, self._cut_short = True, None, False
        self._goal.cancel()

    def _release(self) -> None:
        self._held = False

    def _begin(self, goal: PlayMotion.Goal) -> None:
        self._next, self._cut_short = goal.motion, False
        if self._goal.busy:
            self._goal.cancel()
        else:
            self._send_next(goal.motion)

    def _stop(self) -> None:
        self._next, self._cut_short = None, True
        self._goal.cancel()

    def _send_next(self, name: str) -> None:
        self._next, self._resting = None, False
        self._play(name)

    def _play(self, name: str) -> None:
        self._playing, self._overdue, self._since = name, False, self._monotonic()
        self.get_logger().info(f"plays '{name}'")
        self._goal.start(name, name)

    def _message(self, name: str) -> Any:
        return self._type.Goal(motion_name=name, skip_planning=self._params.skip_planning)

    def _tick(self) -> None:
        self._keeper.look(self._held)
        self._presence.look(self._goal.available and not self._held)
        if self._goal.update():
            self._next = None  # who does not stop, or is gone, plays nothing else
            self._on_end()
        elif self._goal.busy and not self._overdue and self._is_too_long():
            self._overdue = self._cut_short = True
            self._goal.cancel()

    def _is_too_long(self) -> bool:
        return self._monotonic() - self._since > self._params.longest_s

    def _on_end(self) -> None:
        """What was under way has ended: the next motion follows, or rest, or nothing."""
        was_resting, self._resting = self._resting, False
        if self._next is not None:
            self._send_next(self._next)
            return
        problem = self._problem()
        if was_resting:
            if problem is not None:
                self._mishaps.note(f"cannot go to rest: {problem}")
                self.get_logger().error(f"cannot go to rest: {problem}")
            return
        if problem is not None and problem.code not in (TOO_LONG, CANCELLED):
            self._mishaps.note(f"{self._playing}: {problem}")
        self._action.finish(problem is None, problem)
        if self._cut_short and self._params.rest_motion and self._goal.available:
            self._cut_short, self._resting = False, True
            self._play(self._params.rest_motion)

    def _problem(self) -> Reason | None:
        """Why the motion that has just ended was not completed; None if it was."""
        end = self._goal.end
        if end is None or end.succeeded:
            return None
        if self._overdue and (end.problem is None or end.problem.code != UNSTOPPABLE):
            return Reason(TOO_LONG, f"took longer than {self._params.longest_s:g} s")
        if end.problem is None:
            return Reason(CANCELLED, "cancelled")
        if end.problem.code == REJECTED:
            rejected = f"{self._params.action} rejected it: unknown, or busy with another motion"
            return Reason(REJECTED, rejected)
        return Reason(end.problem.code, end.message) if end.message else end.problem

    def _report(self) -> Report:
        motion = self._playing if self._goal.busy else None
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
