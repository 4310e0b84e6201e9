"""How small a face is still found, by the detector in use and by the one that was not chosen.

python -m tests.benchmarks.smallest_face
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ec_rfernet.faces.mediapipe_detector import MediaPipeDetector
from fer_bringup.clip.portraits import EYE_DISTANCE, Portrait
from tests.benchmarks.scene import heads, put, room

_SIZE = (640, 480)
_PLACES = 12  # per person
_ENOUGH = 0.9  # share of the faces that must be found
_EYES = np.geomspace(60, 5, 30)  # distances between the eyes, pixels

Finder = Callable[[np.ndarray], Sequence[tuple[float, float]]]
"""(x of the middle, width) of the faces in a BGR image, pixels."""

Shown = tuple[Portrait, tuple[float, float]]
"""Who, and where the middle of the face is."""


def smallest_faces(people: Sequence[Portrait]) -> dict[str, float]:
    """For each detector the width of the smallest face that it finds in 640x480, pixels.

    That is, the width down to which it finds nine faces of ten at random places.
    """
    rng = np.random.default_rng(7)
    shown = [
        (person, tuple(rng.uniform(0.25, 0.75, 2) * _SIZE))
        for person in people
        for _ in range(_PLACES)
    ]
    return {name: _smallest(finder, shown) for name, finder in _finders().items()}


def _smallest(finder: Finder, shown: Sequence[Shown]) -> float:
    eyes_found = 0.0
    # Boxes of small faces are coarse: their width follows from that of the large ones.
    widths = [_found(finder, each, _EYES[0]) for each in shown]
    for eyes in _EYES:
        if np.mean([_found(finder, each, eyes) > 0 for each in shown]) < _ENOUGH:
            break
        eyes_found = eyes
    return eyes_found * float(np.median(widths)) / _EYES[0]


def _found(finder: Finder, shown: Shown, eyes: float) -> float:
    """The width of the face; 0 when it is not found."""
    person, place = shown
    image = room(*_SIZE)
    put(image, person, place, eyes / EYE_DISTANCE)
    return next((width for x, width in finder(image) if abs(x - place[0]) < eyes), 0.0)


def _finders() -> dict[str, Finder]:
    detector = MediaPipeDetector()
    from mediapipe.python.solutions.face_detection import FaceDetection

    short = FaceDetection(min_detection_confidence=0.5, model_selection=0)

    def find(image: np.ndarray) -> list[tuple[float, float]]:
        return [(face.box.center[0], face.box.width) for face in detector.detect(image)]

    def find_short(image: np.ndarray) -> list[tuple[float, float]]:
        found = short.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).detections or ()
        boxes = [each.location_data.relative_bounding_box for each in found]
        return [(_SIZE[0] * (box.xmin + box.width / 2), _SIZE[0] * box.width) for box in boxes]

    return {"in use": find, "short range": find_short}


if __name__ == "__main__":
    print(json.dumps(smallest_faces(heads())), flush=True)
