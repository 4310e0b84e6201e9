import dataclasses
from pathlib import Path

import pytest
import torch

from ec_rfernet.training.augment import augment, center_crop, mix
from ec_rfernet.training.config import TrainConfig

CONFIG = TrainConfig(root=Path("data"), out=Path("out"), erasing=0.5)


def source(seed):
    return torch.Generator().manual_seed(seed)


def test_views_are_random_bounded_and_reproducible():
    images = torch.rand(32, 1, 48, 48)
    first = augment(images, 44, CONFIG, source(1))
    assert first.shape == (32, 1, 44, 44)
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, augment(images, 44, CONFIG, source(1)))
    assert not torch.equal(first, augment(images, 44, CONFIG, source(2)))
    assert not torch.equal(first, center_crop(images, 44))


def test_with_everything_off_a_view_is_the_centre_crop():
    off = dict.fromkeys(("mirror", "rotation", "zoom", "shift", "light", "degrade", "erasing"), 0.0)
    images = torch.rand(4, 1, 48, 48)
    views = augment(images, 44, dataclasses.replace(CONFIG, **off), source(0))
    torch.testing.assert_close(views, center_crop(images, 44), atol=1e-5, rtol=0)


def test_views_keep_the_scale():
    """The mean over many views of a centred disc is a centred disc of the same size."""
    grid = torch.linspace(-1, 1, 48)
    disc = ((grid[:, None] ** 2 + grid[None] ** 2) < 0.25).float().expand(512, 1, 48, 48)
    config = dataclasses.replace(CONFIG, erasing=0.0)
    mean = augment(disc, 44, config, source(0)).mean(dim=(0, 1))
    expected = center_crop(disc[:1], 44)[0, 0]
    assert (mean - expected).abs().mean() < 0.1


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixed_targets_hold_the_share_of_the_pixels(kind):
    """Image k is filled with the value k, so its pixels tell whom they came from."""
    count = 8
    values = torch.arange(count, dtype=torch.float32)
    images = values.view(-1, 1, 1, 1).expand(-1, 1, 44, 44)
    config = dataclasses.replace(CONFIG, **{kind: 1.0})
    mixed, targets = mix(images, torch.eye(count), config, source(3))
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(count))
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), targets @ values)
    assert not torch.equal(mixed, images)
    pure = {float(v) for v in mixed.unique()} <= set(range(count))
    assert pure == (kind == "cutmix")


def test_nothing_is_mixed_unless_asked():
    images, targets = torch.rand(2, 1, 44, 44), torch.eye(2)
    assert mix(images, targets, CONFIG, source(0)) == (images, targets)
