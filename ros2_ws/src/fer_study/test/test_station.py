"""A whole session over DDS, with the real behaviour node among stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import pytest
from ament_index_python.packages import get_package_share_directory
from fer_interfaces.msg import BehaviorState
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from fer_common.bag import open_bag
from fer_common.runner import start
from fer_common.testing import spin_until, spinning
from fer_study.protocol import Participant, StudyCondition, StudyProtocol
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


def test_the_robot_of_a_study_speaks_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(
        "fer_study.station.subprocess.Popen", lambda command, **_options: commands.append(command)
    )
    RobotProcess({"camera": "clip"}, "de").start()
    RobotProcess({"locale": "fr"}, "de").start()
    plain, own = commands
    assert plain[plain.index("--locale") + 1] == "de" and "--camera" in plain
    assert own[own.index("--locale") + 1] == "fr" and own.count("--locale") == 1


def test_the_behaviours_of_a_condition_come_back_and_go_away_again(
    change: Callable[..., Path],
) -> None:
    study = change(conditions={"own": {"behaviours": "own.yaml"}})
    installed = Path(get_package_share_directory("robot_behavior"), "config", "behaviors.yaml")
    for name in ("own.yaml", "robot.yaml"):
        (study / name).write_text(installed.read_text())
    protocol, own, before = StudyProtocol.load(study), study / "own.yaml", study / "robot.yaml"
    parameter = Parameter("behaviors_file", value=str(before))
    with spinning(
        lambda: BehaviorNode(parameter_overrides=[parameter]),
        partial(MockServer, action="play_motion"),
        partial(MockServer, action="say"),
    ) as (executor, (behaviour, *_)):
        start(behaviour)
        station, replies = StudyStation(protocol, lambda task: task()), list[tuple[bool, str]]()
        assert isinstance(behaviour, BehaviorNode)

        def uses(file: Path) -> bool:
            return behaviour.get_parameter("behaviors_file").value == str(file)

        def asked(condition: StudyCondition) -> tuple[bool, str]:
            station.behave(condition, lambda *reply: replies.append(reply))
            assert spin_until(executor, lambda: replies)
            return replies.pop()

        leaving = Thread(target=lambda: None)
        with ExitStack() as stack:
            stack.enter_context(station.spun())
            assert spin_until(executor, lambda: station.is_there())
            assert spin_until(executor, lambda: asked(protocol.conditions[0])[0]) and uses(own)
            # A node that was started again has its own: it is given those of the condition.
            behaviour.set_parameters([parameter])
            assert spin_until(executor, lambda: station.problem() is not None)
            assert "had lost the behaviours" in str(station.problem())
            assert spin_until(executor, lambda: uses(own) and station.problem() is None)
            assert asked(StudyCondition("responsive", "responsive")) == (True, "") and uses(before)
            assert asked(protocol.conditions[0])[0] and uses(own)
            own.write_text("broken: [")
            assert not asked(StudyCondition("x", "file", study / "x.yaml"))[0] and uses(own)
            leaving = Thread(target=stack.pop_all().close)
        leaving.start()
        assert spin_until(executor, lambda: not leaving.is_alive())
        assert uses(before)
