import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.errors import InputError
from ec_rfernet.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt


def pictures(count, seed=0):
    """Smooth patterns with the contrast of a face."""
    noise = np.random.default_rng(seed).normal(0, 1, (count, 48, 48)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(image, (0, 0), 2.5) for image in noise])
    return np.clip(120 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def distance(images, others):
    return np.abs(images.astype(float) - others).mean()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_keeps_the_form_and_is_reproducible(name):
    images = pictures(3)
    before = images.copy()
    for strength in range(len(STRENGTHS)):
        found = corrupt(images, name, strength)
        assert found.shape == images.shape
        assert found.dtype == np.uint8
        assert (found == corrupt(images, name, strength)).all()
        assert (found[:2] == corrupt(images[:2], name, strength)).all()
    assert (images == before).all()
    assert corrupt(images[:0], name, 0).shape == (0, 48, 48)


@pytest.mark.parametrize("name", CORRUPTIONS)
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 1000))
def test_stronger_is_further_from_the_original(name, seed):
    images = pictures(40, seed)
    light, middle, strong = (distance(images, corrupt(images, name, s, seed)) for s in range(3))
    assert 0 < light < middle < strong


@pytest.mark.parametrize("name", ["off_centre", "rotated", "dark", "motion_blur", "occlusion"])
def test_what_is_random_follows_the_seed(name):
    images = pictures(8)
    assert (corrupt(images, name, 1, seed=1) != corrupt(images, name, 1, seed=2)).any()


def test_they_do_what_they_are_called():
    images = pictures(20)

    def mean(name):
        return corrupt(images, name, 1).mean()

    assert mean("dark") < images.mean() - 30
    assert mean("bright") > images.mean() + 20
    assert corrupt(images, "low_contrast", 1).std() < 0.6 * images.std()
    for name in ("out_of_focus", "motion_blur", "low_resolution"):
        detail = [np.abs(np.diff(i.astype(float))).mean() for i in corrupt(images, name, 2)]
        assert np.mean(detail) < 0.9 * np.abs(np.diff(images.astype(float))).mean()


def test_zoom_is_about_the_middle():
    disc = np.zeros((1, 48, 48), np.uint8)
    cv2.circle(disc[0], (24, 24), 10, 255, -1)
    for name, factor in (("smaller", 0.8), ("larger", 1.2)):
        found = corrupt(disc, name, 1)[0] > 127
        assert found.sum() == pytest.approx(factor**2 * (disc > 127).sum(), rel=0.1)
        assert np.argwhere(found).mean(axis=0) == pytest.approx([24, 24], abs=0.6)


def test_an_unknown_one():
    with pytest.raises(InputError, match="unknown corruption 'rain'; expected one of: smaller"):
        corrupt(pictures(1), "rain", 0)
