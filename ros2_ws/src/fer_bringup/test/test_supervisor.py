"""Who is missing is told, and brought back to the state in which it was lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fer_interfaces.action import PlayMotion
from fer_interfaces.msg import Supervision
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter

from fer_bringup.supervisor import MOST, WITHIN_S, Member, Restarts, Supervisor, process_of
from fer_common.actions import ExclusiveAction
from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import PROCESS, DiagnosticsPublisher
from fer_common.qos import EVENTS, LATCHED
from fer_common.reason import Level
from fer_common.runner import start
from fer_common.testing import DiagnosticsListener, FakeClock, spin_until, spinning, until

pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'ActionServer:RuntimeWarning")


def test_a_node_is_started_again_so_often_and_not_more() -> None:
    clock = FakeClock()
    restarts = Restarts(clock)
    assert [restarts.allowed() for _ in range(MOST + 1)] == [True] * MOST + [False]
    assert restarts.count == MOST
    clock.now += WITHIN_S
    assert restarts.allowed()


def test_one_that_ends_now_and_then_is_started_again_for_ever() -> None:
    clock = FakeClock()
    restarts = Restarts(clock)
    for _ in range(10 * MOST):
        clock.now += WITHIN_S / MOST
        assert restarts.allowed()


# Two robots.


def test_two_that_speak_in_turn_are_twins_until_one_is_silent() -> None:
    member = Member("eye", True, 4, 0)
    for process in ("1-a", "2-b", "1-a"):
        assert not member.has_twin
        member.heard("active", process)
    assert member.has_twin
    for _ in range(4):
        member.heard("active", "1-a")
        member.look()
    assert not member.has_twin


def test_one_that_is_started_again_and_again_has_no_twin() -> None:
    member = Member("eye", True, 4, 0)
    for life in range(20):
        for _ in range(3):
            member.heard("active", f"{life}-a")
            member.look()
        assert not member.has_twin


def test_a_second_robot_is_told_of() -> None:
    def eye_of(process: str) -> Node:
        values = [KeyValue(key=PROCESS, value=process)]
        told = DiagnosticArray(status=[DiagnosticStatus(name="eye: work", values=values)])
        node = Node(process)
        publisher = node.create_publisher(DiagnosticArray, "/diagnostics", EVENTS)
        node.create_timer(0.1, lambda: publisher.publish(told))
        return node

    made = supervisor("eye"), lambda: eye_of("one"), lambda: eye_of("two")
    with spinning(Listener, *made) as (executor, (listener, *_)):
        assert spin_until(executor, lambda: "another robot runs" in listener.message("/supervisor"))
        assert listener.level("/supervisor") == Level.WARN


# Who is there.


class Listener(DiagnosticsListener):
    """Hears what the supervisor tells."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Supervision()
        self.create_subscription(Supervision, "supervision", self._hear_supervision, LATCHED)

    def _hear_supervision(self, message: Supervision) -> None:
        self.told = message


