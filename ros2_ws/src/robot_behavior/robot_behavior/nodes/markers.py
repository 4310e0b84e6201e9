"""Markers for RViz and Foxglove: the robot in a pose, and what it says, does and why."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from robot_behavior.body.face import FACE_LINK, Look, face_sphere, mesh
from robot_behavior.body.robot_model import RobotModel, Shape
from robot_behavior.dialogue.response import Activity, BehaviorStatus

# The robot in a pose.

_KINDS = {"box": Marker.CUBE, "cylinder": Marker.CYLINDER, "sphere": Marker.SPHERE}


def markers(
    model: RobotModel,
    positions: Mapping[str, float],
    stamp: Time,
    face: Look | None = None,
) -> MarkerArray:
    """One marker per shape, in the frame of the root link, so that no tf is needed.

    Args:
        model: the robot.
        positions: rad by name of the joint.
        stamp: time of the positions.
        face: None for none.
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
            array.markers.append(marker)
    if face is not None and (sphere := face_sphere(model)) is not None:
        array.markers.append(_face(face, sphere, poses[FACE_LINK], header))
    return array


def _face(face: Look, sphere: Shape, pose: np.ndarray, header: Header) -> Marker:
    """The face as triangles, three points each."""
    drawn = mesh(face.bands, sphere)
    corners = drawn.triangles.ravel()
    marker = Marker(header=header, ns="face", type=Marker.TRIANGLE_LIST, pose=_pose(pose))
    marker.scale, marker.color = Vector3(x=1.0, y=1.0, z=1.0), ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    points = [Point(x=x, y=y, z=z) for x, y, z in drawn.points.tolist()]
    colours = [ColorRGBA(r=r, g=g, b=b, a=1.0) for r, g, b in drawn.colours.tolist()]
    marker.points = [points[corner] for corner in corners]
    marker.colors = [colours[corner] for corner in corners]
    return marker


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


# ----------------------------------------------------------------------
# Text for RViz, whose text markers have one font and draw it byte by byte.
#
# So only ASCII appears, and every byte of another letter leaves a gap. Latin letters lose their
# accents; a text in another script is told about instead of being shown.

FOREIGN = "(not in Latin letters, see the topic speech)"
"""Stands for a text that RViz cannot draw."""

_PLAIN = {
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "–": "-", "—": "-",
    "…": "...", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "°": " degrees", "¿": "", "¡": "",
}  # fmt: skip
_TABLE = str.maketrans(_PLAIN)
_MOST_LOST = 0.3
"""Share of letters that may be missing from a text that is still worth reading."""


