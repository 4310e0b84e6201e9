import dataclasses
import shutil

import cv2
import pytest
import torch

from ec_rfernet import bundle as bundles
from ec_rfernet.datasets.folder import FOLDER
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.torch_runtime import load_network
from ec_rfernet.testing import picture, tiny_bundle
from ec_rfernet.training.config import TrainConfig, configure
from ec_rfernet.training.data import load
from ec_rfernet.training.trainer import Trainer, least_change, write_result

WORDS = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")


@pytest.fixture(scope="module")
def initial(trusted):
    return tiny_bundle(trusted / "old")


@pytest.fixture
def config(initial, tmp_path):
    for number, word in enumerate(WORDS):
        (tmp_path / "own" / word).mkdir(parents=True)
        for index in range(10):
            path = tmp_path / "own" / word / f"{index}.png"
            cv2.imwrite(str(path), picture(number, len(WORDS), 500 + index))
    given = {"root": tmp_path / "own", "out": tmp_path / "new", "init": initial.folder}
    short = {"epochs": 1, "warmup_epochs": 0, "batch_size": 16, "threads": 1}
    more = {"teachers": (initial.folder,), "model": initial.architecture, "device": "cpu"}
    return configure("finetune", {**given, **more, **short})


def statistics(network):
    return {k: v for k, v in network.state_dict().items() if "running_" in k}


def test_what_was_good_is_kept_when_learning_makes_it_worse(config, initial):
    wild = dataclasses.replace(config, learning_rate=0.5, teachers=())
    trainer = Trainer(wild, load(wild))
    trainer.run_epoch(lambda _share, _loss: None)
    assert trainer.share == 0.0
    old, new = load_network(initial).state_dict(), trainer.average.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert not all(
        torch.equal(old[name], part) for name, part in trainer.model.state_dict().items()
    )
    bundle = write_result(trainer)
    assert (bundle.mean, bundle.std, bundle.framing) == (
        initial.mean, initial.std, initial.framing,
    )  # fmt: skip
    assert bundle.temperature == initial.temperature, "of so few images none is fitted"
    assert bundle.provenance["data"] == [*initial.provenance["data"], FOLDER.provenance]
    told = " ".join(bundles.load(bundle.folder).verdict)
    assert "Neither better nor worse than before" in told


def test_the_statistics_of_the_old_network_stay(config, initial):
    held = dataclasses.replace(config, interpolate=False)
    trainer = Trainer(held, load(held))
    trainer.run_epoch(lambda _share, _loss: None)
    old, new = statistics(load_network(initial)), statistics(trainer.average)
    assert old and all(torch.allclose(old[name], new[name], rtol=1e-5) for name in old)
    changed = zip(load_network(initial).parameters(), trainer.average.parameters(), strict=True)
    assert not all(torch.equal(one, other) for one, other in changed)


def test_expressions_without_pictures_are_not_unlearned(config, initial):
    for word in WORDS[3:]:
        shutil.rmtree(config.root / word)
    few = dataclasses.replace(config, interpolate=False, teachers=(), weight_decay=0.0)
    trainer = Trainer(few, load(few))
    trainer.run_epoch(lambda _share, _loss: None)
    (*_, old), (*_, new) = (
        (layer for layer in network.modules() if isinstance(layer, torch.nn.Linear))
        for network in (load_network(initial), trainer.average)
    )
    assert torch.allclose(old.weight[3:], new.weight[3:], rtol=1e-5)
    assert not torch.allclose(old.weight[:3], new.weight[:3], rtol=1e-5)


def test_the_least_change_that_images_do_not_tell_from_the_best():
    spread = torch.tensor([0.5, 1.5, 1.0, 2.0])
    noise = torch.tensor([0.3, -0.3, 0.2, -0.2])
    assert least_change(torch.stack([spread, spread + noise - 0.05])) == 0
    assert least_change(torch.stack([spread, spread + noise - 0.5])) == 1
    assert least_change(torch.stack([spread, spread - 0.4, spread + noise - 0.41])) == 1
    assert least_change(torch.stack([spread, spread + 0.4, spread + 0.8])) == 0
    assert least_change(torch.tensor([[1.0], [0.1]])) == 0, "one image tells nothing"


@pytest.mark.parametrize("name", ["keep_statistics", "interpolate"])
def test_there_must_be_something_to_keep(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} needs the bundle"):
        TrainConfig(root=tmp_path, out=tmp_path, **{name: True})
