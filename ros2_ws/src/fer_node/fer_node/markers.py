"""The people in front of the camera, for RViz."""

from __future__ import annotations

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ec_rfernet.faces import Box
from fer_node.estimate import EmotionEstimate
from fer_node.images import focal_px
from fer_node.palette import COLOURS
from fer_node.perception import Perceived

FACE_WIDTH_M = 0.15
"""Of an adult, between the cheeks; a distance is estimated from it."""

_SHOWN_FOR = Duration(sec=0, nanosec=500_000_000)


def markers(
    perceived: Perceived, header: Header, width: int, height: int, fov_deg: float
) -> MarkerArray:
    """A ball for each face, and a text beside the attended one.

    Args:
        perceived: see there.
        header: of the source image, whose frame is an optical one.
        width: of the source image, pixels.
        height: of the source image, pixels.
        fov_deg: horizontal field of view of the camera, degrees.
    """
    found = []
    for index, estimate in enumerate(perceived.estimates):
        attended = estimate.face_id == perceived.attended
        place = position(estimate.box, width, height, fov_deg)
        ball = _marker(header, "faces", index, estimate, place)
        ball.type = Marker.SPHERE
        ball.scale = Vector3(x=FACE_WIDTH_M, y=1.4 * FACE_WIDTH_M, z=FACE_WIDTH_M)
        ball.color.a = 0.9 if attended else 0.4
        found.append(ball)
        if attended:
            place = Point(x=place.x, y=place.y - 1.4 * FACE_WIDTH_M, z=place.z)
            text = _marker(header, "attended", 0, estimate, place)
            text.type = Marker.TEXT_VIEW_FACING
            text.scale = Vector3(x=0.0, y=0.0, z=0.1)
            text.text = f"{estimate.face_id}: {estimate.label} {estimate.confidence:.0%}"
            found.append(text)
    return MarkerArray(markers=found)


def position(box: Box, width: int, height: int, fov_deg: float) -> Point:
    """Where the face of a box is, in metres in the camera's optical frame."""
    focal = focal_px(width, fov_deg)
    distance = focal * FACE_WIDTH_M / box.width
    x, y = box.center
    return Point(
        x=(x - width / 2) * distance / focal, y=(y - height / 2) * distance / focal, z=distance
    )


def _marker(
    header: Header, namespace: str, index: int, estimate: EmotionEstimate, place: Point
) -> Marker:
    red, green, blue = (value / 255 for value in COLOURS[estimate.label])
    marker = Marker(header=header, ns=namespace, id=index, action=Marker.ADD, lifetime=_SHOWN_FOR)
    marker.pose.position = place
    marker.pose.orientation.w = 1.0
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
    return marker
