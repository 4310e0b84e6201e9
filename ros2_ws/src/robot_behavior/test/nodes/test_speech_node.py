"""say from end to end over DDS, with both voices."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from fer_interfaces.action import Say
from rcl_interfaces.msg import Log
from rclpy.action import ActionClient
from rclpy.executors import Executor
from rclpy.parameter import Parameter
from std_msgs.msg import Float32, String

from fer_common.runner import StartError
from fer_common.testing import Bystander, PacedClock, spin_until, spinning
from robot_behavior.dialogue.sentences import Sentences
from robot_behavior.nodes.speech_node import SpeechNode
from ros2_ws.src.robot_behavior.test.speech.mock_piper import open_hum, write_voice

SENTENCES = Path(__file__).parents[2] / "config" / "sentences"
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
LONG = "This sentence has so many words that nobody waits for its end. " * 40  # two minutes


def read(file: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(file)) as recording:
        data = recording.readframes(recording.getnframes())
        return np.frombuffer(data, np.int16) / 32768, recording.getframerate()


def heard(file: Path) -> tuple[np.ndarray, float]:
    """The samples from the first loud one to the last, and how many seconds they are."""
    samples, rate = read(file)
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return samples[loud[0] : loud[-1]], float(loud[-1] - loud[0]) / rate


class Listener(Bystander):
    """Asks for sentences and notes what the robot says."""

    def __init__(self) -> None:
        super().__init__("listener")
        self.heard: list[str] = []
        self.mouth: list[float] = []
        self.times: list[float] = []
        self._clock = PacedClock()
        self._clock.goes_with(self)
        self.client = ActionClient(self, Say, "say")
        self.create_subscription(String, "speech", lambda m: self.heard.append(m.data), 10)
        self.create_subscription(Float32, "mouth", self._on_mouth, 10)
        self.remarks: list[str] = []
        self.is_warned = False
        self.create_subscription(Log, "/rosout", self._on_log, 100)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_log(self, message: Log) -> None:
        if message.name == "speech_node" and "piper voice" in message.msg:
            self.remarks.append(message.msg)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.is_warned |= any(NO_FRENCH in status.message for status in message.status)

    def _on_mouth(self, message: Float32) -> None:
        self.mouth.append(message.data)
        self.times.append(self._clock.now)


class World:
    def __init__(self, executor: Executor, nodes: list[Any], send: Callable) -> None:
        self.executor, self._send = executor, send
        self.listener, self.speech = nodes

    def ask(self, text: str, **fields: Any) -> Any:
        return self._send(self.listener.client, Say.Goal(text=text, **fields))

    def wait_until(self, condition: Callable[[], object]) -> None:
        assert spin_until(self.executor, condition)


Speaking = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def speaking(send_goal: Callable) -> Speaking:
    @contextmanager
    def start(**parameters: Any) -> Iterator[World]:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        with spinning(Listener, lambda: SpeechNode(parameter_overrides=overrides)) as made:
            world = World(*made, send_goal)
            world.wait_until(world.listener.client.server_is_ready)
            for topic in ("speech", "mouth"):
                world.wait_until(lambda t=topic: world.speech.count_subscribers(t))  # type: ignore[misc]
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
    world.wait_until(lambda: goal.over)
    assert goal.status == SUCCEEDED and goal.result.success and goal.result.message == ""
    world.wait_until(lambda: world.listener.heard == ["You look happy!", ""])
    assert goal.progress and goal.progress == sorted(goal.progress)
    assert 0.5 < goal.progress[-1] <= 1.0


def test_a_new_sentence_cuts_the_old_one_off(world: World) -> None:
    first = world.ask(LONG)
    world.wait_until(lambda: world.listener.heard)
    second = world.ask("Stop!", priority=200)
    world.wait_until(lambda: first.over and second.over)
    assert first.status == ABORTED
    assert first.result.message == "preempted by a goal of priority 200"
    assert second.status == SUCCEEDED
    world.wait_until(lambda: world.listener.heard == [LONG.strip(), "", "Stop!", ""])


def test_a_lower_priority_is_rejected(world: World) -> None:
    first = world.ask(LONG, priority=10)
    world.wait_until(lambda: world.listener.heard)
    second = world.ask("Me, too!", priority=9)
    world.wait_until(lambda: second.over)
    assert not second.handle.accepted and not first.over


def test_a_cancelled_sentence_stops_at_once(world: World) -> None:
    goal = world.ask(LONG)
    world.wait_until(lambda: world.listener.heard)
    goal.handle.cancel_goal_async()
    world.wait_until(lambda: goal.over and world.speech.is_stopped())
    assert goal.status == CANCELED
    world.wait_until(lambda: world.listener.heard == [LONG.strip(), ""])


@pytest.mark.parametrize("text", ["", "  \n\t ", "...", "\U0001f600", "\x07\x1b"])
def test_an_empty_text_is_refused_and_disturbs_nobody(world: World, text: str) -> None:
    playing = world.ask("One two three.")
    world.wait_until(lambda: world.listener.heard)
    goal = world.ask(text, priority=255)
    world.wait_until(lambda: goal.over and playing.over)
    assert goal.status == ABORTED and "expected something to say" in goal.result.message
    assert playing.status == SUCCEEDED


def test_a_stop_ends_the_sentence(world: World) -> None:
    goal = world.ask(LONG)
    world.wait_until(lambda: world.listener.heard)
    world.speech.begin_stop()
    world.wait_until(world.speech.is_stopped)
    world.wait_until(lambda: goal.over)
    assert goal.status == ABORTED and goal.result.message == "the speech node stops"


def test_an_unknown_language_is_named(speaking: Speaking) -> None:
    pytest.importorskip("espeakng_loader")
    with speaking(backend="espeak") as world:
        goal = world.ask("Hello", locale="tlh")
        world.wait_until(lambda: goal.over)
        assert goal.status == ABORTED
        assert "no voice speaks 'tlh', expected one of af" in goal.result.message
        german = world.ask("Ja.", locale="de-AT")
        world.wait_until(lambda: german.over)
        assert german.status == SUCCEEDED
    with pytest.raises(StartError, match="no voice speaks 'tlh'"), speaking(locale="tlh"):
        pass


def test_the_mouth_moves_while_the_robot_speaks_and_closes_in_the_end(world: World) -> None:
    goal = world.ask("You look happy! I am glad to see that, and I want to dance.")
    world.wait_until(lambda: goal.over and world.listener.heard[-1:] == [""])
    mouth, times = world.listener.mouth, world.listener.times
    assert max(mouth) > 0.4 and min(mouth) >= 0.0 and max(mouth) <= 1.0 and mouth[-1] == 0.0
    assert len({round(opening, 2) for opening in mouth}) > 5
    assert np.median(np.diff(times)) <= 0.05


def test_the_mouth_closes_when_the_sentence_is_cut_off(world: World) -> None:
    goal = world.ask(LONG)
    world.wait_until(lambda: max(world.listener.mouth, default=0.0) > 0.2)
    goal.handle.cancel_goal_async()
    world.wait_until(lambda: goal.over and world.listener.mouth[-1] == 0.0)
    count = len(world.listener.mouth)
    world.wait_until(lambda: world.speech.is_stopped())
    assert len(world.listener.mouth) <= count + 1


def test_the_prosody_is_heard(tmp_path: Path, speaking: Speaking) -> None:
    pytest.importorskip("espeakng_loader")
    durations = []
    for rate in (1.0, 0.5):
        file = tmp_path / f"{rate}.wav"
        with speaking(backend="espeak", rate_wpm=300, record_to=str(file)) as world:
            goal = world.ask("You look happy!", rate=rate)
            world.wait_until(lambda g=goal: g.over)  # type: ignore[misc]
            assert goal.status == SUCCEEDED
        durations.append(heard(file)[1])
    assert durations[1] > 1.5 * durations[0]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"rate": 9.0}, "rate is 9, expected 0.5..2"),
        ({"rate": 0.0}, "rate is 0, expected 0.5..2"),
        ({"pitch_st": -40.0}, "pitch_st is -40, expected -12..12"),
        ({"volume_db": float("nan")}, "volume_db is nan, expected -20..6"),
    ],
)
def test_a_prosody_out_of_range_is_refused(
    speaking: Speaking, fields: dict[str, float], complaint: str
) -> None:
    with speaking(backend="log") as world:
        goal = world.ask("Hello!", **fields)
        world.wait_until(lambda: goal.over)
        assert (goal.status, goal.result.message) == (ABORTED, complaint)


def test_markup_is_spoken_as_it_stands(speaking: Speaking) -> None:
    text = '<prosody rate="50%">Hello!</prosody>'
    with speaking(backend="log", rate_wpm=450) as world:
        goal = world.ask(text)
        world.wait_until(lambda: goal.over and world.listener.heard == [text, ""])
        assert goal.status == SUCCEEDED


@pytest.mark.parametrize(
    "text",
    [
        "word " * 2000,
        "a" * 10_000,
        "您好" * 5000,
        "\x01\x02hello\x1b[2J" * 50,
        "\U0001f600ok " * 99,
    ],
)
def test_any_text_begins_and_can_be_stopped(world: World, text: str) -> None:
    goal = world.ask(text)
    world.wait_until(lambda: world.listener.heard)
    assert not goal.over and world.listener.heard == [text.strip()]
    goal.handle.cancel_goal_async()
    world.wait_until(lambda: goal.over and world.speech.is_stopped())


def test_without_a_sound_device_the_robot_goes_on(
    speaking: Speaking, capfd: pytest.CaptureFixture
) -> None:
    pytest.importorskip("espeakng_loader")
    with speaking(backend="espeak", audio_device="no_such_device") as world:
        goal = world.ask("You look happy! I am glad to see that.")
        world.wait_until(lambda: goal.over)
        assert goal.status == SUCCEEDED and max(world.listener.mouth) > 0.1
    assert "nothing will be heard: " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("backend", "locale", "told"),
    [
        ("log", "en", "voice: none: what is said is only written; --speech espeak ("),
        ("espeak", "de", "a piper voice for 'de' as piper_voice"),
    ],
)
def test_it_tells_once_who_speaks_and_how_to_get_a_better_voice(
    speaking: Speaking, capfd: pytest.CaptureFixture, backend: str, locale: str, told: str
) -> None:
    if backend == "espeak":
        pytest.importorskip("espeakng_loader")
    with speaking(backend=backend, locale=locale):
        pass
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "voice: " in line]
    assert told in line


def test_a_piper_voice_speaks_and_espeak_where_it_cannot(
    tmp_path: Path, speaking: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("robot_behavior.speech.piper.open_network", open_hum)
    voice = write_voice(tmp_path, "en_US")
    with speaking(backend="piper", piper_voice=str(voice)) as world:
        goal = world.ask("You look happy!")
        world.wait_until(lambda: goal.over)
        assert goal.status == SUCCEEDED and max(world.listener.mouth) > 0.5
        for _ in range(2):
            french = world.ask("Bonjour", locale="fr")
            world.wait_until(lambda goal=french: goal.over)  # type: ignore[misc]
            assert french.result.success
        world.wait_until(lambda: world.listener.remarks)
        world.wait_until(lambda: world.listener.is_warned)
        assert world.listener.remarks == [NO_FRENCH]
        klingon = world.ask("nuqneH", locale="klingon")
        world.wait_until(lambda: klingon.over)
        assert "no voice speaks 'klingon'" in klingon.result.message


NO_FRENCH = "no piper voice speaks 'fr': eSpeak speaks it"


def test_what_is_said_is_recorded_at_its_time(tmp_path: Path, speaking: Speaking) -> None:
    pytest.importorskip("espeakng_loader")
    file = tmp_path / "said.wav"
    began = time.monotonic()
    with speaking(backend="espeak", record_to=str(file), rate_wpm=250) as world:
        for text in ("You look happy!", "Goodbye, then."):
            goal = world.ask(text)
            world.wait_until(lambda g=goal: g.over)  # type: ignore[misc]
            pause = world.speech.get_clock().now().nanoseconds + 6 * 10**8
            world.wait_until(lambda p=pause: world.speech.get_clock().now().nanoseconds > p)  # type: ignore[misc]
    lasted = time.monotonic() - began
    samples, rate = read(file)
    step = rate // 10
    levels = np.array(
        [np.sqrt(np.mean(samples[i : i + step] ** 2)) for i in range(0, len(samples), step)]
    )
    loud = levels > 0.01
    assert levels.max() > 0.05
    longest_silence = max(
        len(run) for run in "".join("x" if value else " " for value in loud).split("x")
    )
    assert 0.5 <= longest_silence / 10 <= lasted  # the pause between the two sentences
    assert loud[-10:].any()


@pytest.mark.parametrize("locale", ["en", "zh", "de", "fr", "es"])
def test_every_language_of_the_sentence_files_is_heard(
    tmp_path: Path, speaking: Speaking, locale: str
) -> None:
    pytest.importorskip("espeakng_loader")
    sentences = Sentences.load(SENTENCES, locale)
    words = sentences.words(sentences.of("farewell")[1], "farewell", 12)
    file = tmp_path / "said.wav"
    with speaking(backend="espeak", record_to=str(file)) as world:
        prosody = asdict(words.prosody)
        goal = world.ask(words.text, locale=words.locale, **prosody)
        world.wait_until(lambda: goal.over)
        assert goal.status == SUCCEEDED
    samples, seconds = heard(file)
    assert 0.4 < seconds < 2.0
    assert np.sqrt(np.mean(samples**2)) > 0.03


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"backend": "cello"}, "'backend' is 'cello', expected one of espeak, piper, .*log"),
        ({"backend": "piper", "piper_voice": "/no/v.onnx"}, "/no/v.onnx is missing"),
        ({"backend": "espeak", "locale": "tlh"}, "no voice speaks 'tlh', expected one of af, "),
        ({"backend": "log", "rate_wpm": 5}, "'rate_wpm' is 5, expected 80..450"),
        ({"backend": "log", "record_to": "/proc/no/said.wav"}, "cannot record to /proc/no"),
    ],
)
def test_bad_parameters_are_named(
    speaking: Speaking, parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises((StartError, ValueError), match=complaint), speaking(**parameters):
        pass
