"""Draws the scene of one moment: backdrop, people, camera and light."""

from __future__ import annotations

import math

import cv2
import numpy as np

from fer_bringup.clip.expression import put_on
from fer_bringup.clip.keyframes import at
from fer_bringup.clip.portraits import EYE_DISTANCE, Portrait, load
from fer_bringup.clip.script import CAST, DURATION, LIGHT, Light, Pose

WIDTH, HEIGHT, RATE = 640, 480, 30
"""Pixels, pixels, frames per second."""

FRAMES = round(DURATION * RATE)
"""Number of frames of the whole clip."""

_FEATHER = 14  # pixels over which a person fades at the portrait's left and right edge
_BOOKS = (  # left edge, height, BGR
    (440, 66, (96, 60, 48)),
    (468, 80, (60, 90, 150)),
    (500, 58, (80, 120, 90)),
    (530, 74, (120, 110, 60)),
    (562, 62, (70, 70, 140)),
)
_NOISE = 2.0  # standard deviation of the sensor's noise, grey levels


class Stage:
    """Renders frames; the same frame every time.

    Raises:
        InputError: a portrait is missing.
    """

    def __init__(self) -> None:
        self._people = [(_feathered(load(source)), keys) for source, keys in CAST.items()]
        self._backdrop = _backdrop()

    def frame(self, index: int) -> np.ndarray:
        """Frame ``index`` of `FRAMES`; BGR uint8 [480, 640, 3]."""
        time = index / RATE
        camera = _camera(time)
        scene = _placed(self._backdrop, camera @ _affine(1.1, 0.0, (-32, -24)))
        for number, (portrait, keys) in enumerate(self._people):
            pose = at(keys, time)
            if _in_sight(pose):
                scene = _with_person(scene, portrait, pose, camera, time + 10 * number)
        noise = np.random.default_rng(index).standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32)
        lit = _lit(scene, at(LIGHT, time)) + _NOISE * noise
        return np.clip(lit, 0, 255).astype(np.uint8)


def _in_sight(pose: Pose) -> bool:
    return -250 < pose.x < WIDTH + 280


def _with_person(
    scene: np.ndarray, portrait: Portrait, pose: Pose, camera: np.ndarray, time: float
) -> np.ndarray:
    """The scene with one more person in front."""
    right, left = portrait.eyes
    middle = (right + left) / 2
    scale = pose.eyes / EYE_DISTANCE
    sway = 0.018 * math.sin(1.3 * time) + 0.008 * math.sin(2.9 * time)
    x, y = pose.x + 3 * math.sin(0.9 * time), pose.y + 2 * math.sin(1.7 * time)
    cos, sin = scale * math.cos(sway), scale * math.sin(sway)
    shift = (x - cos * middle[0] + sin * middle[1], y - sin * middle[0] - cos * middle[1])
    matrix = camera @ _affine(scale, sway, shift)
    picture = _placed(put_on(portrait, pose.face), matrix)
    alpha = _placed(portrait.alpha, matrix)[..., None]
    return scene + alpha * (picture - scene)


def _affine(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]], [0, 0, 1]])


def _camera(time: float) -> np.ndarray:
    """A camera held by hand: slow zoom, slow pan, a little shake; float [3, 3]."""
    zoom = 1.03 + 0.03 * math.sin(0.35 * time)
    x = 6 * math.sin(0.41 * time) + 0.7 * math.sin(7.1 * time) + 0.5 * math.sin(11.3 * time)
    y = 4 * math.sin(0.53 * time + 1) + 0.6 * math.sin(6.3 * time) + 0.4 * math.sin(12.7 * time)
    return _affine(zoom, 0.0, (x + (1 - zoom) * WIDTH / 2, y + (1 - zoom) * HEIGHT / 2))


def _placed(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    placed = cv2.warpAffine(image, matrix[:2], (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    return placed.astype(np.float32)


def _lit(scene: np.ndarray, light: Light) -> np.ndarray:
    colour = light.gain * np.array([1 - 0.12 * light.warmth, 1, 1 + 0.08 * light.warmth])
    across = 1 + 0.22 * light.side * np.linspace(-1, 1, WIDTH)
    return scene * colour.astype(np.float32) * across.astype(np.float32)[:, None]


def _feathered(portrait: Portrait) -> Portrait:
    """The person fades towards the sides of the picture instead of being cut off."""
    columns = np.arange(portrait.alpha.shape[1])
    edge = np.minimum(columns, columns[::-1]) / _FEATHER
    alpha = portrait.alpha * np.clip(edge, 0, 1).astype(np.float32)
    return Portrait(portrait.image, alpha, portrait.landmarks)


def _backdrop() -> np.ndarray:
    """A room out of focus: a wall, a window, a shelf, a plant; BGR uint8 [480, 640, 3]."""
    wall = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    wall[:] = (150, 164, 172)
    cv2.rectangle(wall, (0, 400), (WIDTH, HEIGHT), (70, 92, 120), -1)
    cv2.rectangle(wall, (40, 40), (210, 300), (235, 228, 214), -1)
    cv2.rectangle(wall, (120, 40), (130, 300), (120, 130, 140), -1)
    cv2.rectangle(wall, (430, 130), (620, 144), (60, 80, 105), -1)
    for x, height, colour in _BOOKS:
        cv2.rectangle(wall, (x, 130 - height), (x + 22, 130), colour, -1)
    cv2.ellipse(wall, (320, 330), (60, 90), 0, 0, 360, (86, 130, 100), -1)
    cv2.rectangle(wall, (290, 380), (350, 440), (80, 110, 170), -1)
    return cv2.GaussianBlur(wall, (0, 0), 16)
