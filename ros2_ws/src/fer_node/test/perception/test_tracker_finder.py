from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.faces.face import Box, Face, Similarity
from ec_rfernet.faces.scales import MultiScaleDetector
from fer_node.perception.frame import RawFrame, open_compressed
from fer_node.perception.tracker import Finder, Interval, TextureFollower, Tracker
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
    scene = Scene(detect_every_s=0.0, search_every_s=0.0)
    scene.run(1.0, 30)
    assert len(scene.times) == 30 == scene.finder.detections


def test_an_empty_room_is_searched_at_its_own_interval():
    scene = Scene(search_every_s=0.1)
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
    scene = Scene(detect_every_s=interval)
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


# Looking at more than the whole picture.


class Glancing:
    """A detector of large faces, which sees only what fills a quarter of what it is shown."""

    def __init__(self, score: float) -> None:
        self.near = self if score < 0 else Glancing(-1)
        self.shown: list[tuple[int, int]] = []

    def detect(self, image):
        self.shown.append(image.shape[:2])
        seen = image[..., 2] == 255  # a red square is a face
        rows, columns = np.nonzero(seen)
        if not len(rows) or np.ptp(rows) + 1 < max(image.shape[:2]) / 4:
            return []
        return [frontal_face(columns.mean() + 0.5, rows.mean() + 0.5, float(np.ptp(rows) + 1))]

    def close(self) -> None:
        pass


def test_who_only_a_part_shows_is_found_in_turn_and_keeps_the_id():
    room = np.random.default_rng(2).integers(0, 200, (480, 640, 3), dtype=np.uint8)
    room[300:430, 480:610] = np.random.default_rng(3).integers(
        0, 255, (130, 130, 1), dtype=np.uint8
    )
    room[300:430, 480:610, 2] = 255
    assert Glancing(0.6).detect(room) == [], "the whole picture does not show it"
    finder = Finder(MultiScaleDetector(Glancing, 0.6, 32), Interval())
    tracker, ids = Tracker(1.0), []
    for index in range(60):
        tracks = tracker.update(finder.find(RawFrame(room), index / 30), index / 30)
        ids.append([track.id for track in tracks])
    first = next(index for index, found in enumerate(ids) if found)
    assert first < 40
    assert len({tuple(found) for found in ids[first:]}) == 1, "always there, always the same"
    (face,) = (track.face for track in tracks)
    assert face.box.center == pytest.approx((545, 365), abs=3)
    room[:] = np.random.default_rng(4).integers(0, 200, room.shape, dtype=np.uint8)
    assert finder.find(RawFrame(room), 2.0) == [], "nobody is there any more"


@pytest.mark.parametrize("rate", [5, 10, 30])
def test_looks_for_newcomers_come_as_often_as_detections_or_half_as_often(rate):
    detector = MultiScaleDetector(Glancing, 0.6, 32)
    finder, picture = Finder(detector, Interval()), np.zeros((480, 640, 3), np.uint8)
    looks = []
    detector.newcomers = lambda image, part, known: looks.append(part) or []  # type: ignore[method-assign]
    for index in range(3 * rate):
        finder.find(RawFrame(picture), index / rate)
    assert finder.detections / 2 - 1 <= len(looks) <= finder.detections
    assert set(looks) == set(detector.parts(picture)), "every part has its turn"
    assert len(looks) / 2 == pytest.approx(looks.count(detector.parts(picture)[0]), abs=1)


# Following faces in moving pictures.


COLLINS = Face(Box(180, 73, 90, 90), 0.9, frontal_face(225, 118, 90).keypoints)
"""About where Eileen Collins's face is."""


def moved(picture: np.ndarray, motion: Similarity) -> np.ndarray:
    """The picture after a motion of points that are counted from its corner."""
    half = 0.5 + 0.5j
    matrix = Similarity(motion.factor, motion.shift - half + motion.factor * half).matrix
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def about(face: Face, scale: float, angle: float, dx: float, dy: float) -> Similarity:
    """Turns and scales around the middle of a face, and shifts."""
    factor = scale * complex(np.cos(angle), np.sin(angle))
    middle = complex(*face.box.center)
    return Similarity(factor, middle - factor * middle + complex(dx, dy))


def follower(picture: np.ndarray, *faces: Face) -> TextureFollower:
    follower = TextureFollower()
    follower.learn(RawFrame(picture), faces or (COLLINS,))
    return follower


def motions(scale: float, angle: float, shift: float) -> st.SearchStrategy[Similarity]:
    """Motions of the face up to these limits."""
    return st.builds(
        lambda *how: about(COLLINS, *how),
        st.floats(1 - scale, 1 + scale),
        st.floats(-angle, angle),
        st.floats(-shift, shift),
        st.floats(-shift, shift),
    )


