"""What comes in is checked, and what a callback raises ends nothing; over real DDS."""

from __future__ import annotations

import math
from threading import Event, RLock, Thread

import pytest
from builtin_interfaces.msg import Time
from fer_interfaces.action import Say
from fer_interfaces.msg import BehaviorState, Emotion
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.action import ActionClient, ActionServer
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import ColorRGBA, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_common.door import LONGEST_TEXT, MOST, door_of, known_positions, refusal, seconds
from fer_common.runner import LeanExecutor, add, fast_executor
from fer_common.testing import DEADLINE_S, spin_until, spinning

# What makes no sense.


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (
            BehaviorState(reason="x" * (LONGEST_TEXT + 1)),
            "reason has 4097 characters, expected at most 4096",
        ),
        (ColorRGBA(r=math.nan), "r is nan, expected 0..1"),
        (Emotion(confidence=87.0), "confidence is 87, expected 0..1"),
        (Emotion(labels=["a", "b"], probabilities=[0.5, math.inf]), "probabilities is inf"),
        (
            JointTrajectory(points=[JointTrajectoryPoint(positions=[0.0, 1e308])]),
            "positions is 1e+308, expected -1e+09..1e+09",
        ),
        (
            JointTrajectory(points=[JointTrajectoryPoint()] * (MOST + 1)),
            "points has 2001 elements, expected at most 2000",
        ),
        (JointState(name=["neck"], position=[-1e200]), "position is -1e+200"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(message, why) -> None:
    reason = refusal(message)
    assert reason is not None
    assert why in reason.sentence


@pytest.mark.parametrize(
    "message",
    [
        Emotion(label="happy", confidence=1.0, probabilities=[0.0, 1.0]),
        ColorRGBA(r=1.0, a=1.0),
        JointState(name=["neck"], position=[math.nan], effort=[math.inf]),  # not measured
        JointTrajectory(points=[JointTrajectoryPoint(positions=[0.5] * 30)] * 500),
        Trigger.Request(),
    ],
)
def test_what_makes_sense_comes_in(message) -> None:
    assert refusal(message) is None


def test_a_stamp_may_be_anything() -> None:
    assert seconds(Time(sec=-1, nanosec=500_000_000)) == -0.5
    assert seconds(Time(sec=-(2**31), nanosec=2**32 - 1)) < 0


def test_positions_are_those_that_are_known() -> None:
    assert known_positions(["a", "b", "c"], [0.5, math.nan]) == {"a": 0.5}
    assert known_positions(["a"], []) == {}


# What a callback raises.


class Faulty(LifecycleNode):
    """Everything in it raises."""

    def __init__(self) -> None:
        super().__init__("faulty")
        door_of(self)
        self.heard: list[str] = []
        self.create_subscription(String, "topic", self._hear, 10)
        self.create_service(Trigger, "~/serve", self._raise)
        self.timer = self.create_timer(0.01, self._tick)
        self.declare_parameter("a", 1)
        self.add_on_set_parameters_callback(self._raise)
        self.ticks = 0
        self.action = ActionServer(
            self, Say, "say", self._raise, goal_callback=self._raise, cancel_callback=self._raise
        )

    def _hear(self, message: String) -> None:
        self.heard.append(message.data)
        if message.data == "exit":
            raise SystemExit(3)
        raise ValueError(f"cannot hear {message.data}")

    def _tick(self) -> None:
        self.ticks += 1
        raise OSError("too late")

    def _raise(self, *_arguments: object) -> None:
        raise RuntimeError("it is broken")

    def on_configure(self, state: object) -> TransitionCallbackReturn:
        raise KeyError("no model")

    def destroy_node(self) -> None:
        self.action.destroy()
        super().destroy_node()


@pytest.fixture(params=[LeanExecutor, fast_executor])
def scene(request):
    """A node in which everything raises, and somebody who talks to it."""
    with spinning(may_fail=True):
        executor, faulty, person = request.param(), Faulty(), Node("person")
        add(executor, faulty)
        add(executor, person)
        yield executor, faulty, person
        executor.shutdown(timeout_sec=1.0)
        faulty.destroy_node()
        person.destroy_node()


def ask(executor, person: Node, kind, name: str, request):
    client = person.create_client(kind, name)
    assert spin_until(executor, client.service_is_ready)
    future = client.call_async(request)
    assert spin_until(executor, future.done)
    return future.result()


def test_a_message_and_a_timer_that_fail_are_told_once_and_counted(scene, capfd) -> None:
    executor, faulty, person = scene
    publisher = person.create_publisher(String, "topic", 10)
    assert spin_until(executor, publisher.get_subscription_count)
    for text in ("this", "that", "exit", "more"):
        publisher.publish(String(data=text))
    assert spin_until(executor, lambda: len(faulty.heard) == 4 and faulty.ticks > 20)
    told = capfd.readouterr().err
    assert told.count("/topic: ValueError: cannot hear this") == 1
    assert "cannot hear that" not in told
    assert told.count("OSError: too late") == 1
    assert "Traceback" not in told
    assert door_of(faulty).values["callbacks failed"] >= 24
    assert "callbacks failed, last: " in door_of(faulty).findings[0].text


def test_what_makes_no_sense_does_not_get_in(scene, capfd) -> None:
    executor, faulty, person = scene
    publisher = person.create_publisher(String, "topic", 10)
    assert spin_until(executor, publisher.get_subscription_count)
    publisher.publish(String(data="x" * 200_000))
    publisher.publish(String(data="after it"))
    assert spin_until(executor, lambda: faulty.heard)
    assert faulty.heard == ["after it"]
    assert door_of(faulty).values["messages refused"] == 1
    assert "refused /topic: data has 200000 characters" in capfd.readouterr().err


def test_a_service_that_fails_answers_that_it_did(scene) -> None:
    executor, _, person = scene
    answer = ask(executor, person, Trigger, "faulty/serve", Trigger.Request())
    assert not answer.success
    assert answer.message == "RuntimeError: it is broken"


def test_parameters_that_cannot_be_judged_are_answered(scene) -> None:
    executor, _, person = scene
    request = SetParametersAtomically.Request()
    answer = ask(
        executor, person, SetParametersAtomically, "faulty/set_parameters_atomically", request
    )
    assert isinstance(answer.result, SetParametersResult)
    assert not answer.result.successful


def test_a_transition_that_fails_says_why(scene, capfd) -> None:
    executor, _, person = scene
    request = ChangeState.Request()
    request.transition.id = Transition.TRANSITION_CONFIGURE
    assert not ask(executor, person, ChangeState, "faulty/change_state", request).success
    assert "cannot configure: KeyError: 'no model'" in capfd.readouterr().err


def test_a_transition_that_is_not_possible_is_answered(scene) -> None:
    executor, _, person = scene
    request = ChangeState.Request()
    request.transition.id = Transition.TRANSITION_DEACTIVATE
    assert not ask(executor, person, ChangeState, "faulty/change_state", request).success


def test_an_action_server_whose_callbacks_fail_leaves_the_node_alive(scene) -> None:
    executor, faulty, person = scene
    client = ActionClient(person, Say, "say")
    assert spin_until(executor, client.server_is_ready)
    client.send_goal_async(Say.Goal(text="Hello!"))
    before = faulty.ticks
    assert spin_until(
        executor, lambda: "RuntimeError" in str(door_of(faulty).findings) or faulty.ticks > 500
    )
    assert spin_until(executor, lambda: faulty.ticks > before + 5)
    client.destroy()


def test_the_answer_to_a_request_may_be_handled_badly(scene, capfd) -> None:
    executor, _, person = scene
    client = person.create_client(Trigger, "faulty/serve")
    assert spin_until(executor, client.service_is_ready)

    def wrong(_future: object) -> None:
        raise ZeroDivisionError("handled badly")

    client.call_async(Trigger.Request()).add_done_callback(wrong)
    assert spin_until(executor, lambda: door_of(person).failures)
    assert "handled badly" in door_of(person).failures[0].text


def test_bytes_that_are_no_message_end_nothing(scene) -> None:
    executor, faulty, person = scene
    publisher = person.create_publisher(String, "topic", 10)
    assert spin_until(executor, publisher.get_subscription_count)
    publisher.publish(b"\x00\x01\x00\x00\xff\xff\xff\x7fMARK")
    publisher.publish(b"\x00\x01\x00\x00\x06\x00\x00\x00\xff\xfe\xc3\x28x\x00\x00\x00")
    publisher.publish(String(data="after it"))
    assert spin_until(executor, lambda: "after it" in faulty.heard)


def test_callbacks_of_two_threads_take_turns_where_there_is_a_lock() -> None:
    with spinning(lambda: Node("shared")) as (_, (node,)):
        door, inside, go_on = door_of(node), Event(), Event()
        order: list[str] = []

        def long() -> None:
            inside.set()
            go_on.wait(DEADLINE_S)
            order.append("long")

        door.turn = RLock()
        first = Thread(target=door.guarded(long, "long"))
        second = Thread(target=door.guarded(lambda: order.append("short"), "short"))
        first.start()
        assert inside.wait(DEADLINE_S)
        second.start()
        assert order == []
        go_on.set()
        for thread in (first, second):
            thread.join(DEADLINE_S)
        assert order == ["long", "short"]
