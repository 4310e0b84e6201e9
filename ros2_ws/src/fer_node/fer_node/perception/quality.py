"""Whether a view of a face is good enough to be judged."""

from __future__ import annotations

import numpy as np

from ec_rfernet.faces.face import KEYPOINTS, Face

_RIGHT_EYE, _LEFT_EYE, _NOSE = (KEYPOINTS.index(k) for k in ("right_eye", "left_eye", "nose"))

_MOST_TURNED = 0.5
"""The nose is then below one of the eyes, at about 40 degrees of yaw, and half the face
is hidden. Hardly any image of FER2013 is turned so far, and of those most are misjudged."""

_LEAST_CONTRAST = 8.0
"""Standard deviation of the grey values of a crop. Only one in a thousand of FER2013's
images has less than 17; flattened to 8, they are judged right ten points less often."""


def view_flaw(face: Face, min_face_px: float) -> str:
    """Why the face is too small, or turned away too far; empty when it is neither.

    Args:
        face: with its key points.
        min_face_px: least width of the box, pixels.
    """
    if face.box.width < min_face_px:
        return "too small"
    if abs(turn(face)) > _MOST_TURNED:
        return "turned away"
    return ""


def crop_flaw(crop: np.ndarray) -> str:
    """Why an aligned crop, uint8 [S, S], shows no expression; empty when it does."""
    return "too dark" if crop.std() < _LEAST_CONTRAST else ""


def turn(face: Face) -> float:
    """How far the head is turned sideways, seen in the picture.

    Returns:
        Distance of the nose from the middle between the eyes, along the line of the
        eyes and in eye distances: 0 is frontal, 0.5 is below the person's left eye.
    """
    right, left = face.keypoints[_RIGHT_EYE], face.keypoints[_LEFT_EYE]
    across = left - right
    length = float(across @ across)
    if length == 0.0:
        return float("inf")
    return float((face.keypoints[_NOSE] - (right + left) / 2) @ across) / length
