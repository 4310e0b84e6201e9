from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ec_rfernet.faces.blazeface import BlazeFaceDetector
from ec_rfernet.faces.face import Face
from ec_rfernet.labels import CONTEMPT, LABELS, UNKNOWN
from ec_rfernet.show.overlay import draw
from fer_node.perception.frame import RawFrame
from fer_node.perception.pipeline import (
    Perception,
    PerceptionSettings,
    Smoothing,
    crop_flaw,
    turn,
    view_flaw,
)
from fer_node.perception.tracker import Interval
from fer_node.testing.fakes import FAKE_BUNDLE, FakeClassifier, FakeDetector, frontal_face, surely

NOISE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def people(number: int):
    return [frontal_face(60 + 120 * (i % 5), 60 + 110 * (i // 5), 60 + i) for i in range(number)]


@pytest.mark.parametrize("number", [0, 1, 20])
def test_all_faces_of_an_image_are_judged_in_one_batch(number):
    classifier = FakeClassifier(surely("happy"))
    perception = Perception(
        FakeDetector(lambda image: people(number)), classifier, PerceptionSettings()
    )
    for step in range(20):
        perceived = perception.process(RawFrame(NOISE), step / 20)
    assert classifier.batches == ([number] * 20 if number else [])
    assert [e.label for e in perceived.estimates] == ["happy"] * number
    assert len({e.face_id for e in perceived.estimates}) == number
    if number:
        assert perceived.focus is perceived.estimates[-1], "the largest is attended to"
        assert perceived.focus.valence > 0.5
        assert perceived.focus.box.overlap(people(number)[-1].box) == pytest.approx(1)
    else:
        assert perceived.focus is None and perceived.attended is None


def test_faces_that_cannot_be_judged_are_unknown_with_the_reason():
    faces = [
        frontal_face(100, 100, 100),
        frontal_face(300, 100, 20),
        frontal_face(500, 100, 90, turn=0.9),
        frontal_face(100, 400, 90),
    ]
    image = NOISE.copy()
    image[300:] = 0
    classifier = FakeClassifier(surely("sad"))
    perceived = Perception(FakeDetector(lambda _: faces), classifier, PerceptionSettings()).process(
        RawFrame(image), 0
    )
    assert [(e.label, e.flaw) for e in perceived.estimates] == [
        ("sad", None),
        (UNKNOWN, "too small"),
        (UNKNOWN, "turned away"),
        (UNKNOWN, "too dark"),
    ]
    assert classifier.batches == [1]


def test_reset_forgets_everybody():
    detector = FakeDetector(lambda image: people(1))
    perception = Perception(detector, FakeClassifier(surely("sad")), PerceptionSettings())
    before = perception.process(RawFrame(NOISE), 0.0).estimates[0].face_id
    perception.reset()
    after = perception.process(RawFrame(NOISE), 0.1)
    assert after.estimates[0].face_id != before
    assert after.attended is None


def test_other_settings_hold_from_the_next_image_on_and_nobody_is_forgotten():
    classifier, settings = FakeClassifier(surely("sad")), PerceptionSettings()
    perception = Perception(FakeDetector(lambda image: people(1)), classifier, settings)
    before = perception.process(RawFrame(NOISE), 0.0).estimates[0]
    perception.adjust(replace(settings, min_face_px=400.0))
    after = perception.process(RawFrame(NOISE), 0.1).estimates[0]
    assert (before.face_id, before.flaw, after.flaw) == (after.face_id, None, "too small")
    unsmoothed = replace(settings, smoothing=Smoothing(smoothing_s=0.0))
    perception.adjust(unsmoothed)
    again = perception.process(RawFrame(NOISE), 0.2).estimates[0]
    assert again.probabilities == pytest.approx(surely("sad"), abs=1e-6)


def test_labels_are_those_of_the_model():
    labels = (*LABELS, CONTEMPT)
    classifier = FakeClassifier(
        surely(CONTEMPT, labels=labels), replace(FAKE_BUNDLE, labels=labels)
    )
    faces = [frontal_face(100, 100, 100), frontal_face(300, 100, 20)]
    perception = Perception(FakeDetector(lambda _: faces), classifier, PerceptionSettings())
    perceived = perception.process(RawFrame(NOISE), 0)
    assert perceived.labels == labels
    assert [e.label for e in perceived.estimates] == [CONTEMPT, UNKNOWN]
    assert [e.probabilities.shape for e in perceived.estimates] == [(8,), (8,)]
    assert perceived.estimates[1].probabilities == pytest.approx(1 / 8)
    assert -1 <= perceived.estimates[0].valence <= 1


def test_each_face_is_smoothed_by_itself():
    classifier = FakeClassifier(surely("sad"))
    shown = people(1)
    settings = PerceptionSettings(interval=Interval(detect_every_s=0.0))
    perception = Perception(FakeDetector(lambda image: shown), classifier, settings)
    for step in range(10):
        perception.process(RawFrame(NOISE), step / 20)
    shown = [*people(1), frontal_face(500, 300, 100)]
    classifier.row = surely("happy")
    assert [e.label for e in perception.process(RawFrame(NOISE), 0.5).estimates] == ["sad", "happy"]


@pytest.mark.parametrize("number", [0, 1, 3, 20])
@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (48, 64), (1080, 1920)])
def test_the_overlay_draws_on_a_copy_whatever_the_image(number, shape):
    image = np.zeros((*shape, 3), np.uint8)
    kept = image.copy()
    faces = [frontal_face(-50, 2000, 300), frontal_face(5, 5, 500), *people(18)][:number]
    classifier = FakeClassifier(surely("surprised"))
    settings = PerceptionSettings(attend_after_s=0.0)
    perception = Perception(FakeDetector(lambda _: faces), classifier, settings)
    drawn = draw(image, perception.process(RawFrame(image), 0.0), 0.02)
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    assert np.array_equal(image, kept)


@pytest.fixture(scope="module")
def detector():
    detector = BlazeFaceDetector(0.5)
    yield detector
    detector.close()


def test_real_faces_are_found_and_followed(detector, collins, hopper):
    classifier = FakeClassifier(surely("happy"))
    perception = Perception(detector, classifier, PerceptionSettings())
    ids = set()
    for step in range(8):
        shifted = np.roll(collins, 6 * step, axis=1)
        (estimate,) = perception.process(RawFrame(shifted), step / 30).estimates
        ids.add(estimate.face_id)
        x, y = estimate.box.center
        assert (x, y) == pytest.approx((225 + 6 * step, 119), abs=25)
    assert len(ids) == 1
    height = min(len(collins), len(hopper))
    both = np.hstack([collins[:height], hopper[:height]])
    assert len(perception.process(RawFrame(both), 1.0).estimates) == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (7, 7), (480, 640)])
