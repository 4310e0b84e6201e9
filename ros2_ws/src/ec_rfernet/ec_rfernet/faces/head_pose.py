"""Where a head is turned, from the six key points of its face: no network, no camera calibration.

The points are those of a rigid head under scaled orthography. The least-squares affine camera is
the linear step of POS (DeMenthon & Davis, IJCV 15, 1995), and the nearest rotation its polar
factor. How exact that is: ``python -m tests.benchmarks.head_pose``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ec_rfernet.faces.face import KEYPOINTS, Face


class HeadAngles(NamedTuple):
    """Where a head is turned, against one that faces the camera.

    The axes are the head's own, those of REP-103: x forward, y to its left, z up. The rotation is
    that about z, then about the new y, then about the new x.

    Attributes:
        yaw: to the person's own left, rad; in an unmirrored picture that is to the right.
        pitch: down, rad.
        roll: to the person's own right shoulder, rad.
    """

    yaw: float
    pitch: float
    roll: float

    @property
    def away(self) -> float:
        """Angle between where the face points and the camera, rad, 0..pi."""
        return math.acos(max(-1.0, min(1.0, math.cos(self.yaw) * math.cos(self.pitch))))


_POINTS = {
    "right_eye": (-0.5, -0.35, -0.07),
    "left_eye": (0.5, -0.35, -0.07),
    "nose": (0.0, 0.17, -0.55),
    "mouth": (0.0, 0.68, -0.37),
    "right_ear": (-1.05, -0.075, 0.53),
    "left_ear": (1.05, -0.075, 0.53),
}
"""Of a usual head, in distances of its eyes: to its left, down, and away from who looks at it.

They fit best what the detector finds in turned portraits of two people; see the benchmark."""

_SHAPE = np.array([_POINTS[name] for name in KEYPOINTS])
_INVERSE = np.linalg.pinv(_SHAPE - _SHAPE.mean(0))  # float64 [3, 6]; its rows sum to zero

_LEAST = 1e-3  # square pixels; points that lie on a line or in one place show no head


def head_pose(face: Face) -> HeadAngles | None:
    """Where a head is turned; None where its key points are in one place or on a line."""
    (ax, bx), (ay, by), (az, bz) = (_INVERSE @ face.keypoints).tolist()
    # The polar factor of the camera's rows a and b, from the square root of their products.
    aa, ab, bb = (
        ax * ax + ay * ay + az * az,
        ax * bx + ay * by + az * bz,
        bx * bx + by * by + bz * bz,
    )
    root = math.sqrt(max(aa * bb - ab * ab, 0.0))
    if not root > _LEAST:
        return None
    scale = 1 / (root * math.sqrt(aa + bb + 2 * root))
    p, q, r = (bb + root) * scale, -ab * scale, (aa + root) * scale
    ax, ay, az, bx, by, bz = (
        p * ax + q * bx, p * ay + q * by, p * az + q * bz,
        q * ax + r * bx, q * ay + r * by, q * az + r * bz,
    )  # fmt: skip
    # The face points along the negative third axis of the head; the third row is a x b.
    ahead = ax * by - ay * bx
    return HeadAngles(
        math.atan2(-az, ahead),
        math.asin(max(-1.0, min(1.0, -bz))),
        math.atan2(-bx, by),
    )
