"""What was perceived, as messages."""

from __future__ import annotations

from collections.abc import Sequence

from fer_interfaces.msg import Emotion, EmotionArray
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from ec_rfernet.faces.face import Box
from fer_node.perception.estimate import EmotionEstimate


def emotion(estimate: EmotionEstimate, header: Header, width: int, height: int) -> Emotion:
    """The message of one estimate.

    Args:
        estimate: see there.
        header: of the source image.
        width: of the source image, pixels.
        height: of the source image, pixels.
    """
    return Emotion(
        header=header,
        face_id=estimate.face_id,
        label=estimate.label,
        confidence=estimate.confidence,
        probabilities=estimate.probabilities,
        valence=estimate.valence,
        arousal=estimate.arousal,
        roi=_region(estimate.box, width, height),
    )


def emotions(
    estimates: Sequence[EmotionEstimate], header: Header, width: int, height: int
) -> EmotionArray:
    """The message of all estimates of one image, see `emotion`."""
    return EmotionArray(
        header=header,
        emotions=[emotion(estimate, header, width, height) for estimate in estimates],
    )


def _region(box: Box, width: int, height: int) -> RegionOfInterest:
    """The part of a box that lies within the image."""
    left, top = (round(min(max(v, 0), most)) for v, most in ((box.x, width), (box.y, height)))
    right = round(min(max(box.x + box.width, left), width))
    bottom = round(min(max(box.y + box.height, top), height))
    return RegionOfInterest(x_offset=left, y_offset=top, width=right - left, height=bottom - top)
