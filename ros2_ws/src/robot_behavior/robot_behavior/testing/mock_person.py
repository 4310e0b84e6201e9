"""Somebody in front of the camera, without a camera: stands in for perception.

By hand: ``ros2 run robot_behavior mock_person --ros-args -p label:=happy``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.node import Node

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.parameters import declare
from fer_common.qos import EVENTS, LATCHED
from fer_common.settings import setting

IMAGE_WIDTH = 640
"""Of the image that the face is said to be in, px."""


@dataclass(frozen=True)
class MockPersonParams:
    """The parameters of `MockPerson`."""

    label: str = setting(
        "", "The expression shown; empty: nobody is there.", choices=("", *LABELS, UNKNOWN)
    )
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
        states: every state of the robot's behaviour so far.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("mock_person", **options)
        params = declare(self, MockPersonParams)
        self.label, self.face_id, self.size = params.label, params.face_id, params.size
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
        self._emotions.publish(EmotionArray())

    def _show(self) -> None:
        faces = []
        if self.label:
            emotion = Emotion(face_id=self.face_id, label=self.label, confidence=0.9)
            emotion.roi.width = emotion.roi.height = round(self.size * IMAGE_WIDTH)
            faces.append(emotion)
            self._emotion.publish(emotion)
        if self.size:
            self._emotions.publish(EmotionArray(emotions=faces))

    def _on_state(self, state: BehaviorState) -> None:
        self.states.append(state)
        doing = " ".join(filter(None, (state.state, state.emotion, state.motion)))
        self.get_logger().info(f"the robot is {doing}: {state.reason}")
