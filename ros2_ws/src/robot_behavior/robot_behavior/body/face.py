"""The robot's face: what it expresses, how it changes, and what there is to draw of it.

A face is described once, as a few numbers (`FaceShape`), and becomes bands of colour (`Band`)
in a plane. The video, RViz, the viewer and the page for a display draw the same bands. A robot
whose URDF has a link `FACE_LINK` with a sphere wears them on that sphere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from robot_behavior.body.eyes import Light, light
from robot_behavior.body.robot_model import RobotModel, Shape

FACE_LINK = "face_link"
"""The sphere of this link wears the face, which looks along the link's x axis."""

HIGH = 0.86
"""Half of a face's height; half of its width is 1."""

COVERED = 0.88
"""The face reaches so far across its sphere, as a share of the sphere's radius."""

SOFT_S = 0.4
"""An expression changes into another one within this time."""

MOST_LOOK = 0.42
"""Largest way of a pupil from the middle of its eye, as a share of the eye."""

GAZE_RAD = 0.6
"""So far aside is looked at with the pupils as far aside as they go."""

NEUTRAL, ASLEEP, SPEAKING, LISTENING = "neutral", "asleep", "speaking", "listening"
HAPPY, SAD, CALM, SURPRISED, THINKING = "happy", "sad_with_you", "calm", "surprised", "thinking"
HELD, FAULT = "held", "fault"

Colour = tuple[float, float, float]
"""Red, green, blue, 0..1."""

Gaze = tuple[float, float]
"""Where the eyes look beside where the head looks: rad to the robot's left, rad up."""