@pytest.mark.parametrize("level", [0, 255])
def test_images_without_a_face(detector, shape, level):
    perception = Perception(detector, FakeClassifier(surely("happy")), PerceptionSettings())
    image = np.full((*shape, 3), level, np.uint8)
    assert perception.process(RawFrame(image), 0.0).estimates == ()


# Whether a view of a face is good enough.


@pytest.mark.parametrize(
    ("size", "turned", "flaw"),
    [
        (39, 0.0, "too small"),
        (41, 0.0, None),
        (100, 0.4, None),
        (100, 0.6, "turned away"),
        (100, -0.6, "turned away"),
    ],
)
def test_views(size, turned, flaw):
    assert view_flaw(frontal_face(50, 50, size, turned), 40) == flaw


def test_a_tilted_head_is_not_turned():
    upright = frontal_face(50, 50, 100, 0.2)
    angle = np.radians(40)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilted = Face(upright.box, 0.9, (upright.keypoints @ matrix.T).astype(np.float32))
    assert turn(tilted) == pytest.approx(turn(upright), abs=1e-5) == pytest.approx(0.2, abs=1e-5)


def test_a_profile_with_both_eyes_in_one_place_is_turned_away():
    face = Face(frontal_face(50, 50, 100).box, 0.9, np.ones((6, 2), np.float32))
    assert view_flaw(face, 40) == "turned away"


def test_black_and_blank_crops_show_nothing():
    assert crop_flaw(np.zeros((44, 44), np.uint8)) == "too dark"
    assert crop_flaw(np.full((44, 44), 200, np.uint8)) == "too dark"
    noise = np.random.default_rng(0).normal(120, 50, (44, 44)).clip(0, 255).astype(np.uint8)
    assert crop_flaw(noise) is None
