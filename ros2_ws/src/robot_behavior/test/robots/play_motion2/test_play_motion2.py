"""The bridge to play_motion2, against a stand-in that is as choosy as the original."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from fer_interfaces.action import PlayMotion
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.parameter import Parameter

from fer_common.qos import EVENTS
from fer_common.reason import Level
from fer_common.testing import DiagnosticsListener, spin_until, spinning

pytest.importorskip("play_motion2_msgs", reason="play_motion2_msgs is not installed")

from robot_behavior.robots.play_motion2.bridge import PlayMotion2Bridge
from robot_behavior.robots.play_motion2.fake_play_motion2 import FakePlayMotion2

BRIDGE = "/play_motion2_bridge"


class Client(Node):
    def __init__(self) -> None:
        super().__init__("client")
        self._action = ActionClient(self, PlayMotion, "play_motion")
        self.results: dict[str, tuple[bool, str]] = {}
        self.handles: dict[str, object] = {}
        self.bridge_is_ready = False
        self.create_subscription(DiagnosticArray, "/diagnostics", self._listen, EVENTS)

    @property
    def ready(self) -> bool:
        return self._action.server_is_ready()

    def _listen(self, message: DiagnosticArray) -> None:
        values = {pair.key: pair.value for status in message.status for pair in status.values}
        self.bridge_is_ready |= values.get("server") == "there"

    def play(self, motion: str, priority: int = 100) -> None:
        goal = PlayMotion.Goal(motion=motion, priority=priority)

        def answered(future: object) -> None:
            handle = self.handles[motion] = future.result()
            if not handle.accepted:
                self.results[motion] = (False, "rejected")
                return
            handle.get_result_async().add_done_callback(ended)

        def ended(future: object) -> None:
            result = future.result().result
            self.results[motion] = (result.success, result.message)

        self._action.send_goal_async(goal).add_done_callback(answered)

    def destroy_node(self) -> None:
        self._action.destroy()
        super().destroy_node()


def robot(**values: object):
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: FakePlayMotion2(parameter_overrides=overrides)


def started(executor: object, client: Client) -> bool:
    return spin_until(executor, lambda: client.ready and client.bridge_is_ready)


def test_a_motion_is_played_by_name() -> None:
    with spinning(robot(duration_s=0.2), PlayMotion2Bridge, Client) as (executor, nodes):
        pm2, _bridge, client = nodes
        assert started(executor, client)
        client.play("nod")
        assert spin_until(executor, lambda: "nod" in client.results)
        assert client.results["nod"] == (True, "")
        assert pm2.played == [("nod", "succeeded")]  # and no rest after a whole motion


def test_a_higher_priority_waits_for_the_end_of_what_it_preempts() -> None:
    with spinning(robot(duration_s=0.6), PlayMotion2Bridge, Client) as (executor, nodes):
        pm2, _bridge, client = nodes
        assert started(executor, client)
        client.play("nod")
        assert spin_until(executor, lambda: pm2.playing == "nod")
        client.play("home", priority=1)
        client.play("wave", priority=200)
        assert spin_until(executor, lambda: "wave" in client.results)
        assert client.results["wave"] == (True, "")
        assert client.results["home"] == (False, "rejected")
        assert "preempted" in client.results["nod"][1]
        assert pm2.played == [("nod", "cancelled"), ("wave", "succeeded")]


def test_a_cancelled_motion_is_followed_by_rest() -> None:
    with spinning(robot(duration_s=0.5), PlayMotion2Bridge, Client, DiagnosticsListener) as (
        executor,
        nodes,
    ):
        pm2, bridge, client, listener = nodes
        assert started(executor, client)
        client.play("wave")
        assert spin_until(executor, lambda: pm2.playing == "wave" and "wave" in client.handles)
        client.handles["wave"].cancel_goal_async()
        assert spin_until(executor, lambda: len(pm2.played) == 2 and bridge.is_stopped())
        assert spin_until(executor, lambda: listener.values(BRIDGE).get("goals cancelled") == "1")
        assert listener.level(BRIDGE) == Level.OK  # to be cancelled is no mishap
        assert pm2.played == [("wave", "cancelled"), ("home", "succeeded")]
        assert client.results["wave"] == (False, "cancelled")


def test_what_play_motion2_refuses_or_fails_is_told() -> None:
    with spinning(robot(duration_s=0.1), PlayMotion2Bridge, Client) as (executor, nodes):
        pm2, _bridge, client = nodes
        assert started(executor, client)
        client.play("moonwalk")
        assert spin_until(executor, lambda: "moonwalk" in client.results)
        assert client.results["moonwalk"] == (
            False,
            "play_motion2 rejected it: unknown, or busy with another motion",
        )
        pm2.fault = "joint 3 is hot"
        client.play("nod")
        assert spin_until(executor, lambda: "nod" in client.results)
        assert client.results["nod"] == (False, "joint 3 is hot")
        client.play("")
        assert spin_until(executor, lambda: "" in client.results)
        assert client.results[""] == (False, "the motion has no name")


def test_a_play_motion2_that_dies_is_told_and_the_stop_rests() -> None:
    with spinning(robot(duration_s=5.0), PlayMotion2Bridge, Client) as (executor, nodes):
        pm2, bridge, client = nodes
        assert started(executor, client)
        client.play("wave")
        assert spin_until(executor, lambda: pm2.playing == "wave")
        bridge.begin_stop()
        assert spin_until(executor, lambda: pm2.playing == "home")
        assert client.results["wave"] == (False, "the bridge to play_motion2 stops")
        executor.remove_node(pm2)
        pm2.destroy_node()
        assert spin_until(executor, bridge.is_stopped)


def test_a_motion_that_takes_too_long_is_cut_short_and_followed_by_rest() -> None:
    def bridge() -> PlayMotion2Bridge:
        return PlayMotion2Bridge(parameter_overrides=[Parameter("longest_s", value=1.0)])

    with spinning(robot(duration_s=1.6), bridge, Client) as (executor, nodes):
        pm2, _, client = nodes
        assert started(executor, client)
        client.play("wave")
        assert spin_until(executor, lambda: "wave" in client.results)
        assert client.results["wave"] == (False, "took longer than 1 s")
        assert spin_until(executor, lambda: pm2.playing == "home")
        assert pm2.played == [("wave", "cancelled")]


def test_a_play_motion2_that_does_not_stop_is_given_up() -> None:
    now = [0.0]
    with spinning(
        robot(duration_s=60.0), lambda: PlayMotion2Bridge(clock=lambda: now[0]), Client
    ) as (executor, nodes):
        pm2, _, client = nodes
        assert started(executor, client)
        pm2.stubborn = True
        client.play("wave")
        assert spin_until(executor, lambda: pm2.playing == "wave" and "wave" in client.handles)
        client.play("nod", priority=200)
        assert spin_until(executor, lambda: "wave" in client.results)
        now[0] += 6.0
        assert spin_until(executor, lambda: "nod" in client.results)
        given_up = "play_motion2 did not stop 'wave' within 5 s"
        assert client.results["nod"] == (False, given_up)
        assert pm2.played == []
