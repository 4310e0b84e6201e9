import dataclasses

import numpy as np
import pytest
import torch

from ec_rfernet import bundle, datasets
from ec_rfernet.datasets import Split
from ec_rfernet.errors import InputError
from ec_rfernet.training import data
from ec_rfernet.training.augment import augment, center_crop
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.result import write_result
from ec_rfernet.training.trainer import Trainer


def quiet(_done, _total, _loss):
    pass


@pytest.fixture
def config(fer2013, tmp_path):
    return TrainConfig(
        root=fer2013, out=tmp_path / "run", epochs=2, batch_size=16, warmup_epochs=1, ema_decay=0.5
    )


def test_an_interrupted_run_ends_bit_for_bit_as_an_uninterrupted_one(config, tmp_path):
    images = data.load(config)
    whole = Trainer(config, images)
    while not whole.finished:
        whole.run_epoch(quiet)
    resumed = dataclasses.replace(config, out=tmp_path / "resumed")
    Trainer(resumed, images).run_epoch(quiet)
    second = Trainer(resumed, images)
    assert len(second.history) == 1
    second.run_epoch(quiet)
    for kind in ("model", "average"):
        one, other = (getattr(t, kind).state_dict() for t in (whole, second))
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.history.loss == second.history.loss


def test_a_finished_run_leaves_a_bundle_with_its_figures(config):
    trainer = Trainer(config, data.load(config))
    while not trainer.finished:
        trainer.run_epoch(quiet)
    written = write_result(trainer)
    assert bundle.load(config.out) == written
    public = written.metrics["public"]
    assert public["single_crop"]["images"] == 42
    assert public["single_crop"]["accuracy"] == pytest.approx(
        trainer.history.accuracy[-1], abs=0.03
    )
    assert written.mean == pytest.approx(
        datasets.read("fer2013", config.root, "train").images.mean() / 255
    )
    assert written.provenance["training"]["epochs"] == 2
    assert (config.out / "learning_curves.png").stat().st_size > 1000
    assert (config.out / "confusion_public.png").stat().st_size > 1000


def test_it_learns(config):
    """Eight epochs on bright bars are enough to be far better than one in seven."""
    config = dataclasses.replace(config, epochs=8, erasing=0.0, label_smoothing=0.0)
    images = data.load(config)
    trainer = Trainer(config, images)
    while not trainer.finished:
        trainer.run_epoch(quiet)
    assert trainer.history.loss[-1] < 0.8 * trainer.history.loss[0]
    assert trainer.history.accuracy[-1] > 0.4


def test_other_settings_do_not_go_on_with_a_foreign_state(config):
    images = data.load(config)
    Trainer(config, images).run_epoch(quiet)
    with pytest.raises(InputError, match=r"other settings \(learning_rate\)"):
        Trainer(dataclasses.replace(config, learning_rate=0.5), images)
    (config.out / "state.safetensors").write_bytes(b"garbage")
    with pytest.raises(InputError, match="not a training state"):
        Trainer(config, images)


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("soft_weight", 1.5), ("learning_rate", -1), ("device", "tpu")],
)
def test_settings_out_of_range(config, name, value):
    with pytest.raises(InputError, match=f"{name} is .*{value}"):
        dataclasses.replace(config, **{name: value})


def test_twins_and_blanks_are_left_out():
    images = np.arange(4 * 48 * 48).reshape(4, 48, 48).astype(np.uint8)
    images[1] = 0
    images[3] = images[0] + 1
    split = Split(images, np.arange(4), np.arange(4))
    other = split.take(np.array([True, False, False, False]))
    assert data.without_blank(split).rows.tolist() == [0, 2, 3]
    assert 0 not in data.without_twins(split, other).rows


def test_soft_targets_blend_label_and_votes(config, tmp_path):
    votes = np.zeros((2, 10), np.uint8)
    votes[0, 1] = 10  # all say happiness; the label says angry
    votes[1, 9] = 10  # not a face: only the label counts
    path = tmp_path / "votes.npz"
    np.savez(path, votes=votes)
    config = dataclasses.replace(config, soft_labels=path, soft_weight=0.25, label_smoothing=0.0)
    split = Split(np.zeros((2, 48, 48), np.uint8), np.array([0, 4]), np.array([0, 1]))
    targets = data.soft_targets(split, config)
    np.testing.assert_allclose(targets[0], [0.75, 0, 0, 0.25, 0, 0, 0])
    np.testing.assert_allclose(targets[1], np.eye(7)[4])


def test_augmentation_is_random_bounded_and_reproducible():
    images = torch.rand(32, 1, 48, 48)

    def views(seed):
        return augment(images, 44, 0.5, torch.Generator().manual_seed(seed))

    first = views(1)
    assert first.shape == (32, 1, 44, 44)
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, views(1))
    assert not torch.equal(first, views(2))
    assert not torch.equal(first, center_crop(images, 44))


def test_augmentation_keeps_the_scale():
    """The mean over many views of a centred disc is a centred disc of the same size."""
    grid = torch.linspace(-1, 1, 48)
    disc = ((grid[:, None] ** 2 + grid[None] ** 2) < 0.25).float().expand(512, 1, 48, 48)
    mean = augment(disc, 44, 0.0, torch.Generator().manual_seed(0)).mean(dim=(0, 1))
    expected = center_crop(disc[:1], 44)[0, 0]
    assert (mean - expected).abs().mean() < 0.1
