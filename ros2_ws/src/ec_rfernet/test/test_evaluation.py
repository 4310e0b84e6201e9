import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet import evaluation
from ec_rfernet.classifier import softmax
from ec_rfernet.labels import LABELS, valence_arousal


def test_report_of_a_known_confusion():
    truth = np.array([0, 0, 1, 1])
    answers = np.array([0, 1, 1, 1])
    report = evaluation.report(np.eye(2)[answers], truth, ("a", "b"))
    assert report.accuracy == 0.75
    assert report.recall == {"a": 0.5, "b": 1.0}
    assert report.mean_class_accuracy == 0.75
    assert report.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert report.confusion.tolist() == [[1, 1], [0, 2]]
    assert report.ece == pytest.approx(0.25)


def test_ten_crop_is_corners_centre_and_mirrors():
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    crops = evaluation.ten_crop(images, 44)
    assert crops.shape == (3, 10, 44, 44)
    assert (crops[:, 0] == images[:, :44, :44]).all()
    assert (crops[:, 3] == images[:, 4:, 4:]).all()
    assert (crops[:, 4] == evaluation.single_crop(images, 44)[:, 0]).all()
    assert (crops[:, 5:] == crops[:, :5, :, ::-1]).all()


@given(st.floats(0.4, 3.5), st.integers(0, 50))
def test_temperature_is_recovered(temperature, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4000, 5)) * 2
    drawn = softmax(logits).cumsum(axis=1) > rng.random((4000, 1))
    found = evaluation.fit_temperature(logits * temperature, drawn.argmax(axis=1))
    assert found == pytest.approx(temperature, rel=0.15)


def test_calibrated_probabilities_have_a_small_error():
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(size=(20_000, 5)) * 2)
    truth = (probabilities.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    assert evaluation.calibration_error(probabilities, truth) < 0.02
    overconfident = softmax(np.log(probabilities) * 3)
    assert evaluation.calibration_error(overconfident, truth) > 0.1


def test_reject_threshold_reaches_the_wanted_accuracy():
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(size=(20_000, 5)) * 1.5)
    truth = (probabilities.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    threshold = evaluation.fit_reject_threshold(probabilities, truth, 0.6)
    kept = probabilities.max(axis=1) >= threshold
    assert (probabilities.argmax(axis=1) == truth)[kept].mean() == pytest.approx(0.6, abs=0.01)
    assert evaluation.fit_reject_threshold(probabilities, truth, 1.0) == pytest.approx(
        np.median(probabilities.max(axis=1)), abs=0.01
    )


@given(st.lists(st.floats(0.001, 1), min_size=7, max_size=7))
def test_valence_and_arousal_stay_in_range(weights):
    probabilities = np.array(weights) / sum(weights)
    assert all(-1 <= value <= 1 for value in valence_arousal(probabilities))


def test_valence_of_joy_and_sadness():
    eye = np.eye(7)
    assert valence_arousal(eye[LABELS.index("happy")])[0] > 0.5
    assert valence_arousal(eye[LABELS.index("sad")])[0] < -0.5
    assert valence_arousal(eye[LABELS.index("neutral")]) == (0, 0)
