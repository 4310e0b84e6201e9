"""Supervision: who of the robot is missing, what follows from that, and who is started again.

Every node tells on ``/diagnostics`` once a second how it is. That is its heartbeat: a node that is
killed, or hangs, tells nothing more. DDS would notice after 20 s, and of a hanging node never.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fer_interfaces.action import PlayMotion
from fer_interfaces.msg import Supervision
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from rclpy.clock import Clock, ClockType

from fer_common.actions import GoalClient
from fer_common.diagnostics import Report, error, node_of, warn
from fer_common.diagnostics_publisher import PROCESS, DiagnosticsPublisher
from fer_common.entry import ENDS_WITH
from fer_common.parameters import declare
from fer_common.qos import EVENTS, LATCHED
from fer_common.reason import Reason
from fer_common.runner import ClosingNode
from fer_common.settings import setting
from fer_common.topic_words import listed
from robot_behavior.dialogue.arbiter import MOTION
from robot_behavior.dialogue.response import rest
from robot_behavior.motion.library import REST
from robot_behavior.nodes.behavior_node import SUPERVISION, motion_goal
from robot_behavior.robots.sign_of_life import SignOfLife

# Who has ended is started again.

DELAY_S = 2.0
"""After so long a node that has ended is started again."""

MOST, WITHIN_S = 5, 120.0
"""So often at most, within so many seconds."""


class Restarts:
    """Whether a node that has ended may be started once more.

    Args:
        clock: seconds, monotonic.

    Attributes:
        count: how often it was.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self.count = clock, 0
        self._times = deque[float](maxlen=MOST)

    def allowed(self) -> bool:
        """Whether it may; if so, it counts as done."""
        now = self._clock()
        if len(self._times) == MOST and now - self._times[0] < WITHIN_S:
            return False
        self._times.append(now)
        self.count += 1
        return True


# Who hangs is ended: a signal that asks is not heard by it.


def process_of(node: str, namespace: str, older_than_s: float) -> int | None:
    """The process of a node that this one has started, or that was started together with it.

    Nobody else's process is found, whatever it calls itself: its parent is this process, or the
    launch file that has started both.

    Args:
        node: its name, which is that of its program.
        namespace: of the node, such as ``/`` or ``/robot``.
        older_than_s: it runs for so long: one that has just been started may not be heard yet.
    """
    parents = {os.getpid()}
    if os.environ.get(ENDS_WITH) == str(os.getppid()):
        parents.add(os.getppid())
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            # The name, in parentheses, may itself hold spaces and parentheses.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_text().split("\0")
            own = [word.partition(":=")[2] for word in words if word.startswith("__ns:=")]
            if (
                int(fields[1]) in parents  # fields 4 and 22 of proc(5)
                and any(word.endswith(f"/{node}") for word in words[:2])
                and (own[-1] if own else "").strip("/") == namespace.strip("/")
                and _age_s(int(fields[19])) > older_than_s
            ):
                return int(folder.name)
    return None


def _age_s(started: int) -> float:
    """Of a process, from the field 22 of proc(5)."""
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    return up_s - started / os.sysconf("SC_CLK_TCK")


# Who is there.

LOOK_S = 0.25
_TELL_LOOKS = round(1.0 / LOOK_S)

ACTIVE = "active"
_TRANSITIONS = {  # by the state of a lifecycle node, as its diagnostics tell it
    "unconfigured": Transition.TRANSITION_CONFIGURE,
    "inactive": Transition.TRANSITION_ACTIVATE,
}
_TWINS = 8  # of the processes that have called themselves so, the last are remembered
_STEPS = 8  # heartbeats after which a node that has returned is left as it is


