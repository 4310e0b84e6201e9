from __future__ import annotations

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from ec_rfernet.faces.face import Box
from ec_rfernet.labels import UNKNOWN
from ec_rfernet.perceived import EmotionEstimate, Perceived
from ec_rfernet.show.palette import COLOURS
from fer_common.camera import focal_px
from fer_node.show.markers import FACE_WIDTH_M, FARTHEST_M, FaceMarkers, Viewpoint, position
from fer_node.testing.fakes import frontal_face

HEADER = Header(stamp=Time(sec=7), frame_id="camera_optical_frame")
BODY = Viewpoint("base_link", 0.14, 0.02, 1.15)
WIDTH, HEIGHT = 640, 480
FOCAL = focal_px(WIDTH, fov_deg=60.0)


def estimate(face_id, label="happy", box=(280, 200, 80, 80), flaw=None):
    even = np.full(7, 1 / 7, np.float32)
    return EmotionEstimate(face_id, label, 0.9, even, 0.0, 0.0, Box(*box), flaw)


def update(markers, *people, attended=None):
    perceived = Perceived(tuple(people), attended)
    return markers.update(perceived, HEADER, WIDTH, HEIGHT, FOCAL).markers


def shown(markers):
    return {(m.ns, m.id) for m in markers if m.action == Marker.ADD}


def deleted(markers):
    return {(m.ns, m.id) for m in markers if m.action == Marker.DELETE}


def head(markers, number=0):
    return next(m for m in markers if (m.ns, m.id) == ("head", number))


@pytest.mark.parametrize(
    ("middle", "left", "up"),
    [((320, 240), 0, 0), ((160, 240), 1, 0), ((480, 240), -1, 0), ((320, 60), 0, 1)],
)
def test_a_face_is_where_it_is_seen_from_the_robot(middle, left, up):
    """REP-103: x forward, y left, z up; the camera looks along x."""
    x, y = middle
    found = head(update(FaceMarkers(BODY), estimate("a", box=(x - 40, y - 40, 80, 80))))
    place = found.pose.position
    focal = 320 / math.tan(math.radians(30))
    assert place.x == pytest.approx(0.14 + focal * 0.15 / 80)
    assert np.sign(round(place.y - 0.02, 6)) == left
    assert np.sign(round(place.z - 1.15, 6)) == up
    assert found.header.frame_id == "base_link" and found.header.stamp.sec == 7


def test_without_a_frame_of_its_own_it_is_in_the_images_frame():
    found = head(update(FaceMarkers(Viewpoint()), estimate("a")))
    place = found.pose.position
    assert found.header.frame_id == "camera_optical_frame"
    assert (place.x, place.y) == (0, 0) and place.z == pytest.approx(1.039, abs=1e-3)
    # A person's x, y and z, which are forward, left and up, in the camera's axes.
    q = found.pose.orientation
    forward = np.array([0, 2 * (q.x * q.y + q.z * q.w), 2 * (q.x * q.z - q.y * q.w)])
    assert forward == pytest.approx([0, 0, 1])


def test_a_body_stands_below_its_head_in_either_frame():
    for viewpoint, axis in ((BODY, "z"), (Viewpoint(), "y")):
        markers = update(FaceMarkers(viewpoint), estimate("a"))
        body = next(m for m in markers if m.ns == "body")
        difference = getattr(body.pose.position, axis) - getattr(head(markers).pose.position, axis)
        assert difference * (1 if axis == "y" else -1) > 0.3


def test_a_face_of_one_pixel_is_not_shown_beyond_the_horizon():
    assert position(Box(0, 0, 0.001, 1), WIDTH, HEIGHT, FOCAL).z == FARTHEST_M


def test_the_attended_one_has_a_bubble_and_the_others_are_paler():
    markers = update(FaceMarkers(BODY), estimate("a"), estimate("b", "sad"), attended="b")
    assert {m.id for m in markers if m.ns == "bubble"} == {1}
    assert head(markers, 1).color.a > 2 * head(markers, 0).color.a
    colour = head(markers, 1).color
    assert [round(255 * v) for v in (colour.r, colour.g, colour.b)] == list(COLOURS["sad"])
    words = {m.id: m for m in markers if m.ns == "words"}
    assert (words[0].text, words[1].text) == ("happy 90%", "sad 90%")
    assert words[1].scale.z > words[0].scale.z


@pytest.mark.parametrize(("flaw", "text"), [(None, UNKNOWN), ("too small", "unknown (too small)")])
def test_what_is_unknown_is_called_so(flaw, text):
    markers = update(FaceMarkers(BODY), estimate("a", UNKNOWN, flaw=flaw), attended="a")
    assert next(m.text for m in markers if m.ns == "words") == text


def test_a_face_keeps_its_ids_when_others_come_and_go():
    markers = FaceMarkers(BODY)
    update(markers, estimate("a"), estimate("b"), estimate("c"))
    again = update(markers, estimate("c"), estimate("b"))
    assert shown(again) == {(ns, n) for ns in ("head", "body", "words") for n in (1, 2)}
    assert deleted(again) == {(ns, 0) for ns in ("head", "body", "words")}
    last = update(markers, estimate("d"), estimate("c"), estimate("b"))
    assert shown(last) == {(ns, n) for ns in ("head", "body", "words") for n in (0, 1, 2)}
    assert not deleted(last)


def test_the_bubble_goes_when_attention_does():
    markers = FaceMarkers(BODY)
    update(markers, estimate("a"), attended="a")
    assert deleted(update(markers, estimate("a"))) == {("bubble", 0)}
    assert deleted(update(markers)) == {("head", 0), ("body", 0), ("words", 0)}
    assert update(markers) == []


@pytest.mark.parametrize("number", [0, 1, 3, 10])
def test_rviz_has_nothing_to_complain_about(number):
    """It warns of two markers with one id, of a scale of zero and of a turn that is none."""
    people = [estimate(f"f{index}") for index in range(number)]
    markers = update(FaceMarkers(BODY), *people, attended="f0")
    assert len(shown(markers)) == len(markers)
    for marker in markers:
        q, scale = marker.pose.orientation, marker.scale
        assert q.x**2 + q.y**2 + q.z**2 + q.w**2 == pytest.approx(1)
        solid = marker.type != Marker.TEXT_VIEW_FACING
        assert scale.z > 0 and scale.x > 0 and (scale.y > 0 or not solid)
        assert 0 < marker.color.a <= 1
        assert marker.text.isascii() and bool(marker.text) != solid
        assert marker.lifetime.sec >= 1, "disappears without news, but not between two images"


def test_a_label_of_another_model_has_a_colour_of_its_own():
    colours = [
        head(update(FaceMarkers(BODY), estimate("a", label))).color for label in ("bored", "amazed")
    ]
    assert len({(round(c.r, 3), round(c.g, 3), round(c.b, 3)) for c in colours}) == 2


def test_a_face_is_placed_by_its_size_and_the_focal_length():
    ahead = position(frontal_face(320, 240, 64).box, 640, 480, 320.0)
    assert (ahead.x, ahead.y) == (0, 0)
    assert ahead.z == pytest.approx(FACE_WIDTH_M * 320 / 64)
    aside = position(frontal_face(640, 240, 64).box, 640, 480, 320.0)
    assert math.degrees(math.atan2(aside.x, aside.z)) == pytest.approx(45)
