"""A tiny model of eight labels is trained, exported, and knows its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import Bundle
from ec_rfernet.faces.face import Face
from ec_rfernet.labels import CONTEMPT, LABELS
from ec_rfernet.model import Model
from ec_rfernet.runtimes import available, open_classifier
from ec_rfernet.testing import picture, scene, tiny_bundle

EIGHT = (*LABELS, CONTEMPT)


@pytest.fixture(scope="module")
def eight(trusted: Path) -> Bundle:
    return tiny_bundle(trusted / "eight", EIGHT)


class Finder:
    """Finds the face that it was told of."""

    face: Face

    def detect(self, image: np.ndarray) -> list[Face]:
        return [self.face]

    def close(self) -> None:
        pass


def test_every_label_is_told_in_every_runtime(eight: Bundle) -> None:
    assert bundles.load(eight.folder) == eight
    finder = Finder()
    for runtime, precision in available(eight):
        classifier = open_classifier(eight, 1, runtime, precision)
        assert classifier.labels == EIGHT
        with Model(classifier, finder) as model:
            for number, label in enumerate(EIGHT):
                image, finder.face = scene(number, len(EIGHT), seed=1000)
                (found,) = model.predict(image)
                assert (found.label, [*found.probabilities]) == (label, [*EIGHT])
                assert found.confidence > 0.9


def test_contempt_is_unpleasant(eight: Bundle) -> None:
    image, face = scene(EIGHT.index(CONTEMPT), len(EIGHT))
    finder = Finder()
    finder.face = face
    (found,) = Model(open_classifier(eight), finder).predict(image)
    assert found.valence == pytest.approx(-0.45, abs=0.1)
    assert found.arousal == pytest.approx(-0.10, abs=0.1)


def test_labels_of_ones_own(trusted: Path) -> None:
    made = tiny_bundle(trusted / "own", ("bored", "amused"))
    assert (made.name, made.labels) == ("own", ("bored", "amused"))
    image, face = scene(1, 2)
    finder = Finder()
    finder.face = face
    (found,) = Model(open_classifier(made), finder).predict(image)
    assert (found.label, found.valence, found.arousal) == ("amused", 0, 0)


def test_pictures_are_the_same_each_time_and_differ_by_class_and_seed() -> None:
    assert (picture(0, 8) == picture(0, 8)).all()
    assert (picture(0, 8) != picture(1, 8)).any()
    assert (picture(0, 8) != picture(0, 8, seed=1)).any()
