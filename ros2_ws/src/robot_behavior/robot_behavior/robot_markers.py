"""The robot in a pose, as markers for RViz."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from robot_behavior.robot_model import RobotModel, Shape

_KINDS = {"box": Marker.CUBE, "cylinder": Marker.CYLINDER, "sphere": Marker.SPHERE}


EYES_LINK, EYES_COLOUR = "head_link", (0.55, 0.92, 1.0)
"""The spheres of this link and colour are the eyes."""

SHUT = 0.12
"""Height of a closed eye, as a share."""


def markers(
    model: RobotModel,
    positions: Mapping[str, float],
    stamp: Time,
    eyes: ColorRGBA | None = None,
) -> MarkerArray:
    """One marker per shape, in the frame of the root link, so that no tf is needed.

    Args:
        model: the robot.
        positions: rad by name of the joint.
        stamp: time of the positions.
        eyes: light of the eyes, whose alpha tells how open they are; None leaves them be.
    """
    poses = model.poses(positions)
    array = MarkerArray()
    for link, shapes in model.shapes.items():
        for number, shape in enumerate(shapes):
            marker = Marker(ns=link, id=number, type=_KINDS[shape.kind], action=Marker.ADD)
            marker.header.frame_id, marker.header.stamp = model.root, stamp
            marker.pose = _pose(poses[link] @ shape.origin)
            marker.scale = _scale(shape)
            red, green, blue, alpha = shape.colour
            marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
            if eyes is not None and _is_eye(link, shape):
                marker.color = ColorRGBA(r=eyes.r, g=eyes.g, b=eyes.b, a=1.0)
                marker.scale.z *= max(eyes.a, SHUT)
            array.markers.append(marker)
    return array


def _is_eye(link: str, shape: Shape) -> bool:
    return link == EYES_LINK and shape.kind == "sphere" and shape.colour[:3] == EYES_COLOUR


def _scale(shape: Shape) -> Vector3:
    if shape.kind == "box":
        x, y, z = shape.size
    elif shape.kind == "cylinder":
        x = y = 2.0 * shape.size[0]
        z = shape.size[1]
    else:
        x = y = z = 2.0 * shape.size[0]
    return Vector3(x=x, y=y, z=z)


def _pose(matrix: np.ndarray) -> Pose:
    x, y, z = map(float, matrix[:3, 3])
    return Pose(position=Point(x=x, y=y, z=z), orientation=quaternion(matrix[:3, :3]))


def quaternion(rotation: np.ndarray) -> Quaternion:
    """The unit quaternion of a [3,3] rotation.

    After Shepperd, "Quaternion from rotation matrix" (1978): the largest component is
    computed first, which is accurate for every angle.
    """
    trace = float(np.trace(rotation))
    squares = [float(rotation[i, i]) for i in range(3)]
    i = int(np.argmax([*squares, trace]))
    parts = [0.0, 0.0, 0.0, 0.0]
    if i == 3:
        parts[3] = 1.0 + trace
        for j, (row, column) in enumerate(((2, 1), (0, 2), (1, 0))):
            parts[j] = float(rotation[row, column] - rotation[column, row])
    else:
        j, k = (i + 1) % 3, (i + 2) % 3
        parts[i] = 1.0 + 2.0 * squares[i] - trace
        parts[j] = float(rotation[j, i] + rotation[i, j])
        parts[k] = float(rotation[k, i] + rotation[i, k])
        parts[3] = float(rotation[k, j] - rotation[j, k])
    length = math.hypot(*parts)
    x, y, z, w = (part / length for part in parts)
    return Quaternion(x=x, y=y, z=z, w=w)
