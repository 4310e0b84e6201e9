"""Faces in pictures: what finds them, where they are, and how they are cut out.

A detector of another package is registered with an entry point of the group
``ec_rfernet.detectors``, see `ec_rfernet.registry`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ec_rfernet.registry import Registry

if TYPE_CHECKING:
    from ec_rfernet.faces.face import FaceDetector

DETECTORS: Registry[Callable[[float], FaceDetector]] = Registry(
    "detector",
    "ec_rfernet.detectors",
    {
        "blazeface": "ec_rfernet.faces.blazeface:BlazeFaceDetector",
        "mediapipe": "ec_rfernet.faces.mediapipe_detector:MediaPipeDetector",
    },
    makes=lambda made: callable(getattr(made, "detect", None)),
)
"""Makers of a detector that drops faces below a score, 0..1: ``DETECTORS.get(name)(0.5)``.

To make one raises `InputError` where what it needs is not installed, with what to install.
"""

DEFAULT_DETECTOR = "blazeface"
"""What the robot uses unless it is told otherwise."""

LEAST_SCORE = 0.6
"""What it is asked for where nobody says otherwise."""

__all__ = ["DEFAULT_DETECTOR", "DETECTORS", "LEAST_SCORE"]
