"""say from end to end over DDS, with both voices."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from fer_interfaces.action import Say
from rclpy.action import ActionClient
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String

from fer_common.runner import StartError
from fer_common.testing import spin_until, spinning
from robot_behavior.speech_node import SpeechNode

SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
LONG = "This sentence has so many words that nobody waits for its end. " * 5


class Listener(Node):
    """Asks for sentences and notes what the robot says."""

    def __init__(self) -> None:
        super().__init__("listener")
        self.heard: list[str] = []
        self.client = ActionClient(self, Say, "say")
        self.create_subscription(String, "speech", lambda m: self.heard.append(m.data), 10)


class World:
    def __init__(self, executor: Executor, nodes: list[Any], send: Callable) -> None:
        self.executor, self._send = executor, send
        self.listener, self.speech = nodes

    def ask(self, text: str, locale: str = "", priority: int = 128) -> Any:
        goal = Say.Goal(text=text, locale=locale, priority=priority)
        return self._send(self.listener.client, goal)

    def until(self, condition: Callable[[], object], timeout_s: float = 15.0) -> None:
        assert spin_until(self.executor, condition, timeout_s)


Speaking = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def speaking(send_goal: Callable) -> Speaking:
    @contextmanager
    def start(**parameters: Any) -> Iterator[World]:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        with spinning(Listener, lambda: SpeechNode(parameter_overrides=overrides)) as made:
            world = World(*made, send_goal)
            world.until(world.listener.client.server_is_ready)
            world.until(lambda: world.speech.count_subscribers("speech"))
            yield world

    return start


@pytest.fixture(params=["log", "espeak"])
def world(request: pytest.FixtureRequest, speaking: Speaking) -> Iterator[World]:
    if request.param == "espeak":
        pytest.importorskip("espeakng_loader")
    with speaking(backend=request.param, rate_wpm=300) as built:
        yield built


def test_a_sentence_is_said_to_its_end(world: World) -> None:
    goal = world.ask("  You look happy!  ")
    world.until(lambda: goal.over)
    assert goal.status == SUCCEEDED and goal.result.success and goal.result.message == ""
    world.until(lambda: world.listener.heard == ["You look happy!", ""])
    assert goal.progress and goal.progress == sorted(goal.progress)
    assert 0.5 < goal.progress[-1] <= 1.0


def test_a_new_sentence_cuts_the_old_one_off(world: World) -> None:
    first = world.ask(LONG)
    world.until(lambda: world.listener.heard)
    second = world.ask("Stop!", priority=200)
    world.until(lambda: first.over and second.over)
    assert first.status == ABORTED
    assert first.result.message == "preempted by a goal of priority 200"
    assert second.status == SUCCEEDED
    world.until(lambda: world.listener.heard == [LONG.strip(), "", "Stop!", ""])


def test_a_lower_priority_is_rejected(world: World) -> None:
    first = world.ask("One two three.", priority=10)
    world.until(lambda: world.listener.heard)
    second = world.ask("Me, too!", priority=9)
    world.until(lambda: first.over and second.over)
    assert not second.handle.accepted and first.status == SUCCEEDED


def test_a_cancelled_sentence_stops_at_once(world: World) -> None:
    goal = world.ask(LONG)
    world.until(lambda: world.listener.heard)
    goal.handle.cancel_goal_async()
    world.until(lambda: goal.over and world.speech.is_stopped(), 2.0)
    assert goal.status == CANCELED
    world.until(lambda: world.listener.heard == [LONG.strip(), ""])


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_text_is_refused_and_disturbs_nobody(world: World, text: str) -> None:
    playing = world.ask("One two three.")
    world.until(lambda: world.listener.heard)
    goal = world.ask(text, priority=255)
    world.until(lambda: goal.over and playing.over)
    assert goal.status == ABORTED and "expected something to say" in goal.result.message
    assert playing.status == SUCCEEDED


def test_a_stop_ends_the_sentence(world: World) -> None:
    goal = world.ask(LONG)
    world.until(lambda: world.listener.heard)
    world.speech.begin_stop()
    world.until(world.speech.is_stopped, 2.0)
    world.until(lambda: goal.over)
    assert goal.status == ABORTED and goal.result.message == "the speech node stops"


def test_an_unknown_language_is_named(speaking: Speaking) -> None:
    pytest.importorskip("espeakng_loader")
    with speaking(backend="espeak") as world:
        goal = world.ask("Hello", locale="tlh")
        world.until(lambda: goal.over)
        assert goal.status == ABORTED
        assert "no voice speaks 'tlh', expected one of af" in goal.result.message
        german = world.ask("Ja.", locale="de-AT")
        world.until(lambda: german.over)
        assert german.status == SUCCEEDED
    with pytest.raises(StartError, match="no voice speaks 'tlh'"), speaking(locale="tlh"):
        pass


def test_what_is_said_is_recorded_at_its_time(tmp_path: Path, speaking: Speaking) -> None:
    pytest.importorskip("espeakng_loader")
    file = tmp_path / "said.wav"
    with speaking(backend="espeak", record_to=str(file), rate_wpm=250) as world:
        for text in ("You look happy!", "Goodbye, then."):
            goal = world.ask(text)
            world.until(lambda g=goal: g.over)  # type: ignore[misc]
            pause = world.speech.get_clock().now().nanoseconds + 6 * 10**8
            world.until(lambda p=pause: world.speech.get_clock().now().nanoseconds > p)  # type: ignore[misc]
    with wave.open(str(file)) as recording:
        rate = recording.getframerate()
        data = recording.readframes(recording.getnframes())
    samples = np.frombuffer(data, np.int16) / 32768
    step = rate // 10
    levels = np.array(
        [np.sqrt(np.mean(samples[i : i + step] ** 2)) for i in range(0, len(samples), step)]
    )
    loud = levels > 0.01
    assert levels.max() > 0.05
    longest_silence = max(
        len(run) for run in "".join("x" if value else " " for value in loud).split("x")
    )
    assert 0.5 <= longest_silence / 10 <= 3.0  # the pause between the two sentences
    assert loud[-10:].any()


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"backend": "piper"}, "'backend' is 'piper', expected one of espeak, log"),
        ({"backend": "log", "rate_wpm": 5}, "'rate_wpm' is 5, expected 80..450"),
        ({"backend": "log", "record_to": "/proc/no/said.wav"}, "cannot record to /proc/no"),
    ],
)
def test_bad_parameters_are_named(
    speaking: Speaking, parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises((StartError, ValueError), match=complaint), speaking(**parameters):
        pass
