"""How the bridge to a real robot is doing."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from fer_common.diagnostics import Finding, Limits, Mishaps, Report, age, error, figures, warn
from fer_common.graph_watch import InputWatch, OutputWatch
from fer_common.statistics import Statistics
from robot_behavior.robots.joint_link import LinkHealth


class BridgeHealth:
    """Counts trajectories and joint states, and watches the link.

    Args:
        node: the bridge.
        backend: its kind.
        trajectories: its subscription.
        states: its publisher of joint states.
        silence: since the robot's last answer, seconds.
        damage: share of the frames of the last second that came damaged.
        clock: monotonic seconds.

    Attributes:
        mishaps: trajectories that were refused.
    """

    def __init__(
        self,
        node: Node,
        backend: str,
        trajectories: Subscription,
        states: Publisher,
        silence: Limits,
        damage: Limits,
        clock: Callable[[], float],
    ) -> None:
        self.mishaps = Mishaps(clock)
        self._backend, self._clock = backend, clock
        self._silence, self._damage = silence, damage
        self._states, self._told = Statistics(), Statistics()
        self._last: LinkHealth | None = None
        self._input = InputWatch(
            node,
            trajectories,
            "trajectories",
            "is motion_player running?",
            single=True,
            clock=clock,
        )
        self._output = OutputWatch(node, states)

    def told(self) -> None:
        """A trajectory has come."""
        self._told.add(0.0, self._clock())

    def stepped(self, took_s: float) -> None:
        """Joint states were published.

        Args:
            took_s: to listen to the robot, and to command it.
        """
        self._states.add(took_s, self._clock())

    def report(self, link: LinkHealth, problem: str) -> Report:
        """How the bridge is doing.

        Args:
            link: to the robot.
            problem: why the robot cannot be moved; empty if it can.
        """
        now = self._clock()
        states, told = self._states.summary(now), self._told.summary(now)
        values = {
            "state": problem or "ready",
            "backend": self._backend,
            "link": link.name,
            "frames sent": link.sent,
            "frames received": link.received,
            "frames damaged": link.damaged,
            "time since the last answer [s]": age(link.silence_s),
            **link.details,
            **figures(states),
            "joint_trajectory [1/s]": f"{told.rate:.1f}",
            "age of the newest trajectory [s]": age(told.age_s),
            **self.mishaps.values,
        }
        findings = [
            error(problem),
            warn(self.mishaps.recent),
            *self._input.findings(),
            *self._output.findings(),
            *([] if problem else self._link(link)),
        ]
        return Report(f"moves the robot over {link.name}", values, findings, link.name)

    def _link(self, link: LinkHealth) -> list[Finding]:
        before, self._last = self._last, link
        found = [
            self._silence.above(
                link.silence_s,
                f"the robot answered {link.silence_s:.1f} s ago, "
                f"expected at most {self._silence.warn:g}",
            )
        ]
        if before is not None:
            received, damaged = link.received - before.received, link.damaged - before.damaged
            frames = received + damaged
            text = f"{damaged} of {frames} frames were damaged: is the cable good?"
            found.append(self._damage.above(damaged / max(frames, 1), text))
        return found
