"""A study in a folder, a clock that is set by hand, and a robot that only remembers its orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ec_rfernet.errors import InputError
from fer_common.testing import FakeClock
from fer_study.protocol import Participant, StudyCondition, StudyProtocol, new_study
from fer_study.session import Desk, Done
from fer_study.store import SessionFiles, StudyFolder

CONTENT: dict[str, Any] = {
    "name": "greeting",
    "consent": "consent.txt",
    "conditions": {
        "responsive": {"behaviours": "responsive"},
        "scripted": {
            "behaviours": "fixed",
            "every_s": 5,
            "actions": [{"play": "nod"}, {"say": "Hello!"}],
        },
    },
    "phases": [{"name": "arrival", "seconds": 3}, {"name": "talk"}],
    "questions": [
        {"id": "liked", "ask": "Did you like it?", "scale": [1, 7]},
        {"id": "remarks", "ask": "Anything else?", "after": "session", "optional": True},
    ],
    "marks": {1: "laughs"},
    "operator_timeout_s": 60,
}


class FakeRobot:
    """Remembers what it is asked for; says that all is done."""

    looking = False
    picture: tuple[int, bytes] | None = None

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.orders: list[tuple[str, str]] = []
        self.waits = ""
        self.bag: list[Mapping[str, object]] = []
        self.fault: str | None = None
        self.cannot_record = False
        self.refuses = ""
        self.under_way: list[Done] | None = None  # what is not done at once

    def now(self) -> int:
        return int(self._clock.now * 1e9)

    def play(self, gesture: str, done: Done) -> None:
        self._did("play", gesture, done)

    def say(self, text: str, done: Done) -> None:
        self._did("say", text, done)

    def stop(self, done: Done) -> None:
        self._did("stop", "", done)

    def release(self, done: Done) -> None:
        self._did("release", "", done)

    def behave(self, condition: StudyCondition, done: Done) -> None:
        self._did("behave", condition.name, done)

    def wait_because(self, why: str) -> None:
        self.waits = why

    def record(self, files: SessionFiles) -> None:
        if self.cannot_record:
            raise InputError("recordings cannot be kept here")

    def publish(self, now: int, event: Mapping[str, object]) -> None:
        self.bag.append(event)

    def problem(self) -> str | None:
        return self.fault

    def state(self) -> dict[str, Any]:
        return {
            "state": "idle", "reason": "nobody is there", "motion": "", "speech": "",
            "held": False, "gestures": ["nod", "bow"], "sentences": [("greeting", "Hello!")],
            "faces": [], "size": (640, 480), "messages": 3, "recording": True, "images": False,
            "own": True,
        }  # fmt: skip

    def _did(self, kind: str, what: str, done: Done) -> None:
        self.orders.append((kind, what))
        if self.under_way is not None:
            self.under_way.append(done)
        else:
            done(not self.refuses, self.refuses)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The folder of a new study with a short protocol."""
    folder = tmp_path / "greeting"
    new_study(folder)
    (folder / "protocol.yaml").write_text(yaml.safe_dump(CONTENT))
    return folder


@pytest.fixture
def change(study: Path) -> Callable[..., Path]:
    """Writes the protocol with other values: ``change(order="as_written")``."""

    def write(**values: Any) -> Path:
        content = {name: value for name, value in (CONTENT | values).items() if value is not None}
        (study / "protocol.yaml").write_text(yaml.safe_dump(content))
        return study

    return write


@pytest.fixture
def clock() -> FakeClock:
    """Of a session."""
    return FakeClock()


@pytest.fixture
def link(clock: FakeClock) -> FakeRobot:
    """The robot of a session."""
    return FakeRobot(clock)


@pytest.fixture
def desk(study: Path, link: FakeRobot, clock: FakeClock) -> Callable[..., Desk]:
    """Makes the desk of a session: ``desk("07", again=True)``, with page 1 in charge."""

    def make(code: str = "01", again: bool = False) -> Desk:
        folder = StudyFolder(study)
        folder.sessions.mkdir(exist_ok=True)
        found = Desk(StudyProtocol.load(study), Participant.read(code), folder, again, link, clock)
        found.opened(1)
        return found

    return make


@pytest.fixture
def finished(desk: Callable[..., Desk], clock: FakeClock) -> Callable[..., Desk]:
    """Runs a whole session: ``finished("07")``."""

    def run(code: str = "01", again: bool = False, liked: int = 5) -> Desk:
        session = desk(code, again)
        session.order(1, "agree")
        for _ in range(2):
            session.order(1, "start")
            session.order(1, "mark", 1)
            clock.now += 3.5
            session.tick()
            clock.now += 2.0
            session.order(1, "next")
            session.order(1, "answer", {"liked": str(liked)})
        session.order(1, "answer", {})
        assert session.over == "", session.notice.text
        assert session.close() == []
        return session

    return run
