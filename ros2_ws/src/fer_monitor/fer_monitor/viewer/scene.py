"""The robot in the scene: its shapes once, and then what has moved."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import rerun as rr

from fer_monitor.viewer.screen import ROBOT, SPEECH, Row
from robot_behavior.body.robot_model import RobotModel, Shape
from robot_behavior.nodes.markers import quaternion

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
        self._paths = {model.root: _below(ROBOT, model.root)}
        for joint in model.joints:
            self._paths[joint.child] = _below(self._paths[joint.parent], joint.child)
        self._sent: dict[str, float] = {}

    @property
    def height(self) -> float:
        """Of the robot, m."""
        return self._model.height

    def bodies(self) -> list[Row]:
        """The shapes of each link, in the link's frame."""
        return [
            (self._paths[link], body)
            for link, shapes in self._model.shapes.items()
            for body in _bodies(shapes)
        ]

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
                pose = joint.transform(position)
                turned = rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3])
                moved.append((self._paths[joint.child], turned))
        return moved

    def says(self, text: str) -> Row:
        """A bubble over the robot's head; none for an empty text."""
        if not text:
            return SPEECH, rr.Clear(recursive=False)
        bubble = rr.Points3D(
            [(0.0, 0.0, self._model.height + _OVERHEAD)],
            radii=0.008,
            labels=[textwrap.fill(text, _LETTERS)],
            colors=[(255, 235, 160)],
            show_labels=True,
        )
        return SPEECH, bubble


def _below(path: str, name: str) -> str:
    return path + str(rr.new_entity_path([name]))


def _bodies(shapes: Sequence[Shape]) -> list[Any]:
    """One archetype for all shapes of a kind."""
    bodies = []
    for kind in dict.fromkeys(shape.kind for shape in shapes):
        alike = [shape for shape in shapes if shape.kind == kind]
        sizes = np.array([shape.size for shape in alike])
        turns = [quaternion(shape.origin[:3, :3]) for shape in alike]
        common: dict[str, Any] = {
            "centers": [shape.origin[:3, 3] for shape in alike],
            "quaternions": [rr.Quaternion(xyzw=(q.x, q.y, q.z, q.w)) for q in turns],
            "colors": [shape.colour for shape in alike],
            "fill_mode": rr.components.FillMode.Solid,
        }
        if kind == "box":
            bodies.append(rr.Boxes3D(sizes=sizes, **common))
        elif kind == "cylinder":
            bodies.append(rr.Cylinders3D(radii=sizes[:, 0], lengths=sizes[:, 1], **common))
        else:
            bodies.append(rr.Ellipsoids3D(radii=sizes[:, 0], **common))
    return bodies
