"""How the behaviour is doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rclpy.node import Node
from rclpy.subscription import Subscription

from fer_common.diagnostics import (
    Finding,
    Limits,
    Mishaps,
    Report,
    Statistics,
    age,
    error,
    figures,
    warn,
)
from fer_common.graph_watch import InputWatch, ServerWatch
from robot_behavior.dialogue.arbiter import MOTION, SPEECH
from robot_behavior.dialogue.response import Response
from robot_behavior.dialogue.status import State, Status
from robot_behavior.motion.library import REST

_SERVERS = {MOTION: "is motion_player running?", SPEECH: "is speech_node running?"}


@dataclass(frozen=True)
class BehaviorMoment:
    """What the behaviour does now.

    Attributes:
        lifecycle: state of the node.
        enabled: whether `~/enable` lets it respond.
        status: what it does and why; None before it is configured.
        alarm: that perception has fallen silent; empty if it has not.
        available: whether the server of each action is there.
    """

    lifecycle: str
    enabled: bool
    status: Status | None
    alarm: str
    available: Mapping[str, bool]


class BehaviorHealth:
    """Counts what is seen and answered.

    Args:
        node: the behaviour.
        emotion: its subscription of the attended face, which is enough by itself.
        emotions: its subscription of all faces.
        latency: from the image to its arrival here, median, seconds.
        clock: monotonic seconds.

    Attributes:
        mishaps: responses that went wrong.
    """

    def __init__(
        self,
        node: Node,
        emotion: Subscription,
        emotions: Subscription,
        latency: Limits,
        clock: Callable[[], float],
    ) -> None:
        self.mishaps = Mishaps(clock)
        self._clock, self._latency = clock, latency
        self._seen = Statistics()
        self._responses, self._last, self._last_at = 0, "", 0.0
        question = "is fer_node running?"
        self._inputs = (
            InputWatch(node, emotion, "emotions", question, single=True, clock=clock),
            InputWatch(node, emotions, "emotions", "", single=True, clock=clock),
        )
        self._servers = [ServerWatch(node, action, why, clock) for action, why in _SERVERS.items()]

    def saw(self, latency_s: float) -> None:
        """Perception has told something."""
        self._seen.add(latency_s, self._clock())

    def responded(self, response: Response) -> None:
        """A response has started; going to rest is none."""
        if response.name != REST:
            self._responses += 1
            self._last, self._last_at = response.name, self._clock()

    def report(self, moment: BehaviorMoment) -> Report:
        """How the behaviour is doing."""
        now, status = self._clock(), moment.status or Status(State.DISABLED, moment.lifecycle)
        seen = self._seen.summary(now)
        last = f"{self._last} ({now - self._last_at:.0f} s ago)" if self._last else "none"
        values = {
            "state": moment.lifecycle,
            "enabled": "yes" if moment.enabled else "no",
            "behaviour": status.state.value,
            "person": status.face_id or "nobody",
            "emotion": status.emotion or "none",
            "motion": status.motion or "none",
            "speech": status.speech or "none",
            "responses given": self._responses,
            "last response": last,
            "withheld": "" if status.state is State.RESPONDING else status.reason,
            **{f"server {name}": _there(there) for name, there in moment.available.items()},
            **figures(seen),
            "age of the newest emotion [s]": age(seen.age_s),
            **self.mishaps.values,
        }
        findings = [error(self.mishaps.recent), *self._findings(moment)]
        findings.append(
            self._latency.above(
                seen.median_s,
                f"expressions arrive {1000 * seen.median_s:.0f} ms after the image, "
                f"expected at most {1000 * self._latency.warn:g}",
            )
        )
        return Report(f"{status.state.value}: {status.reason}", values, findings)

    def _findings(self, moment: BehaviorMoment) -> list[Finding | None]:
        wiring = [finding for watch in self._inputs for finding in watch.findings()]
        servers = [finding for watch in self._servers for finding in watch.findings()]
        if moment.lifecycle != "active":
            return [warn(moment.lifecycle)]
        return [warn(moment.alarm), *wiring, *servers]


def _there(available: bool) -> str:
    return "there" if available else "missing"
