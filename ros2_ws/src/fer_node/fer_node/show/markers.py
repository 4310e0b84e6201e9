"""The people in front of the camera, for RViz and Foxglove."""

from __future__ import annotations

from dataclasses import dataclass

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ec_rfernet.faces.face import Box
from ec_rfernet.labels import UNKNOWN
from ec_rfernet.perceived import EmotionEstimate, Perceived
from ec_rfernet.show.palette import colour_of
from fer_common.settings import setting


@dataclass(frozen=True)
class Viewpoint:
    """A camera that looks ahead, along x of a frame (x forward, y left, z up: REP-103).

    Without a frame things are drawn in the camera's own optical frame (x right, y down, z
    forward), whose place in the world is then told by tf.
    """

    markers_frame: str = setting(
        "", "Frame of the markers; empty: that of the images, if tf knows it."
    )
    camera_x: float = setting(
        0.0, "Where the camera is in markers_frame, forward, m.", low=-10.0, high=10.0
    )
    camera_y: float = setting(
        0.0, "Where the camera is in markers_frame, to the left, m.", low=-10.0, high=10.0
    )
    camera_z: float = setting(
        0.0, "Where the camera is in markers_frame, up, m.", low=-10.0, high=10.0
    )

    def place(self, seen: Point) -> Point:
        """A point of the camera's optical frame, in the frame in which to draw."""
        if not self.markers_frame:
            return seen
        return Point(x=self.camera_x + seen.z, y=self.camera_y - seen.x, z=self.camera_z - seen.y)

    @property
    def upright(self) -> Quaternion:
        """The turn of something that stands, facing along x, in the frame in which to draw."""
        if self.markers_frame:
            return Quaternion(w=1.0)
        return Quaternion(x=0.5, y=-0.5, z=0.5, w=0.5)


FACE_WIDTH_M = 0.15
"""Of an adult, between the cheeks; a distance is estimated from it."""

FARTHEST_M = 8.0
"""A face of a few pixels is not shown beyond the horizon."""

LIFETIME = Duration(sec=2)
"""Without news the people disappear; one who leaves is deleted at once."""

_HEAD, _BODY, _BUBBLE, _WORDS = "head", "body", "bubble", "words"
_BODY_BELOW_M = 0.48  # from the middle of a head to that of the body
_LETTERS_M = 0.1


class FaceMarkers:
    """Draws each face as a person, the attended one with a bubble that tells the expression.

    Every face has a small number as its marker id for as long as it is there.

    Args:
        viewpoint: where the camera is, and in which frame to draw.
    """

    def __init__(self, viewpoint: Viewpoint) -> None:
        self._viewpoint = viewpoint
        self._numbers: dict[str, int] = {}
        self._shown: set[tuple[str, int]] = set()

    def update(
        self, perceived: Perceived, header: Header, width: int, height: int, focal: float
    ) -> MarkerArray:
        """The markers of one image, and the deletion of those that are no longer there.

        Args:
            perceived: in the image.
            header: of the image.
            width: of the image, pixels.
            height: of the image, pixels.
            focal: length of the camera, pixels of the image.
        """
        frame = self._viewpoint.markers_frame or header.frame_id
        placed = Header(stamp=header.stamp, frame_id=frame)
        self._renumber([estimate.face_id for estimate in perceived.estimates])
        markers: list[Marker] = []
        for estimate in perceived.estimates:
            seen = position(estimate.box, width, height, focal)
            attended = estimate.face_id == perceived.attended
            number = self._numbers[estimate.face_id]
            markers += self._person(estimate, placed, number, seen, attended)
        shown = {(marker.ns, marker.id) for marker in markers}
        for space, number in sorted(self._shown - shown):
            markers.append(Marker(header=placed, ns=space, id=number, action=Marker.DELETE))
        self._shown = shown
        return MarkerArray(markers=markers)

    def _renumber(self, faces: list[str]) -> None:
        kept = {face: number for face, number in self._numbers.items() if face in faces}
        free = (number for number in range(len(faces)) if number not in kept.values())
        for face in faces:
            if face not in kept:
                kept[face] = next(free)
        self._numbers = kept

    def _person(
        self, estimate: EmotionEstimate, header: Header, number: int, seen: Point, attended: bool
    ) -> list[Marker]:
        opacity = 0.95 if attended else 0.35

        def part(space: str, above_m: float, scale: Vector3, alpha: float) -> Marker:
            red, green, blue = (value / 255 for value in colour_of(estimate.label))
            marker = Marker(header=header, ns=space, id=number, type=Marker.SPHERE)
            # Down is y in an optical frame.
            place = Point(x=seen.x, y=seen.y - above_m, z=seen.z)
            marker.pose.position = self._viewpoint.place(place)
            marker.pose.orientation = self._viewpoint.upright
            marker.scale, marker.lifetime = scale, LIFETIME
            marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
            return marker

        wide = FACE_WIDTH_M
        head = part(_HEAD, 0.0, Vector3(x=1.2 * wide, y=wide, z=1.45 * wide), opacity)
        body = part(_BODY, -_BODY_BELOW_M, Vector3(x=0.24, y=0.42, z=0.66), 0.6 * opacity)
        letters = _LETTERS_M if attended else 0.75 * _LETTERS_M
        # RViz takes x for the width of a space, and without it makes one a metre wide.
        words = part(_WORDS, 0.24, Vector3(x=0.26 * letters, z=letters), 1.0)
        words.type, words.text = Marker.TEXT_VIEW_FACING, caption(estimate)
        words.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0 if attended else 0.6)
        if not attended:
            return [head, body, words]
        across = 0.6 * letters * len(words.text) + 0.1
        bubble = part(_BUBBLE, 0.24, Vector3(x=across, y=across, z=2.2 * letters), 0.45)
        return [head, body, bubble, words]


def caption(estimate: EmotionEstimate) -> str:
    """What is known of a face, in one line of ASCII: RViz draws no other letters."""
    if estimate.label == UNKNOWN:
        return f"{UNKNOWN} ({estimate.flaw})" if estimate.flaw else UNKNOWN
    return f"{estimate.label} {estimate.confidence:.0%}"


def position(box: Box, width: int, height: int, focal: float) -> Point:
    """Where the face of a box is, in metres in the camera's optical frame (REP-103).

    Args:
        box: of the face, pixels.
        width: of the image, pixels.
        height: of the image, pixels.
        focal: length of the camera, pixels.
    """
    distance = min(focal * FACE_WIDTH_M / max(box.width, 1.0), FARTHEST_M)
    x, y = box.center
    return Point(
        x=(x - width / 2) * distance / focal, y=(y - height / 2) * distance / focal, z=distance
    )
