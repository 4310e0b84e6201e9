"""Our detector sees what MediaPipe sees, in the clip and in rooms full of people."""

import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from ec_rfernet.faces import DETECTORS, LEAST_SCORE
from ec_rfernet.faces.face import Face, FaceDetector
from fer_bringup.clip.portraits import Portrait
from fer_bringup.clip.stage import FRAMES, HEIGHT, WIDTH, Scene
from tests.benchmarks.scene import frames, heads

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="no MediaPipe that sends nothing serves this Python"
)

Both = tuple[FaceDetector, FaceDetector]


@pytest.fixture(scope="module", name="both")
def both_detectors() -> Iterator[Both]:
    """Ours and MediaPipe's."""
    both = (DETECTORS.get("blazeface")(LEAST_SCORE), DETECTORS.get("mediapipe")(LEAST_SCORE))
    yield both
    for detector in both:
        detector.close()


@pytest.fixture(scope="module")
def people() -> tuple[Portrait, ...]:
    """Two heads."""
    return heads()


def places(face: Face) -> np.ndarray:
    """The corners of the box and the key points, [8, 2]."""
    box = face.box
    corners = [[box.x, box.y], [box.x + box.width, box.y + box.height]]
    return np.concatenate([corners, face.keypoints])


def agreed(both: Both, image: np.ndarray) -> int:
    """How many faces both find, when they are the same."""
    ours, theirs = (detector.detect(image) for detector in both)
    assert len(ours) == len(theirs)
    for face in ours:
        twin = min(theirs, key=lambda other: float(np.abs(places(other) - places(face)).max()))
        assert np.abs(places(twin) - places(face)).max() < 1.0  # pixels
        assert abs(twin.score - face.score) < 0.02
    return len(ours)


def test_in_the_clip(both: Both) -> None:
    clip = Scene()
    counts = [agreed(both, clip.frame(index)) for index in range(0, FRAMES, 60)]
    assert set(counts) == {0, 1, 2} and sum(counts) > 15


@pytest.mark.parametrize("faces", [1, 3, 10])
@pytest.mark.parametrize("size", [(320, 240), (WIDTH, HEIGHT), (1280, 720)])
def test_in_a_room(
    both: Both, people: tuple[Portrait, ...], faces: int, size: tuple[int, int]
) -> None:
    (image,) = frames(people, *size, faces, 1)
    found = 0
    for degrees in (-35, 0, 20):
        turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), degrees, 1.0)
        found += agreed(both, cv2.warpAffine(image, turn, size))
    assert found > faces