@dataclass(frozen=True)
class SupervisorParams:
    """See the descriptions; they are also what ``ros2 param describe`` shows."""

    rests_without: str = setting(
        "", "Names of the nodes without which the robot rests, with commas between them."
    )
    goes_on_without: str = setting("", "Likewise, of those without which it goes on.")
    patience_s: float = setting(
        3.0,
        "A node that has not told how it is for so long is missing, in seconds.",
        low=2.0,
        high=60.0,
    )
    hang_s: float = setting(
        15.0,
        "A process of the robot that has been silent for so long is killed, so that it is started "
        "again, in seconds; 0: never, such as beside a debugger.",
        low=0.0,
        high=3600.0,
    )


class Member:
    """A node that is watched.

    Args:
        name: of it, without a namespace.
        needed: whether the robot rests without it.
        looks: so many looks in a row without a heartbeat are too many.
        hanging: after so many it hangs; 0: nobody ever says so.

    Attributes:
        is_missing: whether it was heard, and is not any more.
        is_known: whether it was ever heard.
        state: as it told last.
        losses: how often it was lost.
        has_twin: whether two processes are heard, of which each calls itself so.
    """

    def __init__(self, name: str, needed: bool, looks: int, hanging: int) -> None:
        self.name, self.needed = name, needed
        self.is_missing = self.is_known = False
        self.state, self.losses = "", 0
        self._sign, self._last_sign = SignOfLife(looks), SignOfLife(hanging)
        self._steps, self._left = 0, set[str]()
        self._twin, self.has_twin = SignOfLife(looks), False
        self._process, self._before = "", deque[str](maxlen=_TWINS)

    def heard(self, state: str, process: str = "") -> bool:
        """It lives.

        Args:
            state: that it tells.
            process: in which it runs; empty: it does not tell.

        Returns:
            Whether it has returned.
        """
        if process and process != self._process:
            # One that was started again never comes back as the one that it was.
            if process in self._before:
                self._twin.heard()
                self.has_twin = True
            if self._process:
                self._before.append(self._process)
            self._process = process
        returned = self.is_missing
        if returned and self.state == ACTIVE:
            self._steps = _STEPS
            self._left.clear()
        self.is_missing, self.is_known, self.state = False, True, state
        if state not in _TRANSITIONS:
            self._steps = 0
        self._sign.heard()
        self._last_sign.heard()
        return returned

    def look(self) -> bool:
        """Whether it is lost since now."""
        if self._twin.has_ended():
            self.has_twin = False
        lost = self._sign.has_ended()
        if lost:
            self.is_missing = True
            self.losses += 1
        return lost

    def hangs(self) -> bool:
        """A look; true once, when it has been silent for so long that nobody waits any more."""
        return self._last_sign.has_ended()

    @property
    def is_restored(self) -> bool:
        """Whether it is in the state in which it was lost, as far as it can be helped to."""
        return not self._steps or self.is_missing

    def step(self) -> int | None:
        """The transition towards that state; None for none."""
        self._steps -= 1
        if self.state in self._left:
            return None  # it is on its way: a heartbeat may be older than the transition
        self._left.add(self.state)
        return _TRANSITIONS.get(self.state)