class Patient(LifecycleNode):
    """A node whose heart beats for as long as it is spun."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.phase = "unconfigured"
        DiagnosticsPublisher(self, "work", lambda: Report("fine", {"state": self.phase}))

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.phase = "inactive"
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.phase = "active"
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.phase = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.phase = "unconfigured"
        return TransitionCallbackReturn.SUCCESS


class Body(Node):
    """Plays any motion at once, and remembers it."""

    def __init__(self) -> None:
        super().__init__("body")
        self.played: list[str] = []
        self.action = ExclusiveAction(
            self, PlayMotion, "play_motion", lambda goal: None, self._begin, lambda: None
        )

    def _begin(self, goal: PlayMotion.Goal) -> None:
        self.played.append(goal.motion)
        self.action.finish(True)

    def destroy_node(self) -> None:
        self.action.destroy()
        super().destroy_node()


def supervisor(needed: str, other: str = "", hang_s: float = 0.0) -> Callable[[], Supervisor]:
    overrides = [
        Parameter("hang_s", value=hang_s),
        Parameter("rests_without", value=needed),
        Parameter("goes_on_without", value=other),
        Parameter("patience_s", value=2.0),
    ]
    return lambda: Supervisor(parameter_overrides=overrides)


def test_who_falls_silent_is_missing_until_it_is_heard_again() -> None:
    made = Listener, supervisor("eye", "mouth"), lambda: Patient("eye"), lambda: Patient("mouth")
    with spinning(*made) as (executor, (listener, _, eye, mouth)):
        assert spin_until(executor, lambda: listener.values("/supervisor").get("eye") == "there")
        assert listener.level("/supervisor") == Level.OK
        executor.remove_node(mouth)
        assert spin_until(executor, lambda: listener.told.goes_on_without == ["mouth"])
        assert spin_until(executor, lambda: listener.level("/supervisor") == Level.WARN)
        executor.remove_node(eye)
        assert spin_until(executor, lambda: listener.told.rests_without == ["eye"])
        assert spin_until(executor, lambda: listener.level("/supervisor") == Level.ERROR)
        assert "eye is missing" in listener.message("/supervisor")
        executor.add_node(eye)
        executor.add_node(mouth)
        assert spin_until(
            executor, lambda: not (listener.told.rests_without or listener.told.goes_on_without)
        )
        assert spin_until(
            executor, lambda: listener.values("/supervisor")["eye"] == "there, lost once"
        )


def test_who_has_not_come_yet_is_not_missing() -> None:
    with spinning(Listener, supervisor("eye")) as (executor, (listener, _)):
        assert spin_until(
            executor, lambda: listener.values("/supervisor").get("eye") == "not yet there"
        )
        assert listener.told.rests_without == []


def test_who_ends_on_purpose_is_not_missing() -> None:
    made = supervisor("eye,ear"), lambda: Patient("eye"), lambda: Patient("ear")
    with spinning(Listener, *made) as (executor, (listener, watching, eye, ear)):
        assert spin_until(
            executor,
            lambda: [listener.values("/supervisor").get(name) for name in ("eye", "ear")]
            == ["there", "there"],
        )
        watching.excuse(["eye"])
        executor.remove_node(eye)
        executor.remove_node(ear)
        assert spin_until(executor, lambda: listener.told.rests_without)
        assert listener.told.rests_without == ["ear"]


def test_without_the_behaviours_the_supervisor_asks_for_rest() -> None:
    made = supervisor("behavior_node"), Body, lambda: Patient("behavior_node")
    with spinning(Listener, *made) as (executor, (listener, _, body, behaviour)):
        assert spin_until(
            executor, lambda: listener.values("/supervisor").get("behavior_node") == "there"
        )
        assert body.played == []
        executor.remove_node(behaviour)
        assert spin_until(executor, lambda: body.played == ["rest"])


def test_who_was_active_and_returns_unconfigured_is_made_active() -> None:
    made = Listener, supervisor("ear,eye"), lambda: Patient("eye"), lambda: Patient("ear")
    with spinning(*made) as (executor, (listener, _, eye, ear)):
        start(eye)
        seen = {"eye": "there", "ear": "there"}
        assert spin_until(executor, lambda: seen.items() <= listener.values("/supervisor").items())
        for node in (eye, ear):
            executor.remove_node(node)
        assert spin_until(executor, lambda: listener.told.rests_without == ["ear", "eye"])
        eye.trigger_deactivate()
        eye.trigger_cleanup()
        for node in (eye, ear):
            executor.add_node(node)
        assert spin_until(executor, lambda: eye.phase == "active")
        assert ear.phase == "unconfigured"  # as it was


WAITS = "import sys\nprint('ready', flush=True)\nsys.stdin.read()"


@contextmanager
def program(folder: Path, *arguments: str, parent: str = "") -> Iterator[subprocess.Popen]:
    """A program called ``eye`` that does nothing, of this process or of another parent."""
    path = folder / "eye"
    path.write_text(WAITS)
    command = [sys.executable, str(path), *arguments]
    if parent:
        call = f"import subprocess; subprocess.run({command!r})"
        command = [sys.executable, "-c", call, parent]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.communicate(timeout=120)


def test_a_process_that_hangs_is_killed_and_one_that_lives_is_not(tmp_path: Path) -> None:
    made = Listener, supervisor("eye", "mouth", 3.0), lambda: Patient("eye")
    with program(tmp_path) as child, spinning(*made) as (executor, (listener, _, eye)):
        assert spin_until(executor, lambda: listener.values("/supervisor").get("eye") == "there")
        assert until(lambda: process_of("eye", "/", 3.0) == child.pid)
        assert child.poll() is None
        executor.remove_node(eye)
        assert spin_until(executor, lambda: listener.told.rests_without == ["eye"])
        assert spin_until(executor, lambda: child.poll() == -signal.SIGKILL)


def test_only_a_process_of_this_robot_is_found(tmp_path: Path) -> None:
    with program(tmp_path, "--ros-args", "-r", "__ns:=/robot") as child:
        assert until(lambda: process_of("eye", "/robot", 0.0) == child.pid)
        assert process_of("eye", "/", 0.0) is None
        assert process_of("eye", "/robot", 3600.0) is None  # it has just been started
        assert process_of("ye", "/robot", 0.0) is None
    with program(tmp_path, parent="another"):
        assert process_of("eye", "/", -1.0) is None
