from types import SimpleNamespace

import numpy as np
import pytest

from ec_rfernet.evaluation import scores


def test_report_of_a_known_confusion():
    truth = np.array([0, 0, 1, 1])
    answers = np.array([0, 1, 1, 1])
    sure = np.array([[0.8, 0.2], [0.2, 0.8]])
    report = scores.report(sure[answers], truth, ("a", "b"))
    assert report.accuracy == 0.75
    assert report.recall == {"a": 0.5, "b": 1.0}
    assert report.mean_class_accuracy == 0.75
    assert report.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert report.kappa == pytest.approx(0.5), "(0.75 - 0.5) / (1 - 0.5)"
    assert report.confusion.tolist() == [[1, 1], [0, 2]]
    assert report.ece == pytest.approx(0.05)
    assert report.log_loss == pytest.approx(-np.log([0.8, 0.2, 0.8, 0.8]).mean())


def test_a_class_without_images_counts_in_no_mean():
    sure = np.eye(3)[[0, 1, 1, 2]]
    report = scores.report(sure, np.array([0, 0, 1, 1]), ("a", "b", "c"))
    assert report.recall == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert report.mean_class_accuracy == 0.5
    assert report.macro_f1 == pytest.approx((2 / 3 + 2 / 4) / 2)


def test_agreement_of_chance_is_none():
    assert scores.kappa(np.array([[4, 4], [4, 4]])) == 0
    assert scores.kappa(np.array([[5, 0], [0, 3]])) == 1
    assert scores.kappa(np.array([[0, 5], [5, 0]])) == -1
    assert scores.kappa(np.array([[7, 0], [0, 0]])) == 0, "one answer only: no more than chance"


def test_ten_crop_is_corners_centre_and_mirrors():
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    crops = scores.ten_crop(images, 44)
    assert crops.shape == (3, 10, 44, 44)
    assert (crops[:, 0] == images[:, :44, :44]).all()
    assert (crops[:, 3] == images[:, 4:, 4:]).all()
    assert (crops[:, 4] == scores.single_crop(images, 44)[:, 0]).all()
    assert (crops[:, 5:] == crops[:, :5, :, ::-1]).all()


class Recorder:
    """A network that answers the mean of a crop, and notes how many it was given."""

    bundle = SimpleNamespace(input_size=44)

    def __init__(self):
        self.batches = []

    def logits(self, crops):
        self.batches.append(len(crops))
        return crops.reshape(len(crops), -1).mean(axis=1, keepdims=True)


def test_many_images_are_answered_in_small_batches():
    images = np.random.default_rng(0).integers(0, 256, (37, 48, 48)).astype(np.uint8)
    network = Recorder()
    found = scores.logits(network, images, scores.ten_crop)
    expected = scores.ten_crop(images, 44).mean(axis=(1, 2, 3))
    assert found[:, 0] == pytest.approx(expected)
    assert sum(network.batches) == 370
    assert max(network.batches) <= 160
