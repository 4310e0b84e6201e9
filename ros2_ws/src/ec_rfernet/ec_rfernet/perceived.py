"""What was perceived in one image: the people in it, how they look, and who looks at the robot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from ec_rfernet.faces.face import Box
from ec_rfernet.faces.head_pose import HeadAngles
from ec_rfernet.labels import LABELS


class EngagementLevel(IntEnum):
    """Whether a person looks at the robot, with the numbers of ``hri_msgs/EngagementLevel``."""

    UNKNOWN = 0
    DISENGAGED = 1
    ENGAGING = 2
    ENGAGED = 3
    DISENGAGING = 4

    @property
    def engaged(self) -> bool:
        """Whether the person is engaged, or has only just looked away."""
        return self in (EngagementLevel.ENGAGED, EngagementLevel.DISENGAGING)


@dataclass(frozen=True, eq=False)
class EmotionEstimate:
    """The expression of one tracked face.

    Attributes:
        face_id: of its track; empty where faces are not followed.
        label: one of the model's, or `UNKNOWN`.
        confidence: probability of the label, 0..1; when `UNKNOWN`, of the likeliest.
        probabilities: float32 [K], smoothed, in the order of the model's labels (see
            `Perceived.labels`), summing to 1.
        valence: derived from the probabilities, -1..1.
        arousal: derived from the probabilities, -1..1.
        box: of the face, pixels of the image.
        flaw: why this view of the face could not be judged; None when it could.
        score: how sure the detector was that this is a face, 0..1.
        head: where the head is turned; None where that is not known.
        engagement: whether the person looks at the robot.
    """

    face_id: str
    label: str
    confidence: float
    probabilities: np.ndarray
    valence: float
    arousal: float
    box: Box
    flaw: str | None = None
    score: float = 1.0
    head: HeadAngles | None = None
    engagement: EngagementLevel = EngagementLevel.UNKNOWN

    def as_dict(self, labels: Sequence[str]) -> dict[str, Any]:
        """As JSON writes it: boxes in pixels, angles in rad, None for what is not known.

        Args:
            labels: of the model, in its order.
        """
        box = self.box
        rounded = [round(float(share), 4) for share in self.probabilities]
        return {
            "face_id": self.face_id or None,
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "probabilities": dict(zip(labels, rounded, strict=True)),
            "valence": round(self.valence, 4),
            "arousal": round(self.arousal, 4),
            "head": self.head and {k: round(v, 4) for k, v in self.head._asdict().items()},
            "engagement": self.engagement.name.lower() if self.engagement else None,
            "box": {k: round(float(getattr(box, k)), 1) for k in ("x", "y", "width", "height")},
            "score": round(float(self.score), 4),
            "flaw": self.flaw,
        }


@dataclass(frozen=True)
class Perceived:
    """What was perceived in one image.

    Attributes:
        estimates: one for each face in the image.
        attended: id of the attended face, also while it is lost for a moment.
        followed: ids of all faces that are followed, also of those lost for a moment; sorted.
        labels: of the model, in its order.
    """

    estimates: tuple[EmotionEstimate, ...] = ()
    attended: str | None = None
    followed: tuple[str, ...] = ()
    labels: tuple[str, ...] = LABELS

    @property
    def focus(self) -> EmotionEstimate | None:
        """The estimate of the attended face, if it is in this image."""
        for estimate in self.estimates:
            if estimate.face_id == self.attended:
                return estimate
        return None
