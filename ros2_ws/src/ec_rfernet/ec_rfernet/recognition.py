"""Faces and their expressions in single pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ec_rfernet.bundle import Bundle
from ec_rfernet.faces.face import Face, FaceDetector
from ec_rfernet.faces.framing import align
from ec_rfernet.labels import UNKNOWN
from ec_rfernet.runtimes.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Recognition:
    """One face of a picture.

    Attributes:
        face: where it is.
        label: the likeliest expression, or ``unknown`` below the reject threshold.
        probabilities: float32 [K], calibrated, in the order of the bundle's labels.
    """

    face: Face
    label: str
    probabilities: np.ndarray


def recognise(
    image: np.ndarray, detector: FaceDetector, classifier: Classifier
) -> list[Recognition]:
    """All faces of a BGR image uint8 [H, W, 3], most confidently detected first."""
    bundle = classifier.bundle
    faces = detector.detect(image)
    crops = np.empty((len(faces), bundle.input_size, bundle.input_size), np.uint8)
    for crop, face in zip(crops, faces, strict=True):
        crop[:] = align(image, face, bundle.framing, bundle.input_size)
    return [
        Recognition(face, _label(row, bundle), row)
        for face, row in zip(faces, classifier.probabilities(crops), strict=True)
    ]


def _label(probabilities: np.ndarray, bundle: Bundle) -> str:
    best = int(probabilities.argmax())
    return bundle.labels[best] if probabilities[best] >= bundle.reject_threshold else UNKNOWN
