"""The client of an action against a server with the faults that real ones have, over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fer_interfaces.action import PlayMotion
from rclpy.executors import Executor

from fer_common.actions import GoalClient
from fer_common.goals import CANCELLED_BY_OTHERS, DISAPPEARED, FAILED, REJECTED, UNANSWERED
from fer_common.testing import Bystander, spin_until, spinning
from robot_behavior.testing.mocks import MockServer

pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'ActionServer:RuntimeWarning")


class Player(Bystander):
    """Asks for motions by their name."""

    def __init__(self) -> None:
        super().__init__("player")
        self.ends = 0
        self.goals: GoalClient[str] = GoalClient(
            self, PlayMotion, "play_motion", lambda name: PlayMotion.Goal(motion=name), self.ended
        )

    def ended(self) -> None:
        self.ends += 1

    def destroy_node(self) -> None:
        self.goals.destroy()
        super().destroy_node()


class Scene:
    def __init__(self, executor: Executor, server: MockServer, player: Player) -> None:
        self.executor, self.server, self.player, self.goals = executor, server, player, player.goals

    def wait_until(self, condition: Any) -> None:
        """Until something has happened; the client is updated meanwhile, as its owner does."""
        assert spin_until(self.executor, lambda: self.goals.update() or condition())

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(goal.text, goal.outcome) for goal in self.server.goals]


@contextmanager
def scene(**server: Any) -> Iterator[Scene]:
    with spinning(lambda: MockServer(**server), Player) as (executor, nodes):
        made = Scene(executor, *nodes)
        assert spin_until(executor, lambda: made.goals.available)
        yield made


def test_a_goal_is_completed() -> None:
    with scene() as s:
        s.goals.start("nod", "nod")
        s.wait_until(lambda: not s.goals.busy)
        assert s.goals.end is not None and s.goals.end.succeeded and s.player.ends == 1
        assert s.outcomes == [("nod", "succeeded")]


@pytest.mark.parametrize(
    ("server", "code"),
    [
        ({"mode": "reject"}, REJECTED),
        ({"mode": "abort"}, FAILED),
        ({"mode": "mute"}, UNANSWERED),
        ({"mode": "die"}, DISAPPEARED),
    ],
)
def test_a_goal_that_is_not_completed_tells_why(server: dict[str, Any], code: str) -> None:
    with scene(**server) as s:
        s.goals.start("nod", "nod")
        s.wait_until(lambda: not s.goals.busy)
        assert s.goals.end is not None and s.goals.end.problem is not None
        assert s.goals.end.problem.code == code
        assert s.player.ends == (1 if code in (REJECTED, FAILED) else 0)


def test_a_cancellation_before_the_acceptance_is_not_lost() -> None:
    with scene(mode="never", answer_after_s=0.3) as s:
        s.goals.start("nod", "nod")
        s.goals.cancel()
        s.wait_until(lambda: s.outcomes == [("nod", "canceled")] and not s.goals.busy)
        assert s.goals.end is not None and s.goals.end.problem is None


def test_a_goal_that_others_cancel_is_a_problem_of_its_own() -> None:
    with scene(mode="never") as s:
        s.goals.start("nod", "nod")
        s.wait_until(lambda: s.server.running)
        s.goals.cancel_all(s.player.get_clock().now().to_msg())
        s.wait_until(lambda: not s.goals.busy)
        assert s.goals.end is not None and s.goals.end.problem is not None
        assert s.goals.end.problem.code == CANCELLED_BY_OTHERS
        said = "play_motion did not complete 'nod': mock canceled it"
        assert str(s.goals.end.problem) == said


def test_a_goal_that_is_replaced_before_its_acceptance_is_cancelled_then() -> None:
    with scene(mode="never", answer_after_s=0.3) as s:
        s.goals.start("nod", "nod")
        s.goals.replace("wave", "wave")
        s.wait_until(lambda: s.outcomes == [("nod", "canceled"), ("wave", "running")])
        assert s.goals.busy and s.player.ends == 0
        s.goals.cancel()
        s.wait_until(lambda: not s.goals.busy)
        assert s.player.ends == 1


def test_two_servers_of_one_action_end_no_client() -> None:
    with scene() as s:
        twin = MockServer()
        s.executor.add_node(twin)
        try:
            s.wait_until(lambda: s.player.count_services("/play_motion/_action/send_goal") == 2)
            for name in ("nod", "wave", "bow"):
                s.goals.start(name, name)
                s.wait_until(lambda: not s.goals.busy)
                assert s.goals.end is not None and s.goals.end.succeeded
            s.wait_until(lambda: len(twin.goals) == len(s.server.goals) == 3)
        finally:
            s.executor.remove_node(twin)
            twin.destroy_node()
