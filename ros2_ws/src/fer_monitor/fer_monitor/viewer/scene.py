"""The robot in the scene: its links as triangles, once, and then what has moved."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fer_monitor.viewer import rows
from fer_monitor.viewer.rows import Cleared, LinkPose, Row, SpeechBubble
from robot_behavior.body.robot_model import RobotModel, Shape

STILL = 1e-3
"""Joints that have moved less are not sent again, rad or m."""

_OVERHEAD = 0.27  # m, of the bubble above the robot
_LETTERS = 32  # in a line of it


class Figure:
    """The robot, of which only joints that move are sent.

    The entity of a link is below that of its parent, and moves with it.

    Args:
        model: from the URDF.
    """

    def __init__(self, model: RobotModel) -> None:
        self._model = model
        self._paths = {model.root: f"{rows.ROBOT}/{model.root}"}
        for joint in model.joints:
            self._paths[joint.child] = f"{self._paths[joint.parent]}/{joint.child}"
        self._sent: dict[str, float] = {}

    def meshes(self) -> dict[str, Mesh]:
        """The surface of each link that has a shape, by its entity."""
        return {self._paths[name]: mesh(shapes) for name, shapes in self._model.shapes.items()}

    def moved(self, positions: Mapping[str, float]) -> list[Row]:
        """Poses of the links whose joints are elsewhere than they were sent.

        Args:
            positions: rad by name of the joint; joints that are left out are at zero.
        """
        moved: list[Row] = []
        for joint in self._model.joints:
            position = positions.get(joint.name, 0.0) if joint.limits is not None else 0.0
            if abs(position - self._sent.get(joint.name, math.inf)) > STILL:
                self._sent[joint.name] = position
                moved.append(LinkPose(self._paths[joint.child], joint.transform(position)))
        return moved

    def says(self, text: str) -> Row:
        """A bubble over the robot's head; none for an empty text."""
        if not text:
            return Cleared(rows.SPEECH)
        lines = textwrap.fill(text, _LETTERS)
        return SpeechBubble(rows.SPEECH, lines, (0.0, 0.0, self._model.height + _OVERHEAD))


# Shapes as triangles.

_AROUND, _RINGS = 32, 12
"""Corners of a circle, and how many circles make half a sphere's meridian."""


@dataclass(frozen=True)
class Mesh:
    """A surface.

    Attributes:
        vertices: float32 [N,3] m.
        normals: float32 [N,3] unit vectors, outwards.
        colours: uint8 [N,4] red, green, blue, alpha.
        triangles: uint32 [M,3] indices of vertices, anticlockwise seen from outside.
    """

    vertices: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    triangles: np.ndarray


def mesh(shapes: Sequence[Shape]) -> Mesh:
    """The surface of some shapes, in the frame in which their origins are given."""
    parts = [_placed(shape) for shape in shapes]
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.colours for part in parts]),
        np.concatenate(
            [part.triangles + start for part, start in zip(parts, starts, strict=True)]
        ).astype(np.uint32),
    )


def _placed(shape: Shape) -> Mesh:
    if shape.kind == "box":
        vertices, normals, triangles = _box(shape.size)
    elif shape.kind == "cylinder":
        vertices, normals, triangles = _cylinder(*shape.size)
    else:
        vertices, normals, triangles = _sphere(*shape.size)
    turn, place = shape.origin[:3, :3], shape.origin[:3, 3]
    colour = np.round(255 * np.array(shape.colour)).astype(np.uint8)
    return Mesh(
        (vertices @ turn.T + place).astype(np.float32),
        (normals @ turn.T).astype(np.float32),
        np.tile(colour, (len(vertices), 1)),
        triangles,
    )


def _box(size: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    vertices, normals, triangles = [], [], []
    for number, normal in enumerate((*np.eye(3), *-np.eye(3))):
        across = np.roll(normal, 1)
        up = np.cross(normal, across)
        corners = [normal + x * across + y * up for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        vertices.append(np.array(corners) * size / 2)
        normals.append(np.tile(normal, (4, 1)))
        triangles.append(4 * number + np.array([[0, 1, 2], [0, 2, 3]]))
    return np.concatenate(vertices), np.concatenate(normals), np.concatenate(triangles)


def _cylinder(radius: float, length: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    circle, flat = _circle(), np.zeros((_AROUND, 1))
    up = np.array([0.0, 0.0, 1.0])
    rim = np.hstack([radius * circle, flat])
    vertices = [rim - up * length / 2, rim + up * length / 2]  # the side
    normals = [np.hstack([circle, flat])] * 2
    here, there = np.arange(_AROUND), np.roll(np.arange(_AROUND), -1)
    triangles = [_strip(here, there, here + _AROUND, there + _AROUND)]
    for sign in (-1.0, 1.0):  # the lids
        start = sum(map(len, vertices))
        centre = sign * up * length / 2
        vertices += [rim + centre, centre[None]]
        normals.append(np.tile(sign * up, (_AROUND + 1, 1)))
        first, second = (here, there) if sign > 0 else (there, here)
        middle = np.full(_AROUND, start + _AROUND)
        triangles.append(np.stack([start + first, start + second, middle], axis=1))
    return np.concatenate(vertices), np.concatenate(normals), np.concatenate(triangles)


def _sphere(radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    circle = _circle()
    latitudes = np.linspace(-np.pi / 2, np.pi / 2, _RINGS + 1)
    normals = np.concatenate(
        [
            np.hstack([np.cos(angle) * circle, np.full((_AROUND, 1), np.sin(angle))])
            for angle in latitudes
        ]
    )
    here, there = np.arange(_AROUND), np.roll(np.arange(_AROUND), -1)
    triangles = [
        _strip(here + low, there + low, here + low + _AROUND, there + low + _AROUND)
        for low in range(0, _RINGS * _AROUND, _AROUND)
    ]
    return radius * normals, normals, np.concatenate(triangles)


def _circle() -> np.ndarray:
    angles = np.linspace(0.0, 2 * np.pi, _AROUND, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _strip(
    low: np.ndarray, low_next: np.ndarray, high: np.ndarray, high_next: np.ndarray
) -> np.ndarray:
    """Two triangles for each piece between a lower and an upper circle."""
    return np.concatenate(
        [np.stack([low, low_next, high_next], axis=1), np.stack([low, high_next, high], axis=1)]
    )
