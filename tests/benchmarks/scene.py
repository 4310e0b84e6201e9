"""Pictures of a room with a known number of people, and how small their faces may be.

python -m tests.benchmarks.scene     # the smallest face that is found, and how quickly, as JSON
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces import DETECTORS
from ec_rfernet.faces.blazeface import SHORT, BlazeFaceDetector
from fer_bringup.clip.portraits import COLLINS, EYE_DISTANCE, HOPPER, Portrait, load

_GRID = {1: (1, 1), 3: (3, 1), 10: (5, 2)}  # columns, rows
_EYES = {1: 0.07, 3: 0.07, 10: 0.05}  # distance between the eyes, share of the image's width
_SWAY = 0.009  # how far a face moves from its place, share of the image's width


def heads() -> tuple[Portrait, ...]:
    """The two people, cut off below the chin.

    Raises:
        InputError: a portrait is not installed.
    """
    return tuple(_head(load(source)) for source in (COLLINS, HOPPER))


def frames(
    people: Sequence[Portrait], width: int, height: int, faces: int, count: int
) -> np.ndarray:
    """A film that can be repeated without a jump: everybody moves in a small circle.

    Args:
        people: who is shown, in turn.
        width: pixels.
        height: pixels.
        faces: 1, 3 or 10.
        count: number of frames.

    Returns:
        BGR uint8 [count, height, width, 3].
    """
    film = np.empty((count, height, width, 3), np.uint8)
    background = room(width, height)
    columns, rows = _GRID[faces]
    scale = _EYES[faces] * width / EYE_DISTANCE
    crowd = list(islice(cycle(people), faces))
    for index in range(count):
        film[index] = background
        for number, person in enumerate(crowd):
            angle = 2 * math.pi * index / count + number
            x = (number % columns + 0.5) * width / columns + _SWAY * width * math.cos(angle)
            y = (number // columns + 0.5) * height / rows + _SWAY * width * math.sin(angle)
            put(film[index], person, (x, y), scale)
    return film


def put(image: np.ndarray, person: Portrait, place: tuple[float, float], scale: float) -> None:
    """Draws a person into an image.

    Args:
        image: BGR uint8 [H, W, 3]; changed.
        person: who.
        place: where the middle of the face comes, (x, y) pixels.
        scale: 1 leaves `EYE_DISTANCE` pixels between the eyes.
    """
    height, width = image.shape[:2]
    shift = np.asarray(place) - scale * person.landmarks.mean(0)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    # Only where the person is: the rest of a large image would take most of the time.
    size = scale * np.array(person.image.shape[1::-1])
    left, top = np.floor(np.maximum(shift, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(shift + size, (width, height))).astype(int)
    matrix[:, 2] -= (left, top)
    part = (int(right - left), int(bottom - top))
    picture = cv2.warpAffine(person.image, matrix, part, flags=cv2.INTER_AREA)
    alpha = cv2.warpAffine(person.alpha, matrix, part, flags=cv2.INTER_AREA)[..., None]
    behind = image[top:bottom, left:right]
    behind[:] = np.rint(behind + alpha * (picture.astype(np.float32) - behind)).astype(np.uint8)


def _head(person: Portrait) -> Portrait:
    low, high = person.landmarks.min(0), person.landmarks.max(0)
    margin = 0.6 * (high - low)
    start = np.maximum(low - margin, 0).astype(int)
    end = np.ceil(high + margin * (1, 0.3)).astype(int)
    area = slice(start[1], end[1]), slice(start[0], end[0])
    image, alpha = person.image[area], person.alpha[area]
    moved = person.landmarks - start.astype(np.float32)
    return replace(person, image=image, alpha=alpha, landmarks=moved)


def room(width: int, height: int) -> np.ndarray:
    """A wall with a window and a texture, so that a JPEG has something to do."""
    rng = np.random.default_rng(1)
    coarse = rng.normal(0, 12, (height // 40, width // 40)).astype(np.float32)
    fine = rng.normal(0, 2, (height, width, 3)).astype(np.float32)
    wall = fine + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    wall += np.linspace(170, 120, height, dtype=np.float32)[:, None, None]
    window = (width // 12, height // 10), (width // 4, height // 2)
    cv2.rectangle(wall, *window, (215, 205, 195), -1)
    return np.clip(wall, 0, 255).astype(np.uint8)


# How small a face is still found, by the detector in use and by the one that was not chosen.

_SIZE = (640, 480)
_PLACES = 12  # per person
_ENOUGH = 0.9  # share of the faces that must be found
_DISTANCES = np.geomspace(60, 5, 30)  # distances between the eyes, pixels

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
    widths = [_found(finder, each, _DISTANCES[0]) for each in shown]
    for eyes in _DISTANCES:
        if np.mean([_found(finder, each, eyes) > 0 for each in shown]) < _ENOUGH:
            break
        eyes_found = eyes
    return eyes_found * float(np.median(widths)) / _DISTANCES[0]


def _found(finder: Finder, shown: Shown, eyes: float) -> float:
    """The width of the face; 0 when it is not found."""
    person, place = shown
    image = room(*_SIZE)
    put(image, person, place, eyes / EYE_DISTANCE)
    return next((width for x, width in finder(image) if abs(x - place[0]) < eyes), 0.0)


def _finders() -> dict[str, Finder]:
    return {
        "in use": _finder(BlazeFaceDetector()),
        "short range": _finder(BlazeFaceDetector(network=SHORT)),
    }


def _finder(detector: BlazeFaceDetector) -> Finder:
    return lambda image: [(face.box.center[0], face.box.width) for face in detector.detect(image)]


# How long a detection takes, by each detector that is installed.

_ROUNDS, _IMAGES = 20, 10


def detection_ms(people: Sequence[Portrait]) -> dict[str, float]:
    """Median milliseconds of processor time of one detection in 640x480 with one face, on one core.

    The detectors take turns, so that all of them suffer from whatever else this machine does.
    """
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before any of them makes threads
    cv2.setNumThreads(1)
    detectors = {}
    for name in DETECTORS.names:
        try:
            detectors[name] = DETECTORS.get(name)(0.5)
        except InputError:
            continue  # not installed
    film = frames(people, *_SIZE, faces=1, count=_IMAGES)
    spent: dict[str, list[float]] = {name: [] for name in detectors}
    for _ in range(_ROUNDS):
        for name, detector in detectors.items():
            for image in film:
                begin = time.process_time()
                detector.detect(image)
                spent[name].append(1000 * (time.process_time() - begin))
    return {name: float(np.median(times)) for name, times in spent.items()}


if __name__ == "__main__":
    told = {"detection_ms": detection_ms(heads()), "smallest_face_px": smallest_faces(heads())}
    print(json.dumps(told), flush=True)
