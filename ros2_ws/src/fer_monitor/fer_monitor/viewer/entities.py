"""The entities of the viewer, and the curves among them."""

from __future__ import annotations

from dataclasses import dataclass

from ec_rfernet.labels import LABELS
from fer_monitor.viewer.rows import Colour
from fer_node.show.palette import COLOURS

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


@dataclass(frozen=True)
class Curve:
    """A curve over time.

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


EXPRESSIONS = tuple(Curve(f"{EXPRESSION}/{label}", label, COLOURS[label]) for label in LABELS)
"""The seven probabilities, in the order of `ec_rfernet.labels.LABELS`."""

VALENCE = Curve(f"{MOOD}/valence", "valence", (79, 195, 247))
AROUSAL = Curve(f"{MOOD}/arousal", "arousal", (255, 138, 101))
LARGEST = Curve(f"{LATENCY}/largest", "largest", (255, 170, 60), 1.5)
MEDIAN = Curve(f"{LATENCY}/median", "median", (120, 220, 140))
IMAGES = Curve(f"{RATE}/images", "images per second", (171, 160, 255))

CURVES = (*EXPRESSIONS, VALENCE, AROUSAL, LARGEST, MEDIAN, IMAGES)
"""All of them."""
