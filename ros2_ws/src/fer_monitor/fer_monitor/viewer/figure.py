"""The robot in the scene: its links once, then what has moved."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping

from fer_monitor.viewer import entities
from fer_monitor.viewer.mesh import Mesh, mesh
from fer_monitor.viewer.rows import Bubble, Gap, Pose, Row
from robot_behavior.body.robot_model import RobotModel

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
        self._paths = {model.root: f"{entities.ROBOT}/{model.root}"}
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
        rows: list[Row] = []
        for joint in self._model.joints:
            position = positions.get(joint.name, 0.0) if joint.limits is not None else 0.0
            if abs(position - self._sent.get(joint.name, math.inf)) > STILL:
                self._sent[joint.name] = position
                rows.append(Pose(self._paths[joint.child], joint.transform(position)))
        return rows

    def says(self, text: str) -> Row:
        """A bubble over the robot's head; none for an empty text."""
        if not text:
            return Gap(entities.SPEECH)
        lines = textwrap.fill(text, _LETTERS)
        return Bubble(entities.SPEECH, lines, (0.0, 0.0, self._model.height + _OVERHEAD))
