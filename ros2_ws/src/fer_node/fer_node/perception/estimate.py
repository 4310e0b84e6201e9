"""What the robot knows about one face in one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ec_rfernet.faces.face import Box


@dataclass(frozen=True, eq=False)
class EmotionEstimate:
    """The expression of one tracked face.

    Attributes:
        face_id: of its `Track`.
        label: one of `ec_rfernet.labels.LABELS`, or `UNKNOWN`.
        confidence: probability of the label, 0..1; when `UNKNOWN`, of the likeliest.
        probabilities: float32 [7], smoothed, in the order of `LABELS`, summing to 1.
        valence: derived from the probabilities, -1..1.
        arousal: derived from the probabilities, -1..1.
        box: of the face, pixels of the image.
        flaw: why this view of the face could not be judged; empty when it could.
        score: how sure the detector was that this is a face, 0..1.
    """

    face_id: str
    label: str
    confidence: float
    probabilities: np.ndarray
    valence: float
    arousal: float
    box: Box
    flaw: str = ""
    score: float = 1.0
