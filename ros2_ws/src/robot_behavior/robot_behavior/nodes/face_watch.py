"""The robot's face as its topics tell it, for whoever draws it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from geometry_msgs.msg import PointStamped
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Float32, String

from fer_common.qos import LATCHED, STREAM
from robot_behavior.body.eyes import Light, light
from robot_behavior.body.face import ASLEEP, NEUTRAL, Gaze, LivingFace, Look

SILENT_S = 2.0
"""A robot whose eyes have told nothing for so long is not there: its face sleeps."""

QUIET_S = 0.5
"""A mouth that is not heard of for so long is closed."""


class FaceWatch:
    """Listens to ``expression``, ``eyes``, ``mouth`` and ``look_at``, all of them optional.

    Args:
        node: whose subscriptions they are.
        clock: monotonic seconds.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._face = clock, LivingFace()
        self._expression = NEUTRAL
        self._light: Light = light(0.0, "idle", blinks=False)
        self._mouth, self._gaze = 0.0, (0.0, 0.0)
        self._shone = self._moved = -math.inf
        node.create_subscription(String, "expression", self._on_expression, LATCHED)
        node.create_subscription(ColorRGBA, "eyes", self._on_eyes, LATCHED)
        node.create_subscription(Float32, "mouth", self._on_mouth, STREAM)
        node.create_subscription(PointStamped, "look_at", self._on_look_at, LATCHED)

    def look(self) -> Look:
        """The face now."""
        now = self._clock()
        is_there = now - self._shone <= SILENT_S
        self._face.show(self._expression if is_there else ASLEEP, now)
        mouth = self._mouth if now - self._moved <= QUIET_S else 0.0
        return Look(self._face.shape(now), self._light, mouth, self._gaze)

    def _on_expression(self, message: String) -> None:
        self._expression = message.data

    def _on_eyes(self, message: ColorRGBA) -> None:
        told = tuple(map(_share, (message.r, message.g, message.b, message.a)))
        red, green, blue, openness = told
        self._light, self._shone = (red, green, blue, openness), self._clock()

    def _on_mouth(self, message: Float32) -> None:
        self._mouth, self._moved = _share(message.data), self._clock()

    def _on_look_at(self, message: PointStamped) -> None:
        self._gaze = gaze(message.point.x, message.point.y, message.point.z)


def gaze(x: float, y: float, z: float) -> Gaze:
    """Where eyes look that look at a point: ahead, to the left and up, in any unit."""
    if not all(map(math.isfinite, (x, y, z))) or x <= 0.0:
        return 0.0, 0.0
    return math.atan2(y, x), math.atan2(z, math.hypot(x, y))


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0
