"""The neighbours of the behaviour, without them: action servers, and somebody to look at.

A server with the faults that real ones have, by hand:
``ros2 run robot_behavior mock_server --ros-args -p action:=say -p mode:=reject``;
a slow one: ``-p answer_after_s:=1.5``; one that goes away while it works: ``-p mode:=die``.

Somebody in front of the camera, without a camera:
``ros2 run robot_behavior mock_person --ros-args -p label:=happy``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fer_interfaces.action import PlayMotion, Say
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future

from ec_rfernet.labels import LABELS
from fer_common.parameters import declare
from fer_common.qos import EVENTS, LATCHED
from fer_common.runner import ClosingNode
from fer_common.settings import setting
from robot_behavior.prosody import PLAIN, Prosody

_ACTIONS = {"play_motion": PlayMotion, "say": Say}

MODES = {
    "succeed": "every goal succeeds",
    "reject": "every goal is rejected",
    "abort": "every goal is aborted midway",
    "never": "goals end only when they are cancelled",
    "stubborn": "goals never end, and cannot be cancelled",
    "mute": "goals are neither accepted nor rejected",
    "die": "the server disappears midway through a goal",
}
"""What a server may do, and what that means."""


@dataclass(frozen=True)
class MockServerParams:
    """The parameters of `MockServer`."""

    action: str = setting("play_motion", "Which action to serve.", choices=tuple(_ACTIONS))
    mode: str = setting(
        "succeed",
        "; ".join(f"{name}: {meaning}" for name, meaning in MODES.items()) + ".",
        choices=tuple(MODES),
    )
    answer_after_s: float = setting(
        0.0, "Time until a goal is accepted or rejected, in seconds.", low=0.0, high=60.0
    )
    duration_s: float = setting(0.2, "Time a goal takes, in seconds.", low=0.0, high=60.0)


@dataclass
class MockGoal:
    """A goal that has reached the server.

    Attributes:
        text: the motion's name, or the sentence.
        priority: 0..255.
        locale: of the sentence; None for a motion.
        prosody: of the sentence; plain for a motion.
        outcome: rejected, running, succeeded, aborted, canceled or lost.
        came: monotonic seconds of its arrival.
        began: monotonic seconds of its acceptance; infinite before that.
        ended: monotonic seconds of its end; infinite before that.
    """

    text: str
    priority: int
    locale: str | None
    prosody: Prosody
    outcome: str
    came: float
    began: float = math.inf
    ended: float = math.inf


class MockServer(ClosingNode):
    """Serves one action and keeps a record; it lets goals overlap, so that tests see it.

    Args:
        clock: monotonic seconds.
        start_parameter_services: of `rclpy.node.Node`.
        overrides: values of `MockServerParams`.

    Attributes:
        goals: every goal so far, in the order of arrival.
        most_at_once: how many goals have been running at the same time.
        mode: see `MockServerParams`; may be changed at any time.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        start_parameter_services: bool = True,
        **overrides: Any,
    ) -> None:
        name = f"mock_{overrides.get('action', 'server')}"
        values = [Parameter(key, value=value) for key, value in overrides.items()]
        super().__init__(
            name, parameter_overrides=values, start_parameter_services=start_parameter_services
        )
        self._params, self._monotonic = declare(self, MockServerParams), clock
        self.mode = self._params.mode
        self.goals: list[MockGoal] = []
        self.most_at_once = 0
        self._sleeping: list[tuple[float, Future, ServerGoalHandle | None]] = []
        self._action = _ACTIONS[self._params.action]
        self._server: ActionServer | None = ActionServer(
            self,
            self._action,
            self._params.action,
            execute_callback=self._execute,
            goal_callback=self._on_goal,
            cancel_callback=self._on_cancel,
        )
        self.closing.callback(self._die)
        # Of its own group, so that it wakes the server up while that waits to answer.
        self.create_timer(
            0.01,
            self._wake,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    @property
    def running(self) -> list[MockGoal]:
        """The goals that have not ended yet."""
        return [goal for goal in self.goals if goal.outcome == "running"]

    @property
    def texts(self) -> list[str]:
        """What the goals so far asked for."""
        return [goal.text for goal in self.goals]

    def _die(self) -> None:
        """The server goes away, and nobody hears what becomes of its goals."""
        if self._server is None:
            return
        self._server.destroy()
        self._server = None
        for goal in self.running:
            goal.outcome, goal.ended = "lost", self._monotonic()

    async def _on_goal(self, request: Any) -> GoalResponse:
        says = self._action is Say
        text = request.text if says else request.motion
        locale = request.locale if says else None
        prosody = PLAIN
        if says:
            prosody = Prosody(request.rate, request.pitch_st, request.volume_db)
        now = self._monotonic()
        goal = MockGoal(text, request.priority, locale, prosody, "rejected", now)
        self.goals.append(goal)
        self.get_logger().info(f"{text!r}, priority {goal.priority}: {self.mode}")
        if self.mode == "mute" or self._params.answer_after_s:
            await self._sleep(math.inf if self.mode == "mute" else self._params.answer_after_s)
        if self.mode == "reject":
            return GoalResponse.REJECT
        goal.outcome, goal.began = "running", self._monotonic()
        self.most_at_once = max(self.most_at_once, len(self.running))
        return GoalResponse.ACCEPT

    def _on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        return CancelResponse.REJECT if self.mode == "stubborn" else CancelResponse.ACCEPT

    async def _execute(self, handle: ServerGoalHandle) -> Any:
        text = handle.request.text if self._action is Say else handle.request.motion
        goal = next(goal for goal in self.running if goal.text == text)
        await self._sleep(self._length_s(), handle)
        goal.ended = self._monotonic()
        if handle.is_cancel_requested:
            goal.outcome = "canceled"
            handle.canceled()
        elif self.mode == "abort":
            goal.outcome = "aborted"
            handle.abort()
        else:
            goal.outcome = "succeeded"
            handle.succeed()
        good = goal.outcome == "succeeded"
        return self._action.Result(success=good, message="" if good else f"mock {goal.outcome} it")

    def _length_s(self) -> float:
        if self.mode in ("never", "stubborn", "die"):
            return math.inf
        return self._params.duration_s / (2 if self.mode == "abort" else 1)

    async def _sleep(self, duration_s: float, handle: ServerGoalHandle | None = None) -> None:
        future: Future = Future()
        self._sleeping.append((self._monotonic() + duration_s, future, handle))
        await future

    def _wake(self) -> None:
        now = self._monotonic()
        midway = self._params.duration_s / 2
        if self.mode == "die" and any(now - goal.began > midway for goal in self.running):
            self.get_logger().info("dies")
            self._die()
        for end, future, handle in self._sleeping:
            if now >= end or (handle is not None and handle.is_cancel_requested):
                future.set_result(None)
        self._sleeping = [entry for entry in self._sleeping if not entry[1].done()]


# ----------------------------------------------------------------------
# Somebody in front of the camera.

IMAGE_WIDTH, IMAGE_HEIGHT = 640, 480
"""Of the image that the face is said to be in, px."""

_CONFIDENCE = 0.9


@dataclass(frozen=True)
class MockPersonParams:
    """The parameters of `MockPerson`."""

    label: str = setting("", "The expression shown; empty: nobody is there.")
    face_id: str = setting("somebody", "The id of the face.")
    size: float = setting(
        0.0,
        "Width of the face as a share of the image's; 0: unknown, and no emotions are published.",
        low=0.0,
        high=1.0,
    )
    rate: float = setting(20.0, "Messages per second.", low=0.1, high=100.0)


class MockPerson(Node):
    """Publishes one expression over and over, and keeps what the robot says of itself.

    Args:
        options: passed on to the node, such as ``parameter_overrides``.

    Attributes:
        label: the expression shown; may be changed at any time, empty for none.
        face_id: the id of the face; may be changed, too.
        size: see `MockPersonParams`; may be changed, too.
        labels: those of the model; may be changed, too, empty as in ``ros2 topic pub``.
        states: every state of the robot's behaviour so far.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("mock_person", **options)
        params = declare(self, MockPersonParams)
        self.label, self.face_id, self.size = params.label, params.face_id, params.size
        self.labels: tuple[str, ...] = LABELS
        self.states: list[BehaviorState] = []
        self._emotion = self.create_publisher(Emotion, "emotion", EVENTS)
        self._emotions = self.create_publisher(EmotionArray, "emotions", EVENTS)
        self.create_subscription(BehaviorState, "behavior_state", self._on_state, LATCHED)
        self.create_timer(1.0 / params.rate, self._show)

    @property
    def seen(self) -> BehaviorState:
        """The latest state of the robot's behaviour."""
        return self.states[-1] if self.states else BehaviorState()

    def leave(self) -> None:
        """Leaves the view; perception tells by an empty array."""
        self.label = ""
        self._emotions.publish(self._array([]))

    def _show(self) -> None:
        faces = [self._face()] if self.label else []
        for face in faces:
            self._emotion.publish(face)
        if self.size:
            self._emotions.publish(self._array(faces))

    def _face(self) -> Emotion:
        face = Emotion(
            face_id=self.face_id,
            label=self.label,
            confidence=_CONFIDENCE,
            labels=self.labels,
            probabilities=self._probabilities(),
        )
        face.roi.width = face.roi.height = round(self.size * IMAGE_WIDTH)
        return face

    def _probabilities(self) -> list[float]:
        """That of the label shown is its confidence, and the others share the rest."""
        if self.label not in self.labels:
            return [1.0 / len(self.labels) for _ in self.labels]
        rest = (1.0 - _CONFIDENCE) / max(len(self.labels) - 1, 1)
        return [_CONFIDENCE if label == self.label else rest for label in self.labels]

    def _array(self, faces: list[Emotion]) -> EmotionArray:
        return EmotionArray(
            image_width=IMAGE_WIDTH,
            image_height=IMAGE_HEIGHT,
            labels=self.labels,
            attended=self.face_id if faces else "",
            emotions=faces,
        )

    def _on_state(self, state: BehaviorState) -> None:
        self.states.append(state)
        doing = " ".join(filter(None, (state.state, state.emotion, state.motion)))
        self.get_logger().info(f"the robot is {doing}: {state.reason}")