def is_there(face: Face, motion: Similarity, overlap: float = 0.95, away: float = 1.5) -> bool:
    expected = COLLINS.moved(motion)
    farthest = np.abs(face.keypoints - expected.keypoints).max()
    return face.box.overlap(expected.box) > overlap and bool(farthest < away)


@settings(max_examples=40, deadline=None)
@given(motion=motions(0.05, 0.1, 9))
def test_any_small_motion_is_found(collins, motion):
    """A face 90 pixels wide may move by its width in a third of a second at 30 images/s."""
    found = follower(collins).follow(RawFrame(moved(collins, motion)))
    assert found is not None
    assert is_there(found[0], motion)


@settings(max_examples=40, deadline=None)
@given(motion=motions(0.3, 0.6, 60))
def test_a_large_motion_is_found_or_given_up_but_never_mistaken(collins, motion):
    found = follower(collins).follow(RawFrame(moved(collins, motion)))
    assert found is None or is_there(found[0], motion, overlap=0.85, away=5)


def test_a_long_way_in_small_steps_adds_up_no_error(collins):
    following = follower(collins)
    for step in range(1, 25):
        motion = about(COLLINS, 1 + 0.012 * step, 0.01 * step, 5 * step, 2 * step)
        found = following.follow(RawFrame(moved(collins, motion)))
        assert found is not None
    assert np.abs(found[0].keypoints - COLLINS.moved(motion).keypoints).max() < 1.5


def test_light_that_changes_slowly_is_no_matter(collins):
    following = follower(collins)
    for level in np.linspace(1.0, 0.5, 10):
        assert following.follow(RawFrame((collins * level).astype(np.uint8))) is not None


@pytest.mark.parametrize("what", ["cut", "dark", "noise", "hidden", "blurred away"])
def test_what_is_no_longer_the_face_is_not_followed(collins, hopper, what):
    following = follower(collins)
    assert following.follow(RawFrame(collins)) is not None
    image = collins.copy()
    if what == "cut":
        image = cv2.resize(hopper, (512, 480))
    elif what == "dark":
        image[:] = 0
    elif what == "noise":
        image = np.random.default_rng(0).integers(0, 255, collins.shape, dtype=np.uint8)
    elif what == "hidden":
        image[60:180, 170:225] = (60, 90, 120)
    else:
        image = cv2.GaussianBlur(image, (0, 0), 30)
    assert following.follow(RawFrame(image)) is None


@pytest.mark.parametrize("speed", [12, 40])
def test_someone_who_walks_through_takes_nobody_along(collins, speed):
    """A wall of another texture passes before the face: from then on it is not followed."""
    wall = np.random.default_rng(1).integers(0, 255, (12, 4, 3), dtype=np.uint8)
    wall = cv2.resize(wall, (160, 480), interpolation=cv2.INTER_CUBIC)
    following = follower(collins)
    for left in range(0, 300, speed):
        image = collins.copy()
        image[:, left : left + 160] = wall[:, : collins.shape[1] - left]
        found = following.follow(RawFrame(image))
        if found is None:
            break
        assert found[0].box.center == pytest.approx(COLLINS.box.center, abs=8)
    assert left + 160 > 180 - 160 and left < 270, "given up while the face was covered"
    assert found is None


def test_a_face_that_leaves_the_picture_is_given_up(collins):
    following, found, step = follower(collins), [], 0
    while found is not None:
        step += 1
        assert step < 60, "followed to where nothing is"
        image = np.zeros_like(collins)
        image[:, : -8 * step] = collins[:, 8 * step :]
        found = following.follow(RawFrame(image))
    assert 8 * step < 225 + 45


def test_two_that_end_up_in_one_place_are_given_up(collins):
    """Only one of them can still be there."""
    other = Face(Box(186, 75, 90, 90), 0.9, COLLINS.keypoints + 6)
    assert follower(collins, COLLINS, other).follow(RawFrame(collins)) is None


def test_a_patch_without_contrast_is_never_followed():
    grey = np.full((480, 640, 3), 128, np.uint8)
    assert follower(grey).follow(RawFrame(grey)) is None


def test_nobody_is_followed_to_nobody(collins):
    assert TextureFollower().follow(RawFrame(collins)) == []


@pytest.mark.parametrize("place", [(-500, 90), (2000, 2000), (0, 0)])
def test_faces_beyond_the_border_are_no_error(collins, place):
    face = frontal_face(*place, 80)
    follower(collins, face).follow(RawFrame(collins))
