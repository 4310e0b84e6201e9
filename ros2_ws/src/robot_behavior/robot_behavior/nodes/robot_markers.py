"""The robot in a pose, as markers for RViz."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from robot_behavior.body.eyes import is_eye
from robot_behavior.body.robot_model import RobotModel, Shape

_KINDS = {"box": Marker.CUBE, "cylinder": Marker.CYLINDER, "sphere": Marker.SPHERE}


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
    header = Header(stamp=stamp, frame_id=model.root)
    array = MarkerArray()
    for link, shapes in model.shapes.items():
        for number, shape in enumerate(shapes):
            marker = Marker(header=header, ns=link, id=number, type=_KINDS[shape.kind])
            marker.pose = _pose(poses[link] @ shape.origin)
            marker.scale = _scale(shape)
            red, green, blue, alpha = shape.colour
            marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
            if eyes is not None and is_eye(link, shape):
                marker.color = ColorRGBA(r=eyes.r, g=eyes.g, b=eyes.b, a=1.0)
                marker.scale.z *= max(eyes.a, SHUT)
            array.markers.append(marker)
    return array


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
    rows: list[list[float]] = rotation.tolist()  # plain floats are quicker than numpy's
    squares = [rows[0][0], rows[1][1], rows[2][2]]
    trace = sum(squares)
    largest = max(*squares, trace)
    parts = [0.0, 0.0, 0.0, 0.0]
    if largest == trace:
        parts[3] = 1.0 + trace
        for j, (row, column) in enumerate(((2, 1), (0, 2), (1, 0))):
            parts[j] = rows[row][column] - rows[column][row]
    else:
        i = squares.index(largest)
        j, k = (i + 1) % 3, (i + 2) % 3
        parts[i] = 1.0 + 2.0 * squares[i] - trace
        parts[j] = rows[j][i] + rows[i][j]
        parts[k] = rows[k][i] + rows[i][k]
        parts[3] = rows[k][j] - rows[j][k]
    length = math.hypot(*parts)
    x, y, z, w = (part / length for part in parts)
    return Quaternion(x=x, y=y, z=z, w=w)
