"""A whole session over DDS, with the real behaviour node among stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from fer_interfaces.msg import BehaviorState
from rclpy.node import Node
from std_srvs.srv import Trigger

from fer_common.bag import open_bag
from fer_common.runner import start
from fer_common.testing import spin_until, spinning
from fer_study.protocol import Participant, StudyProtocol
from fer_study.session import Desk
from fer_study.station import RobotProcess, StudyStation
from fer_study.store import StudyFolder, read_rows
from fer_study.summary import write_tables
from robot_behavior.nodes.behavior_node import BehaviorNode
from robot_behavior.testing.mocks import MockPerson, MockServer


class StoppablePlayer(Node):
    """The services of a motion player."""

    def __init__(self) -> None:
        super().__init__("motion_player")
        self.stops = 0
        self.create_service(Trigger, "~/list_motions", self._list)
        self.create_service(Trigger, "~/stop", self._stop)

    def _list(self, _: Any, response: Trigger.Response) -> Trigger.Response:
        response.message = "bow, nod"
        return response

    def _stop(self, _: Any, response: Trigger.Response) -> Trigger.Response:
        self.stops += 1
        response.success = True
        return response


def test_a_session_with_the_behaviours_of_the_robot(change: Callable[..., Path]) -> None:
    study = change(phases=[{"name": "talk"}], questions=None)
    protocol, folder = StudyProtocol.load(study), StudyFolder(study)
    replies: list[Callable[[], None]] = []
    with spinning(
        BehaviorNode,
        MockPerson,
        StoppablePlayer,
        partial(MockServer, action="play_motion"),
        partial(MockServer, action="say"),
    ) as (executor, nodes):
        behaviour, person, player, motion, say = nodes
        assert isinstance(player, StoppablePlayer)
        assert isinstance(person, MockPerson)
        assert isinstance(motion, MockServer) and isinstance(say, MockServer)
        start(behaviour)
        station = StudyStation(protocol, replies.append)
        with folder.claimed(), station.spun():
            desk = Desk(protocol, Participant.read("07"), folder, False, station, monotonic)

            def until(condition: Callable[[], object]) -> None:
                def holds() -> object:
                    while replies:
                        replies.pop(0)()
                    desk.tick()
                    return condition()

                assert spin_until(executor, holds), (person.seen, desk.state(1))

            def reason() -> str:
                found: BehaviorState = person.seen
                return found.reason

            desk.opened(1)
            until(lambda: station.is_there() and station.state()["gestures"] == ["bow", "nod"])
            until(lambda: "the participant has not agreed yet" in reason())
            assert person.seen.state == BehaviorState.DISABLED
            desk.order(1, "agree")
            until(lambda: "no condition of the study is under way" in reason())
            until(lambda: desk.state(1)["prepared"])
            desk.order(1, "start")
            until(lambda: person.seen.state != BehaviorState.DISABLED)
            desk.order(1, "take_over")
            until(lambda: "the operator has taken over" in reason())
            desk.order(1, "play", "bow")
            desk.order(1, "say", "How are you?")
            until(lambda: "bow" in motion.texts and "How are you?" in say.texts)
            until(lambda: {"play_done", "say_done"} <= {e["kind"] for e in desk.state(1)["events"]})
            assert {g.priority for g in motion.goals if g.text == "bow"} == {255}
            desk.order(1, "stop")
            until(lambda: player.stops == 1)
            desk.order(1, "mark", 1)
            until(lambda: station.state()["messages"] > 5)
            desk.order(1, "end", "enough")
            until(lambda: "the session is over" in reason())
        assert desk.close() == []
        # Nobody commands the robot by hand any more: after a while it responds again.
        assert spin_until(executor, lambda: person.seen.state != BehaviorState.DISABLED)
    write_tables(desk.folder)
    check_what_is_kept(desk.folder)


def check_what_is_kept(folder: Path) -> None:
    """The bag and the tables tell the same, by the same clock."""
    assert "the operator has taken over" in (folder / "behaviour.csv").read_text()
    (bag,) = (folder / "bag").iterdir()
    told = [m.decode() for m in open_bag(bag).messages(["/study_event"])]
    kept = read_rows(folder / "events.csv")
    assert [m.kind for m in told if m] == [row["kind"] for row in kept]
    assert {(m.participant, m.session) for m in told if m} == {("07", 1)}
    (mark,) = [m for m in told if m and m.kind == "mark"]
    assert (mark.condition, mark.phase, mark.name, mark.page) == ("responsive", "talk", "1", 1)
    stamp = mark.header.stamp.sec + mark.header.stamp.nanosec * 1e-9
    (row,) = [row for row in kept if row["kind"] == "mark"]
    assert float(row["stamp"]) == pytest.approx(stamp, abs=1e-6)


def test_the_robot_of_a_study_speaks_its_language_and_a_file_of_behaviours_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(
        "fer_study.station.subprocess.Popen", lambda command, **_options: commands.append(command)
    )
    robot = RobotProcess({"camera": "clip"}, "de")
    robot.start()
    robot.start("/home/me/spanish.yaml")
    plain, with_file = commands
    assert plain[plain.index("--locale") + 1] == "de"
    assert "--locale" not in with_file and "--camera" in with_file
