"""When faces are detected, and when they are followed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_node.perception.finder import Finder, Interval
from fer_node.perception.frame import RawFrame, open_compressed
from fer_node.testing.fakes import FakeDetector, frontal_face

FACE = frontal_face(160, 120, 80)
ROOM = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)


class Scene:
    """A detector that finds the face only in the one picture, and the times it was asked."""

    def __init__(self, **interval: float) -> None:
        self.now, self.times, self.shown = 0.0, [], ROOM
        self.faces = [FACE]
        self.finder = Finder(FakeDetector(self._detect), Interval(**interval))

    def _detect(self, image):
        self.times.append(self.now)
        return self.faces if np.array_equal(image, ROOM) else []

    def run(self, seconds: float, rate: float) -> list[int]:
        """Shows the picture for a while; the number of faces in each image."""
        found = []
        for _ in range(round(seconds * rate)):
            found.append(len(self.finder.find(RawFrame(self.shown), self.now)))
            self.now += 1 / rate
        return found


@pytest.mark.parametrize(
    ("rate", "detections"), [(5, 10), (10, 10), (30, 10), (120, 10), (2, 4), (240, 10)]
)
def test_the_number_of_detections_does_not_depend_on_the_camera(rate, detections):
    scene = Scene()
    assert set(scene.run(2.0, rate)) == {1}
    assert len(scene.times) == pytest.approx(detections, abs=1)


def test_zero_detects_in_every_image():
    scene = Scene(followed_s=0.0, empty_s=0.0)
    scene.run(1.0, 30)
    assert len(scene.times) == 30 == scene.finder.detections


def test_an_empty_room_is_searched_at_its_own_interval():
    scene = Scene(empty_s=0.1)
    scene.shown = OTHER
    scene.run(2.0, 30)
    assert len(scene.times) == pytest.approx(20, abs=1)
    scene.shown, began = ROOM, scene.now
    found = scene.run(0.2, 30)
    assert found[-1] == 1
    assert scene.times[-1] - began <= 0.1 + 1 / 30


def test_a_cut_is_noticed_at_once_and_leaves_no_ghost():
    scene = Scene()
    scene.run(0.5, 30)
    scene.shown, asked, began = OTHER, len(scene.times), scene.now
    assert scene.run(0.5, 30) == [0] * 15
    searched = [time - began for time in scene.times[asked:]]
    assert searched[0] == pytest.approx(0)
    assert len([time for time in searched if time <= 0.2]) >= 6, "looked for in every image"
    assert len(searched) < 12, "but not for ever"


def test_a_face_that_comes_back_is_found_in_the_next_image():
    scene = Scene()
    scene.run(0.5, 30)
    scene.shown = OTHER
    scene.run(0.1, 30)
    scene.shown = ROOM
    assert scene.run(0.1, 30) == [1, 1, 1]


@settings(deadline=None)
@given(st.floats(0.02, 0.5), st.floats(5, 120))
def test_a_false_face_lives_no_longer_than_the_interval(interval, rate):
    scene = Scene(followed_s=interval)
    scene.run(0.5, rate)
    scene.faces = []  # the texture stays, but the detector sees that it is no face
    began = scene.now
    found = scene.run(2 * interval + 2 / rate, rate)
    assert found.index(0) / rate <= interval + 1 / rate
    assert scene.times[-1] >= began


def test_reset_detects_anew():
    scene = Scene()
    scene.run(0.05, 60)
    scene.finder.reset()
    scene.run(0.02, 60)
    assert len(scene.times) == 2


def test_faces_of_a_reduced_picture_are_told_in_its_full_size():
    data = cv2.imencode(".jpg", cv2.resize(ROOM, (1280, 960)))[1].tobytes()
    seen = []
    finder = Finder(FakeDetector(lambda image: seen.append(image.shape) or [FACE]), Interval())
    (face,) = finder.find(open_compressed(data), 0.0)
    assert seen == [(240, 320, 3)]
    assert face.box.center == pytest.approx((640, 480))
    assert face.box.width == pytest.approx(320)
    np.testing.assert_allclose(face.keypoints, 4 * FACE.keypoints)