def plain(text: str) -> str:
    """A text as RViz can draw it: printable ASCII, single spaces.

    Returns:
        `FOREIGN` for a text of which too little would be left.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_TABLE))
    letters = sum(char.isalpha() for char in decomposed)
    lost = sum(char.isalpha() and not char.isascii() for char in decomposed)
    if lost > _MOST_LOST * letters:
        return FOREIGN
    shown = "".join(char if " " <= char <= "~" else _instead(char) for char in decomposed)
    return " ".join(shown.split())


def wrapped(text: str, width: int, lines: int) -> str:
    """A text as RViz can draw it, in lines.

    Args:
        text: any.
        width: letters in a line; longer words are divided.
        lines: at most; what does not fit ends in three dots.
    """
    parts = textwrap.wrap(
        plain(text), width, max_lines=lines, placeholder=" ...", break_on_hyphens=False
    )
    return "\n".join(parts)


def _instead(char: str) -> str:
    """For what is no ASCII: a space for what separates words, nothing for an accent."""
    return " " if char.isspace() else ""


# ----------------------------------------------------------------------

LIFETIME = Duration(sec=2)
"""Without news the text disappears; it is renewed more often than that."""

SPEECH_WIDTH, SPEECH_LINES = 30, 4
REASON_WIDTH, REASON_LINES = 46, 4
"""Letters in a line, and lines at most."""

_WHITE = (1.0, 1.0, 1.0)
_COLOURS = {
    Activity.DISABLED: (0.62, 0.62, 0.62),
    Activity.IDLE: (0.75, 0.78, 0.82),
    Activity.ATTENDING: (0.34, 0.71, 0.91),
    Activity.RESPONDING: (0.94, 0.89, 0.26),
    Activity.COOLDOWN: (0.8, 0.47, 0.65),
}
_SPEECH_M, _STATE_M, _REASON_M = 0.1, 0.09, 0.066  # what RViz takes for their height
_LINE = 1.25  # height of a line, of that of the letters; so RViz spaces lines
_LETTER = 0.47  # width of a letter, of their height, on average
_SPACE = 0.26  # width of a space, likewise
_TAIL = ((0.045, 0.05), (0.11, 0.075))  # metres above the head, and diameter


@dataclass(frozen=True)
class BehaviorMarkers:
    """Where the text appears.

    Attributes:
        frame: of the robot's body (x forward, z up: REP-103).
        top: height of its head in that frame, metres.
    """

    frame: str
    top: float

    def draw(self, status: BehaviorStatus, speech: str | None, stamp: Time) -> MarkerArray:
        """The markers of one moment; their ids stay the same.

        The bubble is round seen from above, so that it looks the same from every side.

        Args:
            status: what the robot does and why.
            speech: what it is saying; None for nothing, which takes the bubble away.
            stamp: of the moment.
        """
        words = wrapped(speech or "", SPEECH_WIDTH, SPEECH_LINES)
        lines = words.split("\n")
        high = len(lines) * _LINE * _SPEECH_M
        above = self.top + 0.2
        markers = [self._ball(number, *tail, stamp) for number, tail in enumerate(_TAIL)]
        markers += [
            self._bubble(max(map(len, lines)), above + high / 2, high, stamp),
            self._text("speech", words, _SPEECH_M, above + high / 2, _WHITE, stamp),
        ]
        if not words:
            for marker in markers:
                marker.action = Marker.DELETE
        account = self._account(status, above + 1.25 * high + 0.08, stamp)
        return MarkerArray(markers=markers + account)

    def _account(self, status: BehaviorStatus, bottom: float, stamp: Time) -> list[Marker]:
        """State and reason, above the bubble."""
        reason = wrapped(str(status.reason), REASON_WIDTH, REASON_LINES)
        deep = _LINE * _REASON_M * (reason.count("\n") + 1)
        doing = status.activity.value + (f": {status.motion}" if status.motion else "")
        state = wrapped(doing, REASON_WIDTH, 1)
        high = bottom + deep + 0.5 * _LINE * _STATE_M
        markers = [
            self._text("state", state, _STATE_M, high, _COLOURS[status.activity], stamp),
            self._text("reason", reason, _REASON_M, bottom + deep / 2, _WHITE, stamp),
        ]
        if not reason:
            markers[1].action = Marker.DELETE
        return markers

    def _text(
        self,
        space: str,
        text: str,
        letters: float,
        height: float,
        colour: tuple[float, float, float],
        stamp: Time,
    ) -> Marker:
        marker = self._marker(space, 0, Marker.TEXT_VIEW_FACING, height, colour, 1.0, stamp)
        # RViz takes x for the width of a space, and without it makes one a metre wide.
        marker.scale, marker.text = Vector3(x=_SPACE * letters, z=letters), text
        return marker

    def _bubble(self, letters: int, height: float, high: float, stamp: Time) -> Marker:
        marker = self._marker("bubble", 2, Marker.SPHERE, height, _WHITE, 0.22, stamp)
        across = 1.2 * letters * _LETTER * _SPEECH_M + 0.1
        marker.scale = Vector3(x=across, y=across, z=1.5 * high + 0.06)
        return marker

    def _ball(self, number: int, above: float, size: float, stamp: Time) -> Marker:
        height = self.top + above
        marker = self._marker("bubble", number, Marker.SPHERE, height, _WHITE, 0.5, stamp)
        marker.scale = Vector3(x=size, y=size, z=size)
        return marker

    def _marker(
        self,
        space: str,
        number: int,
        kind: int,
        height: float,
        colour: tuple[float, float, float],
        alpha: float,
        stamp: Time,
    ) -> Marker:
        marker = Marker(ns=space, id=number, type=kind, lifetime=LIFETIME)
        marker.header.frame_id, marker.header.stamp = self.frame, stamp
        upright = Quaternion(w=1.0)
        marker.pose = Pose(position=Point(z=height), orientation=upright)
        red, green, blue = colour
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
        return marker
