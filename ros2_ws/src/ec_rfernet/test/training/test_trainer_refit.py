import dataclasses

import pytest
import torch

from ec_rfernet import networks
from ec_rfernet.training import data
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.parallel import ProcessGroup
from ec_rfernet.training.regression import logistic_regression
from ec_rfernet.training.trainer import Trainer, refit_classifier


class Share(ProcessGroup):
    """One process of several, whose peers have nothing to say."""

    def average(self, tensors):
        for tensor in tensors:
            tensor.div_(self.size)


@pytest.fixture
def config(fer2013, tmp_path):
    return TrainConfig(
        root=fer2013, out=tmp_path / "run", model="emotionnet_nano_b", epochs=2, batch_size=16,
        warmup_epochs=0, ema_decay=0.5, learning_rate=0.02, deterministic=True,
    )  # fmt: skip


def test_regression_finds_the_shares_and_stays_where_a_strong_ridge_holds_it():
    inputs = torch.tensor([[0.0]] * 100 + [[1.0]] * 100)
    labels = torch.tensor([0] * 75 + [1] * 25 + [0] * 10 + [1] * 90)
    start = torch.tensor([[0.0, 0.0], [0.3, -0.3]])
    weights = logistic_regression(inputs, labels, start, ridge=0.0)
    shares = (inputs[[0, -1]].double() @ weights[:-1] + weights[-1]).softmax(dim=1)
    torch.testing.assert_close(shares[:, 1], torch.tensor([0.25, 0.9]).double(), atol=1e-3, rtol=0)
    held = logistic_regression(inputs, labels, start, ridge=1e4)
    torch.testing.assert_close(held, start.double(), atol=1e-3, rtol=0)


def test_only_the_classifier_changes_and_the_labels_become_more_probable(config):
    images = data.load(config)
    left, fitted = (
        Trainer(dataclasses.replace(config, refit=refit, out=config.out / str(refit)), images)
        for refit in (False, True)
    )
    losses = []
    for trainer in (left, fitted):
        while not trainer.finished:
            trainer.run_epoch(lambda _share, _loss: None)
        views = data.normalise(
            images.images[..., 2:46, 2:46].float() / 255, images.mean, images.std
        )
        with torch.inference_mode():
            logits = trainer.average(views)
        losses.append(float(torch.nn.functional.cross_entropy(logits, images.labels)))
    assert losses[1] < 0.9 * losses[0]
    old, new = left.average.state_dict(), fitted.average.state_dict()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    last = list(old)[-2:]
    assert changed == set(last), last
    for one, other in zip(left.model.parameters(), fitted.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["ec_rfernet", "emotionnet_nano_a", "vgg9"])
def test_processes_share_the_images(config, name):
    """Together they look at what one looks at alone: nothing twice, nothing left out."""
    images = data.load(config)

    def seen_by(*worlds):
        network = networks.create(name).eval()
        sums = []

        def look(_network, views, _answer):
            sums.append(views[0].sum((1, 2, 3)))

        network.register_forward_hook(look)
        for world in worlds:
            refit_classifier(network, images, 44, world)
        return torch.cat(sums).sort().values

    together = seen_by(*(Share(rank, 3) for rank in range(3)))
    torch.testing.assert_close(together, seen_by(ProcessGroup()))