class Supervisor(ClosingNode):
    """Watches all nodes of the robot, and tells the behaviours who is missing.

    They rest until all are back that the robot needs. Where they are missing themselves, the
    supervisor asks for the rest pose. A process that hangs for long is killed; the launch file, or
    the one-process robot, starts it again. A lifecycle node that was active when it was lost, and
    returns unconfigured, is configured and activated: one after the other, in the order given.

    Args:
        options: passed on to the node, such as ``parameter_overrides``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("supervisor", **options)
        params = declare(self, SupervisorParams)
        self._hang_s = params.hang_s
        hanging_s = max(params.hang_s, params.patience_s) if params.hang_s else 0.0
        looks = round(params.patience_s / LOOK_S), round(hanging_s / LOOK_S)
        self._members = {
            self._full(name): Member(name, needed, *looks)
            for names, needed in ((params.rests_without, True), (params.goes_on_without, False))
            for name in _names(names)
        }
        self._looks, self._are_twins = 0, False
        self._motion = GoalClient(self, PlayMotion, MOTION, motion_goal, self._update)
        self.closing.callback(self._motion.destroy)
        self._changes: dict[str, Client] = {}
        self._publisher = self.create_publisher(Supervision, SUPERVISION, LATCHED)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, EVENTS)
        self.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, "supervision", self._report)

    def excuse(self, names: Iterable[str]) -> None:
        """Watches nodes no longer, because they end on purpose.

        Args:
            names: of them, without a namespace.
        """
        for name in names:
            self._members.pop(self._full(name), None)

    def _full(self, name: str) -> str:
        return f"{self.get_namespace().rstrip('/')}/{name}"

    def _missing(self, needed: bool) -> list[str]:
        members = self._members.values()
        return [m.name for m in members if m.is_missing and m.needed == needed]

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            member = self._members.get(node_of(status.name))
            if member is None:
                continue
            if member.heard(_told(status, "state"), _told(status, PROCESS)):
                self.get_logger().warning(f"{member.name} is back")
                self._tell()
            if not member.is_restored:
                self._restore()

    def _look(self) -> None:
        lost = [member for member in self._members.values() if member.look()]
        for member in lost:
            follows = "the robot rests until it is back" if member.needed else "the robot goes on"
            self.get_logger().error(f"{member.name} has ended or hangs: {follows}")
        for member in self._members.values():
            if member.hangs():
                self._end(member)
        twins = self._twins()
        if twins and not self._are_twins:
            self.get_logger().warning(twins)
        self._are_twins = twins is not None
        if any(member.name == "behavior_node" for member in lost):
            self._bring_to_rest()
        self._update()
        self._looks += 1
        if lost or not self._looks % _TELL_LOOKS:
            self._tell()

    def _twins(self) -> str | None:
        """That a second robot runs, which hears what is meant for this one; None: none does."""
        names = [member.name for member in self._members.values() if member.has_twin]
        if not names:
            return None
        return (
            f"another robot runs with the same names ({listed(names)}): each hears what is meant "
            "for the other; end one of them, or start it with --namespace or another ROS_DOMAIN_ID"
        )

    def _end(self, member: Member) -> None:
        """Kills a process that hangs: by now the robot rests without it."""
        process = process_of(member.name, self.get_namespace(), self._hang_s)
        if process is not None:
            self.get_logger().error(
                f"{member.name} (process {process}) has told nothing for {self._hang_s:g} s: it is "
                "killed, and started again"
            )
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)

    def _tell(self) -> None:
        message = Supervision(
            rests_without=self._missing(True), goes_on_without=self._missing(False)
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _bring_to_rest(self) -> None:
        """What the behaviours would ask for, if they were there."""
        if self._motion.available and not self._motion.busy:
            reason = Reason("behaviour_missing", "behavior_node is missing")
            self._motion.start(rest(reason, REST), REST)

    def _update(self) -> None:
        self._motion.update()

    def _restore(self) -> None:
        """Has the first node that returned in another state take a step towards its own."""
        for name, member in self._members.items():
            if not member.is_restored:
                if name not in self._changes:
                    self._changes[name] = self.create_client(ChangeState, f"{name}/change_state")
                client = self._changes[name]
                transition = member.step() if client.service_is_ready() else None
                if transition is not None:
                    client.call_async(ChangeState.Request(transition=Transition(id=transition)))
                return

    def _report(self) -> Report:
        members = self._members.values()
        findings = [
            (error if m.needed else warn)(f"{m.name} is missing") for m in members if m.is_missing
        ]
        values = {m.name: _shown(m) for m in members}
        return Report("everybody is there", values, [*findings, warn(self._twins())])


def _shown(member: Member) -> str:
    state = "missing" if member.is_missing else "there" if member.is_known else "not yet there"
    often = "once" if member.losses == 1 else f"{member.losses} times"
    return f"{state}, lost {often}" if member.losses else state


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _told(status: DiagnosticStatus, key: str) -> str:
    return next((str(value.value) for value in status.values if value.key == key), "")
