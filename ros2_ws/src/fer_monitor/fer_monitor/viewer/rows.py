"""What is shown, as plain values: rows on named entities.

An entity is a path such as ``expression/happy``; a later row on it replaces the earlier one, or
continues its curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""


@dataclass(frozen=True)
class Number:
    """One point of a curve."""

    path: str
    value: float


@dataclass(frozen=True)
class Gap:
    """The entity is empty from now on; a curve is interrupted."""

    path: str


@dataclass(frozen=True)
class Line:
    """A line of the log.

    Attributes:
        path: whose line it is.
        text: without a line break.
        level: ``INFO``, ``WARN`` or ``ERROR``.
    """

    path: str
    text: str
    level: str = "INFO"


@dataclass(frozen=True)
class Page:
    """A text in Markdown."""

    path: str
    text: str


@dataclass(frozen=True)
class Picture:
    """A picture as a JPEG file."""

    path: str
    jpeg: bytes


@dataclass(frozen=True)
class Frame:
    """A rectangle around a face.

    Attributes:
        box: left, top, width and height, pixels of the picture.
        text: beside it.
        colour: of the line.
        strong: whether the line is thick.
    """

    box: tuple[float, float, float, float]
    text: str
    colour: Colour
    strong: bool


@dataclass(frozen=True)
class Frames:
    """All rectangles in a picture."""

    path: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Pose:
    """Where something is.

    Attributes:
        path: of what is moved, with all that is below it.
        matrix: [4,4] pose in the frame of the entity above, m.
    """

    path: str
    matrix: np.ndarray


@dataclass(frozen=True)
class Bubble:
    """A text in the scene, at ``place`` [3], m."""

    path: str
    text: str
    place: tuple[float, float, float]


Row = Number | Gap | Line | Page | Picture | Frames | Pose | Bubble
"""What a message becomes."""
