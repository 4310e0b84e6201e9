"""What happens in the clip, and the pictures of it: backdrop, people, camera and light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import cv2
import numpy as np

from fer_bringup.clip.portraits import (
    AT_REST,
    COLLINS,
    EYE_DISTANCE,
    HOPPER,
    Expression,
    Photograph,
    Portrait,
    load,
    put_on,
)

# What happens in the clip: who comes, what their faces do, how the light changes.

DURATION = 45.0
"""Seconds."""


@dataclass(frozen=True)
class HeadPose:
    """Where a person is and what the face does.

    Attributes:
        x: middle between the eyes, pixels from the left of the frame.
        y: likewise from the top.
        eyes: distance between the eyes in pixels, that is, how near the person stands.
        face: the expression.
    """

    x: float
    y: float
    eyes: float
    face: Expression = AT_REST

    def towards(self, other: HeadPose, share: float) -> HeadPose:
        """``share`` (0..1) of the way to another pose."""
        return HeadPose(
            self.x + share * (other.x - self.x),
            self.y + share * (other.y - self.y),
            self.eyes + share * (other.eyes - self.eyes),
            self.face.towards(other.face, share),
        )


@dataclass(frozen=True)
class RoomLight:
    """The light in the room.

    Attributes:
        gain: brightness, 1 leaves pictures as they are.
        warmth: -1 (bluish) .. 1 (yellowish).
        side: -1 (from the left) .. 1 (from the right).
    """

    gain: float = 1.0
    warmth: float = 0.0
    side: float = 0.0

    def towards(self, other: RoomLight, share: float) -> RoomLight:
        """``share`` (0..1) of the way to another light."""
        return RoomLight(
            self.gain + share * (other.gain - self.gain),
            self.warmth + share * (other.warmth - self.warmth),
            self.side + share * (other.side - self.side),
        )


_SMILE = Expression(cheek_raiser=0.8, lip_corner_puller=1.1)
_BROADER = Expression(cheek_raiser=0.3, lip_corner_puller=0.35)
_COMPOSED = Expression(lip_corner_puller=0.25, upper_lid_raiser=0.3)
_SAD = Expression(inner_brow_raiser=1.1, lip_corner_depressor=1.1, chin_raiser=0.6)
_SURPRISED = Expression(
    inner_brow_raiser=1.1,
    outer_brow_raiser=1.1,
    upper_lid_raiser=1.2,
    lip_corner_puller=-0.5,
    jaw_drop=0.75,
)

_COLLINS_OUT, _COLLINS = HeadPose(-260, 190, 66), HeadPose(300, 185, 70)
_COLLINS_BESIDE = HeadPose(130, 205, 58)
_HOPPER_OUT, _HOPPER = HeadPose(930, 205, 74, _COMPOSED), HeadPose(390, 190, 78, _COMPOSED)

CAST: dict[Photograph, tuple[tuple[float, HeadPose], ...]] = {
    COLLINS: (
        (1.5, _COLLINS_OUT),
        (3.0, _COLLINS),
        (5.0, replace(_COLLINS, eyes=76, face=_BROADER)),
        (11.5, replace(_COLLINS, x=320)),
        (13.0, _COLLINS_OUT),
        (19.7, _COLLINS_OUT),  # the robot has said goodbye, and greets both
        (21.2, _COLLINS_BESIDE),
        (36.0, _COLLINS_BESIDE),
        (38.0, replace(_COLLINS_BESIDE, face=_BROADER)),
        (41.0, _COLLINS_BESIDE),
        (42.5, _COLLINS_OUT),
    ),
    HOPPER: (
        (19.3, _HOPPER_OUT),
        (20.8, _HOPPER),
        (23.0, _HOPPER),
        (23.7, replace(_HOPPER, face=_SAD)),
        (29.8, replace(_HOPPER, x=380, eyes=82, face=_SAD)),
        (30.5, replace(_HOPPER, face=_COMPOSED)),
        (31.2, _HOPPER),
        (31.6, replace(_HOPPER, face=_SURPRISED)),
        (35.8, replace(_HOPPER, eyes=80, face=_SURPRISED)),
        (36.4, _HOPPER),
        (36.8, _HOPPER),
        (37.5, replace(_HOPPER, face=_SMILE)),
        (41.0, replace(_HOPPER, face=_SMILE)),
        (42.5, _HOPPER_OUT),
    ),
}
"""The people, in the order in which they are drawn, and their key poses."""

LIGHT: tuple[tuple[float, RoomLight], ...] = (
    (0.0, RoomLight(0.85)),
    (3.0, RoomLight(1.05, 0.3, -0.5)),
    (9.0, RoomLight(1.0, -0.2, 0.6)),
    (14.5, RoomLight(0.7, -0.4)),
    (17.0, RoomLight(1.0, 0.0, 0.4)),
    (22.0, RoomLight(0.8, -0.5, 0.7)),
    (26.0, RoomLight(1.12, 0.1, -0.3)),
    (32.0, RoomLight(0.95, 0.4, -0.6)),
    (38.0, RoomLight(1.05, 0.2, 0.2)),
    (45.0, RoomLight(0.8)),
)
"""Key moments of the light."""


# Values that change over time, given at a few moments.


class Blendable(Protocol):
    """What can be mixed with another of its kind."""

    def towards(self: T, other: T, share: float) -> T:
        """``share`` (0..1) of the way to ``other``."""
        ...


T = TypeVar("T", bound=Blendable)


def at(keys: Sequence[tuple[float, T]], time: float) -> T:
    """The value at a moment: eased between the keys, constant before and after them.

    Args:
        keys: (seconds, value), times rising; at least one.
        time: seconds.
    """
    before = keys[0]
    for key in keys:
        if key[0] > time:
            if key is keys[0]:
                return key[1]
            share = (time - before[0]) / (key[0] - before[0])
            return before[1].towards(key[1], share * share * (3 - 2 * share))
        before = key
    return before[1]


# The picture.

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


class Scene:
    """Renders frames; the same frame every time.

    Raises:
        InputError: a portrait is missing.
    """

    def __init__(self) -> None:
        self._people = [(_feathered(load(photograph)), keys) for photograph, keys in CAST.items()]
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


def _in_sight(pose: HeadPose) -> bool:
    return -250 < pose.x < WIDTH + 280


def _with_person(
    scene: np.ndarray, portrait: Portrait, pose: HeadPose, camera: np.ndarray, time: float
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


def _lit(scene: np.ndarray, light: RoomLight) -> np.ndarray:
    colour = light.gain * np.array([1 - 0.12 * light.warmth, 1, 1 + 0.08 * light.warmth])
    across = 1 + 0.22 * light.side * np.linspace(-1, 1, WIDTH)
    return scene * colour.astype(np.float32) * across.astype(np.float32)[:, None]


def _feathered(portrait: Portrait) -> Portrait:
    """The person fades towards the sides of the picture instead of being cut off."""
    columns = np.arange(portrait.alpha.shape[1])
    edge = np.minimum(columns, columns[::-1]) / _FEATHER
    alpha = portrait.alpha * np.clip(edge, 0, 1).astype(np.float32)
    return replace(portrait, alpha=alpha)


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
