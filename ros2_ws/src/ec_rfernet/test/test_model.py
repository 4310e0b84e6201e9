"""The library for people: from a picture to expressions in two lines, also from its wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import ec_rfernet
from ec_rfernet.errors import InputError

PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parents[2]
MODEL = PROJECT / "models" / "ec_rfernet"


@pytest.fixture(scope="module")
def model():
    with ec_rfernet.load(MODEL) as found:
        yield found


def test_everything_that_is_exported_is_there_and_explained():
    assert dir(ec_rfernet) == sorted(ec_rfernet.__all__)
    for name in ec_rfernet.__all__:
        assert getattr(ec_rfernet, name) is not None
    for kind in (ec_rfernet.load, ec_rfernet.Model, ec_rfernet.FaceExpression, ec_rfernet.Box):
        assert kind.__doc__
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        ec_rfernet.laod  # noqa: B018


def test_to_import_it_is_cheap():
    code = (
        "import ec_rfernet, sys; print({'numpy', 'cv2', 'torch', 'onnxruntime'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_face_with_all_that_is_known_of_it(model, collins):
    (face,) = model.predict(collins)
    assert face.label == "happy"
    assert face.confidence == face.probabilities["happy"] == max(face.probabilities.values())
    assert tuple(face.probabilities) == model.labels == ec_rfernet.LABELS
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert face.valence > 0.5
    assert -1 <= face.arousal <= 1
    assert face.keypoints.shape == (len(ec_rfernet.KEYPOINTS), 2)
    assert 0 < face.score <= 1
    x, y = face.keypoints[ec_rfernet.KEYPOINTS.index("nose")]
    assert face.box.x < x < face.box.x + face.box.width
    assert face.box.y < y < face.box.y + face.box.height


def test_a_picture_that_is_nothing_but_a_face(model, collins):
    (expected,) = model.predict(collins)
    image, box = cv2.imread(str(collins)), expected.box
    right, left, _, mouth = expected.keypoints[:4]
    middle, side = (right + left + mouth) / 3, 2.7 * np.linalg.norm(left - right)
    x, y = (round(float(value - side / 2)) for value in middle)
    crop = image[y : y + round(side), x : x + round(side)]
    (whole,) = model.predict(crop, whole=True)
    assert whole.label == expected.label == "happy"
    assert (whole.box.width, whole.box.height) == crop.shape[1::-1]
    assert model.predict(np.zeros((48, 48, 3), np.uint8), whole=True)[0].score == 1
    assert box.width < side * 1.2


def test_a_path_and_every_form_of_an_image_answer_the_same(model, collins):
    image = cv2.imread(str(collins))
    (expected,) = model.predict(str(collins))
    alpha = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    for form in (image, alpha, grey, image[:, :, ::-1][:, :, ::-1]):
        (found,) = model.predict(form)
        assert found.label == expected.label
        assert found.confidence == pytest.approx(expected.confidence, abs=0.05)


def test_a_picture_without_a_face(model):
    assert model.predict(np.zeros((100, 100, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((9, 9, 3)), "image is float64, expected uint8"),
        (np.zeros((9, 9, 2), np.uint8), r"image is \[9, 9, 2\], expected \[H, W, 3\]"),
        (np.zeros((0, 9, 3), np.uint8), "image is uint8, expected uint8 .* with pixels in it"),
        ([[1, 2]], "image is list, expected uint8"),
        (__file__, "not a picture that can be read"),
    ],
)
def test_what_is_no_image(model, image, message):
    with pytest.raises(InputError, match=message):
        model.predict(image)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "huge"}, "no model 'huge'; expected the path of a bundle or one of"),
        ({"detector": "eyes"}, "detector is 'eyes', expected one of: blazeface, mediapipe"),
        ({"runtime": "abacus"}, "runtime is 'abacus', expected auto or one of"),
        ({"min_score": 2}, "min_score is 2, expected 0..1"),
        ({"min_score": np.float32(2)}, "min_score is 2.0, expected 0..1"),
        ({"min_score": np.nan}, "min_score is nan, expected 0..1"),
        ({"min_score": "0.5"}, "min_score is 0.5, expected 0..1"),
        ({"threads": -1}, "threads is -1, expected a whole number, 0 or more"),
        ({"threads": 1.5}, "threads is 1.5, expected a whole number, 0 or more"),
    ],
)
def test_what_cannot_be_loaded(arguments, message):
    with pytest.raises(InputError, match=message):
        ec_rfernet.load(**{"model": MODEL, **arguments})


@pytest.mark.parametrize("number", [np.float16, np.float32, np.float64, np.int64, np.uint8, int])
def test_numbers_may_be_numpys(number):
    with ec_rfernet.load(MODEL, min_score=number(1), threads=np.int32(1)) as model:
        assert model.predict(np.zeros((64, 64), np.uint8)) == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, unpacked; built from a copy, for building writes beside the sources."""
    root = tmp_path_factory.mktemp("wheel")
    copy = root / PACKAGE.relative_to(PROJECT)
    ignored = shutil.ignore_patterns("test", "build", "*.egg-info", "__pycache__")
    shutil.copytree(PACKAGE, copy, ignore=ignored)
    (root / "models").symlink_to(PROJECT / "models")
    subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", str(root)],
        cwd=copy, env=fresh(), capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    (found,) = root.glob("ec_rfernet-*.whl")
    with zipfile.ZipFile(found) as archive:
        archive.extractall(root / "unpacked")
    return root / "unpacked"


def fresh(**more):
    """The environment of somebody who has no ROS."""
    ours = ("AMENT_PREFIX_PATH", "COLCON", "PYTHONPATH")
    return {**{k: v for k, v in os.environ.items() if k not in ours}, **more}


def test_the_wheel_holds_what_runs_and_not_what_trains(wheel):
    bundles = wheel / "ec_rfernet" / "bundles"
    shipped = {path.parent.name for path in (PROJECT / "models").glob("*/bundle.json")}
    assert {path.name for path in bundles.iterdir()} == shipped
    assert {path.name for path in (bundles / "ec_rfernet").iterdir()} == {
        "bundle.json", "MODEL_CARD.md", "model.onnx", "model.int8.onnx", "model.program",
        "model.int8.program",
    }  # fmt: skip
    assert [path.name for path in wheel.glob("*.dist-info/**/LICENSE")] == ["LICENSE"]
    assert not (wheel / "test").exists()


def test_two_lines_from_the_wheel(wheel, collins):
    code = (
        "import ec_rfernet; model = ec_rfernet.load('ec_rfernet');"
        f"faces = model.predict({str(collins)!r});"
        "print(ec_rfernet.__file__, model.bundle.folder, faces[0].label)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=wheel.parent, env=fresh(PYTHONPATH=str(wheel)),
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    file, folder, label = done.stdout.split()
    assert Path(file).is_relative_to(wheel)
    assert Path(folder).is_relative_to(wheel)
    assert label == "happy"