@dataclass(frozen=True)
class FaceShape:
    """A face in numbers, which change softly. Lengths are shares of half of its width.

    Attributes:
        openness: of the eyes; 0 closed, 1 open, more when they are torn open.
        lid: how much of an eye its upper lid covers, 0..1.
        slant: of this lid; positive: its inner end is the higher one.
        cheek: how much of an eye the cheek covers from below, 0..1: smiling eyes.
        pupil: its radius, of that of the eye.
        look_left: of the pupils, -1..1, to the robot's left.
        look_up: likewise.
        brow: height of the brows, -1..1.
        brow_slant: positive: the inner ends are the higher ones.
        brow_odds: how much higher the robot's left brow is.
        smile: of the mouth, -1 (corners down) to 1 (up).
        width: of the mouth, 1: usual.
        opened: how far the mouth is open, 0..1.
        aside: how far the mouth is drawn to the robot's left.
        wave: of the lips.
        roll: rad, of the whole face; positive: to the robot's right.
        shine: of its light, 0..1.
    """

    openness: float = 1.0
    lid: float = 0.1
    slant: float = 0.0
    cheek: float = 0.0
    pupil: float = 0.5
    look_left: float = 0.0
    look_up: float = 0.0
    brow: float = 0.0
    brow_slant: float = 0.0
    brow_odds: float = 0.0
    smile: float = 0.15
    width: float = 0.8
    opened: float = 0.0
    aside: float = 0.0
    wave: float = 0.0
    roll: float = 0.0
    shine: float = 1.0

    def towards(self, other: FaceShape, share: float) -> FaceShape:
        """The face on its way to another one, 0 (this one) to 1 (the other one)."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return FaceShape(*(one + share * (two - one) for one, two in pairs))


EXPRESSIONS: Mapping[str, FaceShape] = {
    NEUTRAL: FaceShape(),
    LISTENING: FaceShape(
        openness=1.08, lid=0.0, brow=0.5, brow_slant=0.15, smile=0.4, width=0.62, roll=0.14
    ),
    THINKING: FaceShape(
        lid=0.16, look_left=-0.8, look_up=0.85, brow=0.15, brow_odds=0.55, smile=-0.1, width=0.42,
        aside=-0.16,
    ),
    SPEAKING: FaceShape(brow=0.2, smile=0.35, opened=0.12, lid=0.05),
    HAPPY: FaceShape(cheek=0.72, lid=0.0, brow=0.45, smile=1.0, width=1.2, opened=0.4),
    SAD: FaceShape(
        openness=0.95, lid=0.22, slant=0.55, look_up=-0.35, brow=0.2, brow_slant=0.95,
        smile=-0.75, width=0.7,
    ),
    SURPRISED: FaceShape(
        openness=1.25, lid=0.0, pupil=0.34, brow=1.0, smile=0.0, width=0.42, opened=0.85
    ),
    CALM: FaceShape(lid=0.38, look_up=-0.25, brow=-0.1, brow_slant=0.2, smile=0.62, width=0.78),
    ASLEEP: FaceShape(
        openness=0.0, brow=-0.35, brow_slant=0.1, smile=0.1, width=0.34, opened=0.14, shine=0.6
    ),
    HELD: FaceShape(lid=0.0, pupil=0.3, brow=0.1, smile=0.0, width=1.15),
    FAULT: FaceShape(
        lid=0.42, slant=0.35, pupil=0.3, brow=0.1, brow_slant=0.7, brow_odds=0.35, smile=-0.2,
        width=1.0, wave=1.0,
    ),
}  # fmt: skip
"""What the face can express, by name."""

_OF_USAGES = {
    "greet": HAPPY, "bid_farewell": HAPPY, "rejoice": HAPPY, "agree": HAPPY, "comfort": SAD,
    "calm": CALM, "reassure": CALM, "wait": CALM, "give_space": CALM, "withdraw": CALM,
    "be_surprised": SURPRISED, "wake_up": SURPRISED, "think": THINKING, "inquire": THINKING,
    "listen": LISTENING, "attend": LISTENING, "fall_asleep": ASLEEP,
}  # fmt: skip
_OF_ANSWERS = {
    "happy": HAPPY, "sad": SAD, "angry": CALM, "scared": CALM, "surprised": SURPRISED,
    "disgusted": THINKING, "neutral": LISTENING,
}  # fmt: skip


def expression(
    mood: str,
    usage: str = "",
    answers: str = "",
    speaks: bool = False,
    is_awake: bool = True,
) -> str:
    """What the face expresses.

    Args:
        mood: ``attending``, ``idle``, ``held`` or ``fault``, see `robot_behavior.body.eyes.light`.
        usage: what the motion under way expresses, see `robot_behavior.motion.library.Motion`.
        answers: the expression of a person that is being answered; empty for none.
        speaks: whether something is being said.
        is_awake: whether the robot answers anybody.

    Returns:
        A key of `EXPRESSIONS`.
    """
    if mood in (HELD, FAULT):
        return mood
    if not is_awake:
        return ASLEEP
    uses = (_OF_USAGES.get(use.strip()) for use in usage.split(","))
    shown = next(filter(None, uses), None) or _OF_ANSWERS.get(answers)
    if shown is not None:
        return shown
    if speaks:
        return SPEAKING
    return LISTENING if mood == "attending" else NEUTRAL


# ----------------------------------------------------------------------
# How it changes.


class LivingFace:
    """A face that changes softly from one expression to the next.

    Attributes:
        expression: what it changes to, a key of `EXPRESSIONS`.
    """

    def __init__(self) -> None:
        self.expression = ASLEEP
        self._from = EXPRESSIONS[ASLEEP]
        self._since = -math.inf

    def show(self, expression: str, now: float) -> None:
        """Begins to change; a name that is not known is `NEUTRAL`.

        Args:
            expression: a key of `EXPRESSIONS`.
            now: monotonic seconds.
        """
        expression = expression if expression in EXPRESSIONS else NEUTRAL
        if expression != self.expression:
            self._from, self._since = self.shape(now), now
            self.expression = expression

    def shape(self, now: float) -> FaceShape:
        """The face at a time, monotonic seconds."""
        share = max((now - self._since) / SOFT_S, 0.0)
        if share >= 1.0:
            return EXPRESSIONS[self.expression]
        return self._from.towards(EXPRESSIONS[self.expression], share * share * (3.0 - 2.0 * share))


@dataclass(frozen=True)
class Look:
    """A face at one moment.

    Attributes:
        shape: of the face.
        light: of the eyes, and how open they are.
        mouth: how far the voice opens it, 0..1.
        gaze: where the eyes look.
    """

    shape: FaceShape
    light: Light
    mouth: float = 0.0
    gaze: Gaze = (0.0, 0.0)

    @property
    def bands(self) -> list[Band]:
        """What there is to draw, from behind to the front.

        Always the same number of bands, in the same order; some may be without height.
        """
        return _bands(self.shape, self.light, self.mouth, self.gaze)


def still(expression: str, speaks: bool = False) -> Look:
    """An expression as a picture shows it.

    Args:
        expression: a key of `EXPRESSIONS`.
        speaks: whether the mouth is open as in the middle of a word.
    """
    mood = expression if expression in (HELD, FAULT) else "attending"
    return Look(EXPRESSIONS[expression], light(0.0, mood, blinks=False), 0.6 * speaks)


# ----------------------------------------------------------------------
# What there is to draw.


@dataclass(frozen=True)
class Band:
    """What lies between two curves, which have the same number of points.

    Attributes:
        upper: [N,2] to the robot's left (the viewer's right), and up; half of the width is 1.
        lower: likewise.
        colour: of all of it.
    """

    upper: np.ndarray
    lower: np.ndarray
    colour: Colour

    @property
    def is_seen(self) -> bool:
        """Whether there is anything to draw."""
        return bool((self.upper != self.lower).any())

    @property
    def outline(self) -> np.ndarray:
        """[2N,2] the polygon around it."""
        return np.concatenate([self.upper, self.lower[::-1]])


_GROUND: Colour = (0.05, 0.07, 0.1)
_POINTS = 33
_X = np.sin(np.linspace(-0.5, 0.5, _POINTS) * math.pi)  # dense where circles are steep
_ROUND = np.cos(np.linspace(-0.5, 0.5, _POINTS) * math.pi)  # [N] sqrt(1 - x * x)
_EYE_X, _EYE_Y, _EYE_WIDE, _EYE_HIGH = 0.42, 0.1, 0.225, 0.27
_BROW_WIDE, _BROW_THICK, _BROW_ABOVE = 0.25, 0.034, 0.13
_MOUTH_Y, _MOUTH_WIDE, _LIP = -0.45, 0.34, 0.032
_CLOSED = 0.028  # half of the height of a closed eye


def _bands(shape: FaceShape, shining: Light, mouth: float, gaze: Gaze) -> list[Band]:
    red, green, blue, blink = shining
    ink: Colour = (red * shape.shine, green * shape.shine, blue * shape.shine)
    drawn = [*_mouth(shape, min(max(mouth, 0.0), 1.0), ink)]
    for side in (1.0, -1.0):
        drawn += _eye(shape, side, blink, gaze, ink)
    cosine, sine = math.cos(shape.roll), math.sin(shape.roll)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    return [Band(band.upper @ turn, band.lower @ turn, band.colour) for band in drawn]


def _eye(shape: FaceShape, side: float, blink: float, gaze: Gaze, ink: Colour) -> list[Band]:
    """Eye, pupil, its gleam and brow; side 1: the robot's left."""
    high = _EYE_HIGH * max(shape.openness, 1.0) ** 0.7
    wide = _EYE_WIDE * max(shape.openness, 1.0) ** 0.5
    inner = -side * _X  # 1 at the inner end
    lid = high * (1.0 - 2.0 * shape.lid + shape.slant * 0.7 * (inner - 0.3))
    cheek = high * (2.0 * shape.cheek * _ROUND - 1.0)
    top, bottom = np.minimum(high * _ROUND, lid), np.maximum(-high * _ROUND, cheek)
    bottom = np.minimum(bottom, top)
    openness = min(shape.openness, 1.0) * blink
    shut = -0.3 * high * _ROUND + 0.1 * high
    thin = _CLOSED * np.minimum(1.0, 2.0 * _ROUND)
    top = np.maximum(shut + openness * (top - shut), shut + thin if openness < 0.2 else -9.0)
    bottom = np.minimum(shut + openness * (bottom - shut), top - 2.0 * thin)
    eye = _band(side * _EYE_X, _EYE_Y, wide * _X, top, bottom, ink)

    left, up = (min(max(angle / GAZE_RAD, -1.0), 1.0) for angle in gaze)
    left = min(max(left + shape.look_left, -1.0), 1.0) * MOST_LOOK * wide
    up = min(max(up + shape.look_up, -1.0), 1.0) * MOST_LOOK * high
    inside = [
        _inside(wide, top, bottom, (left + dx * wide, up + dy * high), radius * wide)
        for dx, dy, radius in (
            (0.0, 0.0, shape.pupil),
            (-0.16 * shape.pupil / 0.5, 0.2 * shape.pupil / 0.5, 0.3 * shape.pupil),
        )
    ]
    pupil, gleam = (
        _band(side * _EYE_X, _EYE_Y, *one, colour)
        for one, colour in zip(inside, (_GROUND, (0.95, 0.98, 1.0)), strict=True)
    )
    lift = 0.16 * shape.brow + 0.2 * side * shape.brow_odds
    middle = _EYE_HIGH + _BROW_ABOVE + lift + 0.17 * shape.brow_slant * inner + 0.05 * _ROUND
    half = _BROW_THICK * np.minimum(1.0, 1.6 * _ROUND)
    dim: Colour = (0.8 * ink[0], 0.8 * ink[1], 0.8 * ink[2])
    brow = _band(side * (_EYE_X + 0.03), _EYE_Y, _BROW_WIDE * _X, middle + half, middle - half, dim)
    return [eye, pupil, gleam, brow]


