import json

import numpy as np
import pytest

from ec_rfernet import bundle, datasets
from ec_rfernet.errors import InputError
from ec_rfernet.faces.face import Box, Face
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.labels import LABELS, valence_arousal
from ec_rfernet.model import Model

CKPLUS = datasets.get("ckplus").labels


def write(folder, labels):
    folder.mkdir()
    (folder / bundle.ONNX).write_bytes(b"a network")
    return bundle.save(
        bundle.Bundle(
            folder=folder, name="test", architecture="ec_rfernet", input_size=44,
            mean=0.5, std=0.25, framing=FER2013, labels=labels,
        )
    )  # fmt: skip


@pytest.mark.parametrize("name", datasets.DATASETS)
def test_a_bundle_of_every_data_set_can_be_loaded(tmp_path, name):
    written = write(tmp_path / name, datasets.get(name).labels)
    assert bundle.load(written.folder).labels == datasets.get(name).labels


@pytest.mark.parametrize(
    "labels",
    [
        [],
        ["happy"],
        ["happy", "happy"],
        [*LABELS, "unknown"],
        [1, 2],
        [["a"]],
        ["happy", ""],
        ["happy", "a,b"],
        ["happy", "two\nlines"],
        ["happy", " sad"],
        ["happy", "x" * 33],
        [str(number) for number in range(257)],
    ],
)
def test_what_are_no_labels_is_refused(tmp_path, labels):
    folder = write(tmp_path / "bad", LABELS).folder
    manifest = json.loads((folder / bundle.MANIFEST).read_text())
    (folder / bundle.MANIFEST).write_text(json.dumps({**manifest, "labels": labels}))
    with pytest.raises(InputError, match=r"labels is \(.*, expected 2\.\.256 different words like"):
        bundle.load(folder)


class Sure:
    """Classifies every face as the last of the bundle's labels."""

    def __init__(self, model):
        self.bundle = model

    def probabilities(self, crops):
        return np.tile(np.eye(len(self.bundle.labels), dtype=np.float32)[-1], (len(crops), 1))


class OneFace:
    def detect(self, image):
        points = np.array([[30, 30], [60, 30], [45, 45], [45, 60], [20, 30], [70, 30]])
        return [Face(Box(20, 20, 50, 50), 0.9, points.astype(np.float32))]

    def close(self):
        pass


def test_contempt_is_not_called_neutral(tmp_path):
    model = write(tmp_path / "ck", CKPLUS)
    image = np.zeros((90, 90, 3), np.uint8)
    (face,) = Model(Sure(model), OneFace()).predict(image)
    assert (face.label, face.confidence) == ("contempt", 1)
    assert (face.valence, face.arousal) == pytest.approx((-0.45, -0.10))


def test_words_that_no_other_model_knows_are_labels(tmp_path):
    labels = ("amused", "very bored", "überrascht", "half-asleep", "level_3")
    assert bundle.load(write(tmp_path / "own", labels).folder).labels == labels


def test_valence_and_arousal_are_those_of_the_seven_labels():
    assert valence_arousal(np.eye(7)[LABELS.index("neutral")]) == (0, 0)
