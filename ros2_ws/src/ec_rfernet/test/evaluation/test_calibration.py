import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.evaluation.calibration import Reliability, RiskCoverage, fit_temperature, log_loss
from ec_rfernet.runtimes.classifier import softmax


def answers(seed, count=300, spread=1.5):
    """Calibrated probabilities [N, 5] with classes drawn from them; some of them alike."""
    rng = np.random.default_rng(seed)
    probabilities = softmax(np.round(rng.normal(size=(count, 5)) * spread, 1))
    truth = (probabilities.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return probabilities, truth


@settings(deadline=None)
@given(st.floats(0.4, 3.5), st.integers(0, 50))
def test_temperature_is_recovered(temperature, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4000, 5)) * 2
    drawn = softmax(logits).cumsum(axis=1) > rng.random((4000, 1))
    found = fit_temperature(logits * temperature, drawn.argmax(axis=1))
    assert found == pytest.approx(temperature, rel=0.15)


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 4))
def test_temperature_never_makes_the_truth_less_likely_nor_changes_an_answer(seed, sharpness):
    probabilities, truth = answers(seed)
    logits = np.log(probabilities) * sharpness
    scaled = softmax(logits / fit_temperature(logits, truth))
    assert log_loss(scaled, truth) <= log_loss(softmax(logits), truth) + 1e-6
    assert (scaled.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_log_loss_of_known_answers():
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [1, 0]])
    assert log_loss(probabilities[:2], np.array([0, 0])) == pytest.approx(np.log(8) / 2)
    assert log_loss(probabilities[2:], np.array([0])) == 0
    assert log_loss(probabilities[2:], np.array([1])) == pytest.approx(12 * np.log(10))


def test_calibrated_probabilities_have_a_small_error():
    probabilities, truth = answers(0, 20_000, 2)
    assert Reliability.of(probabilities, truth).error < 0.02
    assert Reliability.of(softmax(np.log(probabilities) * 3), truth).error > 0.1


def test_reliability_of_known_answers():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.45, 0.55], [0.55, 0.45]])
    found = Reliability.of(probabilities, np.array([0, 1, 1, 0]))
    assert found.share[[8, 14]].tolist() == [0.5, 0.5]
    assert found.accuracy[[8, 14]].tolist() == [1.0, 0.5]
    assert found.error == pytest.approx(0.5 * 0.45 + 0.5 * 0.45)


def test_curve_of_known_answers():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.4, 0.6]])
    curve = RiskCoverage.of(probabilities, np.array([0, 0, 1, 0]))
    assert curve.confidence.tolist() == [0.9, 0.8, 0.6]
    assert curve.coverage.tolist() == [0.25, 0.75, 1]
    assert curve.risk == pytest.approx([0, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx(0.5 * 1 / 3 + 0.25 * 1 / 2)
    assert curve.at(0.7) == (0.75, pytest.approx(1 / 3))
    assert curve.at(0.95) == (0, 0)
    assert curve.threshold(risk=0.4, coverage=0) == 0.8
    assert curve.threshold(risk=0.1, coverage=0) == 0.9
    assert curve.threshold(risk=0.1, coverage=0.5) == 0.8


@given(st.integers(0, 1000), st.floats(0, 1))
def test_the_curve_says_what_a_threshold_does(seed, threshold):
    probabilities, truth = answers(seed)
    curve = RiskCoverage.of(probabilities, truth)
    kept = probabilities.max(axis=1) >= threshold
    coverage, risk = curve.at(threshold)
    assert coverage == pytest.approx(kept.mean())
    wrong = probabilities.argmax(axis=1) != truth
    assert risk == pytest.approx(wrong[kept].mean() if kept.any() else 0)


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1))
def test_the_chosen_threshold_keeps_its_promise(seed, risk, coverage):
    curve = RiskCoverage.of(*answers(seed))
    answered, mistakes = curve.at(curve.threshold(risk, coverage))
    assert answered >= coverage
    least = curve.coverage[np.searchsorted(curve.coverage, coverage)]
    assert mistakes <= risk or answered == max(least, curve.coverage[0])
    better = curve.risk[curve.coverage > answered]
    assert (better > risk).all()


@given(st.integers(0, 1000))
def test_the_area_lies_between_perfect_and_random_ranking(seed):
    probabilities, truth = answers(seed)
    curve = RiskCoverage.of(probabilities, truth)
    assert np.all(np.diff(curve.coverage) > 0)
    assert curve.coverage[-1] == 1
    mistakes = round(curve.risk[-1] * len(truth))
    perfect = sum(k / (len(truth) - mistakes + k) for k in range(1, mistakes + 1)) / len(truth)
    assert perfect - 1e-9 <= curve.area <= 1