def _inside(
    wide: float, top: np.ndarray, bottom: np.ndarray, centre: tuple[float, float], radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A disc, as far as it is within an eye: x [N], upper y [N], lower y [N]."""
    x = np.clip(centre[0] + radius * _X, -wide, wide)
    over, under = (np.interp(x, wide * _X, edge) for edge in (top, bottom))
    margin = 0.5 * _CLOSED  # the lids are seen above and below it
    upper = np.minimum(centre[1] + radius * _ROUND, over - margin)
    lower = np.maximum(centre[1] - radius * _ROUND, under + margin)
    return _trimmed(x, upper, lower, 0.4 * radius)


def _trimmed(
    x: np.ndarray, upper: np.ndarray, lower: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is higher than ``least``, of as many points; of nothing, a point is left."""
    kept = np.flatnonzero(upper - lower > least)
    if not len(kept):
        kept, lower = np.array([len(x) // 2]), upper
    chosen = np.clip(np.arange(len(x)), kept[0], kept[-1])
    return x[chosen], upper[chosen], lower[chosen]


def _mouth(shape: FaceShape, voice: float, ink: Colour) -> list[Band]:
    """The lips, and what is seen between them."""
    opened = max(shape.opened, 0.0) + (1.0 - max(shape.opened, 0.0)) * 0.85 * voice
    wide = _MOUTH_WIDE * shape.width * (1.0 - 0.12 * voice)
    line = 0.2 * shape.smile * (_X * _X - 0.5) + 0.07 * shape.wave * np.sin(3.0 * math.pi * _X)
    upper = line + (0.04 + 0.06 * (1.0 - shape.smile)) * opened * _ROUND
    lower = line - 0.24 * opened * _ROUND
    lip = _LIP * np.minimum(1.0, 0.25 + 1.6 * _ROUND)
    x = wide * _X
    lips = _band(shape.aside, _MOUTH_Y, x, upper + lip, lower - lip, ink)
    dark = _band(
        shape.aside, _MOUTH_Y, *_trimmed((1.0 - _LIP / wide) * x, upper, lower, 0.03), _GROUND
    )
    return [lips, dark]


def _band(
    x: float, y: float, along: np.ndarray, upper: np.ndarray, lower: np.ndarray, colour: Colour
) -> Band:
    return Band(
        np.stack([x + along, y + upper], axis=1), np.stack([x + along, y + lower], axis=1), colour
    )


# ----------------------------------------------------------------------
# Where a robot wears it.


def wears_face(link: str, shape: Shape) -> bool:
    """Whether a shape of a robot's link is the sphere that wears the face."""
    return link == FACE_LINK and shape.kind == "sphere"


def face_sphere(model: RobotModel) -> Shape | None:
    """The sphere that wears the face; None for a robot whose face is not drawn."""
    worn = (shape for shape in model.shapes.get(FACE_LINK, ()) if wears_face(FACE_LINK, shape))
    return next(worn, None)


def on_sphere(points: np.ndarray, sphere: Shape) -> np.ndarray:
    """Where a face's points are on the robot.

    Args:
        points: [N,2], see `Band`.
        sphere: that wears the face.

    Returns:
        [N,3] m, in the frame of `FACE_LINK`.
    """
    aside, up = COVERED * points[:, 0], COVERED * points[:, 1]
    ahead = np.sqrt(np.maximum(1.0 - aside * aside - up * up, 0.0))
    return sphere.size[0] * np.stack([ahead, aside, up], axis=1) + sphere.origin[:3, 3]


@dataclass(frozen=True)
class FaceMesh:
    """Bands as triangles on a robot.

    Attributes:
        points: [P,3] m, in the frame of `FACE_LINK`.
        triangles: [T,3] indices of points.
        colours: [P,3], 0..1.
    """

    points: np.ndarray
    triangles: np.ndarray
    colours: np.ndarray


def mesh(drawn: Sequence[Band], sphere: Shape) -> FaceMesh:
    """Bands as triangles, each band a little above the one below it.

    Args:
        drawn: what there is to draw.
        sphere: that wears the face.
    """
    points, triangles, colours, count = [], [], [], 0
    step = np.arange(_POINTS - 1)
    for layer, band in enumerate(drawn, start=1):
        flat = np.concatenate([band.upper, band.lower])
        surface = on_sphere(flat, sphere) - sphere.origin[:3, 3]
        lifted = surface * (1.0 + 0.004 + 0.0008 * layer)
        points.append(lifted + sphere.origin[:3, 3])
        colours.append(np.tile(band.colour, (len(flat), 1)))
        upper, lower = count + step, count + _POINTS + step
        triangles += [
            np.stack([upper, lower, upper + 1], axis=1),
            np.stack([upper + 1, lower, lower + 1], axis=1),
        ]
        count += len(flat)
    return FaceMesh(np.concatenate(points), np.concatenate(triangles), np.concatenate(colours))
