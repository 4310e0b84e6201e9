"""The ROS node of the terminal view: listens to the public topics, keeps the journal."""

from __future__ import annotations

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray, HoldState
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import String

from fer_bringup.journal import Journal, Screen
from fer_common.camera import IMAGES_EXPECTED
from fer_common.diagnostics import Report, node_of
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.door import LONGEST_TEXT, seconds
from fer_common.qos import EVENTS, LATCHED
from robot_behavior.motion.library import REST
from robot_behavior.robots.sign_of_life import HELD

_PERIOD_S = 0.1
_OTHERS = ("motion_player", "sim_robot", "robot_bridge", "speech_node", "stop_keeper")


class ViewNode(Node):
    """Shows what goes on; the robot works the same without it.

    Args:
        screen: drawn upon ten times a second, and told of changes.
        options: for `rclpy.node.Node`.
    """

    def __init__(self, screen: Screen, **options: Any) -> None:
        super().__init__("robot_view", **options)
        self.journal = Journal(time.monotonic, screen)
        self._screen = screen
        self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS)
        self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS)
        self.create_subscription(BehaviorState, "behavior_state", self._on_behaviour, LATCHED)
        self.create_subscription(HoldState, HELD, self._on_held, LATCHED)
        self.create_subscription(String, "speech", self._on_speech, EVENTS)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, EVENTS)
        self._perception = self.resolve_topic_name("fer_node")
        self._player = self.resolve_topic_name("motion_player")
        self._others = {self.resolve_topic_name(name) for name in _OTHERS}
        self._fails: dict[str, int] = {}  # of each status, how often in a row
        DiagnosticsPublisher(self, "view", lambda: Report("shows what goes on"))
        self.create_timer(_PERIOD_S, self._draw, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_emotions(self, message: EmotionArray) -> None:
        latency = self.get_clock().now().nanoseconds * 1e-9 - seconds(message.header.stamp)
        self.journal.image(len(message.emotions), latency, message.labels)

    def _on_emotion(self, message: Emotion) -> None:
        self.journal.expression(
            message.label, message.confidence, message.labels, message.probabilities
        )

    def _on_behaviour(self, message: BehaviorState) -> None:
        # In a message, an empty text stands for what there is not.
        what = (message.emotion, message.motion, message.speech, message.reason)
        self.journal.behaviour(message.state, *(text or None for text in what))

    def _on_held(self, message: HoldState) -> None:
        self.journal.stopped(message.text or None)

    def _on_speech(self, message: String) -> None:
        self.journal.said(message.data[:LONGEST_TEXT] or None)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            node, is_well = node_of(status.name), status.level == DiagnosticStatus.OK
            if node == self._perception:
                self.journal.problem(None if is_well else status.message)
                told = {pair.key: pair.value for pair in status.values}
                self.journal.expects_images(told.get(IMAGES_EXPECTED) != "no")
            elif node in self._others:
                self._look_at(node, status)

    def _look_at(self, node: str, status: DiagnosticStatus) -> None:
        """What another part of the robot says of itself; a fault of one moment is none."""
        fails = status.level == DiagnosticStatus.ERROR
        self._fails[status.name] = self._fails.get(status.name, 0) + 1 if fails else 0
        if not fails or self._fails[status.name] > 1:
            name = node.rpartition("/")[2]
            self.journal.trouble(name, status.message if fails else None)
        if node == self._player:
            told = {pair.key: pair.value for pair in status.values}
            motion = told.get("motion", "none")
            self.journal.plays(None if motion in ("none", REST) else motion)

    def _draw(self) -> None:
        self._screen.draw(self.journal)
