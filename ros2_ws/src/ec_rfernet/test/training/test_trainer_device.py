"""What a GPU would refuse, tried without one: PyTorch's device "meta" computes nothing, but like
CUDA it refuses to join its tensors with those of the CPU."""

import contextlib
import dataclasses

import pytest
import torch

from ec_rfernet import bundle, networks
from ec_rfernet.export import write_bundle
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.training import data
from ec_rfernet.training import trainer as training_loop
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.parallel import ProcessGroup

META = torch.device("meta")


@pytest.fixture
def config(few, tmp_path):
    """A run that learns from a teacher, too."""
    draft = bundle.Bundle(
        folder=tmp_path / "teacher", name="teacher", architecture="emotionnet_nano_b",
        input_size=44, mean=0.5, std=0.25, framing=FER2013,
    )  # fmt: skip
    teacher = write_bundle(draft, networks.create("emotionnet_nano_b").eval())
    return TrainConfig(
        root=few, out=tmp_path / "run", model="ec_rfernet", teachers=(teacher.folder,),
    )  # fmt: skip


@pytest.fixture
def elsewhere(monkeypatch):
    """Trainers compute on the device "meta", which knows no autocast."""
    monkeypatch.setattr(training_loop, "choose_device", lambda _name: META)
    monkeypatch.setattr(torch, "autocast", lambda *_args, **_kwargs: contextlib.nullcontext())


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adam", "sam_radius": 0.05}])
def test_a_training_step_leaves_nothing_on_the_cpu(config, elsewhere, settings):
    config = dataclasses.replace(config, clip_value=0.1, **settings)
    run = training_loop.Trainer(config, data.load(config))
    assert run.step(torch.arange(8, device=META), torch.Generator(), None).device == META
    run.update_average(0)
    moments = [value for state in run.optimizer.state.values() for value in state.values()]
    tensors = [*moments, *(parameter.grad for parameter in run.model.parameters())]
    assert {t.device for t in tensors if t is not None and t.ndim} == {
        META
    }  # Adam counts on the CPU


def test_the_features_of_the_last_layer_stay_on_the_device(config, elsewhere):
    run = training_loop.Trainer(config, data.load(config))
    *_, linear = (m for m in run.average.modules() if isinstance(m, torch.nn.Linear))
    assert (
        training_loop.features_before(
            run.average, linear, run.data, run.size, ProcessGroup()
        ).device
        == META
    )
