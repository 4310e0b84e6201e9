"""What is shown, as plain values: rows on named entities.

An entity is a path such as ``expression/happy``; a later row on it replaces the earlier one, or
continues its curve.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from fer_node.show import palette
from fer_node.show.palette import Colour

# The entities.

CAMERA = "camera"
PICTURE = "camera/picture"
FACES = "camera/faces"

SCENE = "scene"
ROBOT = "scene/robot"
SPEECH = "scene/robot/speech"

NOW = "now"

LOG = "log"
BEHAVIOUR = "log/behaviour"
VOICE = "log/voice"
HEALTH = "log/health"

EXPRESSION = "expression"
MOOD = "mood"
LATENCY = "latency"
RATE = "rate"

# The rows.


@dataclass(frozen=True)
class Curve:
    """How a curve over time looks; to be shown before its first point.

    Attributes:
        path: its entity.
        name: in the legend.
        colour: of the line.
        width: of the line, in points.
    """

    path: str
    name: str
    colour: Colour
    width: float = 2.0


@dataclass(frozen=True)
class CurvePoint:
    """One point of a curve."""

    path: str
    value: float


@dataclass(frozen=True)
class Cleared:
    """The entity is empty from now on; a curve is interrupted."""

    path: str


@dataclass(frozen=True)
class LogLine:
    """A line of the log.

    Attributes:
        path: whose line it is.
        text: without a line break.
        level: ``INFO``, ``WARN`` or ``ERROR``.
    """

    path: str
    text: str
    level: str = "INFO"


@dataclass(frozen=True)
class TextPage:
    """A text in Markdown."""

    path: str
    text: str


@dataclass(frozen=True)
class ShownPicture:
    """A picture as a JPEG file."""

    path: str
    jpeg: bytes


@dataclass(frozen=True)
class FaceFrame:
    """A rectangle around a face.

    Attributes:
        box: left, top, width and height, pixels of the picture.
        text: beside it.
        colour: of the line.
        strong: whether the line is thick.
    """

    box: tuple[float, float, float, float]
    text: str
    colour: Colour
    strong: bool


@dataclass(frozen=True)
class FaceFrames:
    """All rectangles in a picture."""

    path: str
    frames: tuple[FaceFrame, ...]


@dataclass(frozen=True)
class LinkPose:
    """Where something is.

    Attributes:
        path: of what is moved, with all that is below it.
        matrix: [4,4] pose in the frame of the entity above, m.
    """

    path: str
    matrix: np.ndarray


@dataclass(frozen=True)
class SpeechBubble:
    """A text in the scene, at ``place`` [3], m."""

    path: str
    text: str
    place: tuple[float, float, float]


Row = (
    Curve
    | CurvePoint
    | Cleared
    | LogLine
    | TextPage
    | ShownPicture
    | FaceFrames
    | LinkPose
    | SpeechBubble
)
"""What a message becomes."""

# The curves.

VALENCE = Curve(f"{MOOD}/valence", "valence", (79, 195, 247))
AROUSAL = Curve(f"{MOOD}/arousal", "arousal", (255, 138, 101))
LARGEST = Curve(f"{LATENCY}/largest", "largest", (255, 170, 60), 1.5)
MEDIAN = Curve(f"{LATENCY}/median", "median", (120, 220, 140))
IMAGES = Curve(f"{RATE}/images", "images per second", (171, 160, 255))

CURVES = (VALENCE, AROUSAL, LARGEST, MEDIAN, IMAGES)
"""Those that there always are; beside them there is one for each label of the model."""


def expression_curve(label: str) -> Curve:
    """The curve of the probability of a label."""
    word = re.sub(r"\W", "_", label)  # what a path may hold
    return Curve(f"{EXPRESSION}/{word}", label, palette.colour_of(label))
