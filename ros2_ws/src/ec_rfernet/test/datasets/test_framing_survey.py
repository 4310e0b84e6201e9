import sys

import cv2
import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets import framing_survey
from ec_rfernet.datasets.framing_survey import framing_of, sample
from ec_rfernet.errors import InputError
from ec_rfernet.faces.blazeface import BlazeFaceDetector
from ec_rfernet.faces.framing import FER2013, Framing, align


@pytest.fixture(scope="module")
def face(collins):
    """A real face in a framing that is not FER2013's: smaller, and higher up."""
    image = cv2.imread(str(collins))
    detector = BlazeFaceDetector()
    found = detector.detect(image)[0]
    detector.close()
    return align(image, found, HIGHER, 48)


HIGHER = Framing(48, ((16.0, 15.0), (32.0, 15.0), (24.0, 31.0)))


def test_fer2013_was_measured_once_and_for_all():
    assert framing_of("fer2013", np.zeros((3, 48, 48), np.uint8)) == FER2013


def test_the_framing_of_other_sets_is_measured(face):
    found = framing_of("rafdb", np.stack([face] * 3))
    assert found.size == 48
    np.testing.assert_allclose(found.anchors, HIGHER.anchors, atol=2)


def test_pictures_without_a_face_are_no_ground_for_a_framing():
    with pytest.raises(InputError, match="no face was found in any of 2 pictures"):
        framing_of("rafdb", np.zeros((2, 48, 48), np.uint8))


def test_a_sample_is_always_the_same():
    images = np.arange(50)[:, None, None]
    assert len(sample(images, 20)) == 20
    assert len(set(sample(images, 20).ravel())) == 20
    np.testing.assert_array_equal(sample(images, 20), sample(images, 20))
    assert len(sample(images, 0)) == len(sample(images, 100)) == 50


def test_the_command(face, tmp_path, capsys, monkeypatch):
    for number in range(1, 8):
        for part in ("train", "test"):
            folder = tmp_path / part / str(number)
            folder.mkdir(parents=True)
            for index in range(2):
                cv2.imwrite(str(folder / f"{part}_{number}{index}.png"), face)
    arguments = ["framing_survey", "--dataset", "rafdb", "--root", str(tmp_path), "--limit", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert framing_survey.main() == 0
    out = capsys.readouterr().out
    assert "2 images, faces found in 100.0%" in out
    assert "mouth" in out
    arguments[4] = str(tmp_path / "nowhere")
    assert framing_survey.main() == 2
    assert "no RAF-DB here" in capsys.readouterr().err


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_every_set_says_what_the_others_need_to_know(name):
    dataset = datasets.get(name)
    assert dataset.name == name
    assert dataset.validation in dataset.splits
    assert dataset.validation not in ("test", "private")
    assert dataset.provenance
    assert len(set(dataset.labels)) == len(dataset.labels)
