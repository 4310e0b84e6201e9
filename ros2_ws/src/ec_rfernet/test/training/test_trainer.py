import copy
import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ec_rfernet import bundle, datasets
from ec_rfernet.commands import train
from ec_rfernet.datasets import Split
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import plots
from ec_rfernet.export import write_bundle
from ec_rfernet.training import data, state
from ec_rfernet.training import trainer as training_loop
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.trainer import Trainer, write_result


def quiet(_share, _loss):
    pass


@pytest.fixture
def config(few, tmp_path):
    """A short run of the smallest network."""
    return TrainConfig(
        root=few, out=tmp_path / "run", model="emotionnet_nano_b", epochs=2, batch_size=16,
        warmup_epochs=1, ema_decay=0.5,
    )  # fmt: skip


def saved(trainer):
    """A bundle of the network as it is, without the figures that `write_result` measures."""
    config = trainer.config
    draft = bundle.Bundle(
        folder=config.out, name="tiny", architecture=config.model, input_size=trainer.size,
        mean=trainer.data.mean, std=trainer.data.std, framing=trainer.data.framing,
    )  # fmt: skip
    return write_bundle(draft, copy.deepcopy(trainer.average))


@pytest.mark.parametrize(("before", "after"), [(None, ":4096:8"), (":16:8", ":16:8")])
def test_a_deterministic_run_makes_cublas_deterministic(config, monkeypatch, before, after):
    monkeypatch.setattr(os, "environ", {"CUBLAS_WORKSPACE_CONFIG": before} if before else {})
    Trainer(dataclasses.replace(config, deterministic=True), data.load(config))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == after


@pytest.mark.parametrize(
    "settings",
    [{}, {"optimizer": "adam", "learning_rate": 1e-3}, {"mixup": 0.4, "cutmix": 0.4}],
    ids=["sgd", "adam", "mixed images"],
)
def test_an_interrupted_run_ends_bit_for_bit_as_an_uninterrupted_one(config, tmp_path, settings):
    config = dataclasses.replace(config, deterministic=True, **settings)
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
    assert public["single_crop"]["images"] == 21
    assert public["single_crop"]["accuracy"] == pytest.approx(
        trainer.history.accuracy[-1], abs=0.05
    )
    assert written.mean == pytest.approx(
        datasets.read("fer2013", config.root, "train").images.mean() / 255
    )
    assert written.provenance["training"]["epochs"] == 2
    assert (config.out / "learning_curves.png").stat().st_size > 1000
    assert (config.out / "confusion_public.png").stat().st_size > 1000


def test_it_learns(config, fer2013):
    """Six epochs on bright bars are enough to be far better than one in seven."""
    config = dataclasses.replace(config, root=fer2013, epochs=6, erasing=0.0)
    images = data.load(config)
    trainer = Trainer(config, images)
    while not trainer.finished:
        trainer.run_epoch(quiet)
    assert trainer.history.loss[-1] < 0.8 * trainer.history.loss[0]
    assert trainer.history.accuracy[-1] > 0.4


def test_statistics_are_those_of_all_pixels():
    images = np.random.default_rng(0).integers(0, 256, (50, 48, 48)).astype(np.uint8)
    expected = images.mean() / 255, images.std() / 255
    assert data.statistics(images) == pytest.approx(expected)


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
    [
        ("epochs", 0),
        ("soft_weight", 1.5),
        ("learning_rate", -1),
        ("device", "tpu"),
        ("schedule", "linear"),
    ],
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


def test_a_state_that_cannot_be_written_is_one_clear_line(config, monkeypatch):
    """As on a full disk: nothing half-written stays behind."""

    def fail(_tensors, path, _metadata):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "save_file", fail)
    trainer = Trainer(config, data.load(config))
    with pytest.raises(InputError, match=r"state\.safetensors: cannot be written .*No space left"):
        trainer.run_epoch(quiet)
    assert list(config.out.iterdir()) == []


def test_training_can_start_from_a_bundle(config, tmp_path):
    images = data.load(config)
    trainer = Trainer(config, images)
    trainer.run_epoch(quiet)
    saved(trainer)
    follow = dataclasses.replace(config, init=config.out, out=tmp_path / "next")
    start = Trainer(follow, images).model.state_dict()
    assert all(torch.equal(start[name], v) for name, v in trainer.average.state_dict().items())
    with pytest.raises(InputError, match="emotionnet_nano_b with 7 classes, expected ec_rfernet"):
        Trainer(dataclasses.replace(follow, model="ec_rfernet"), images)


def test_a_student_learns_what_its_teacher_answers(config, tmp_path):
    """With the whole loss from the teacher, the true labels do not matter.

    The teacher's answer is the mean of those to a view and to its mirror image.
    """
    images = data.load(config)
    teacher = Trainer(config, images)
    teacher.average.head[-1].weight.mul_(100)  # sure of itself, which no training is needed for
    saved(teacher)
    lessons = dataclasses.replace(
        config, teachers=(config.out,), distill_weight=1.0, deterministic=True
    )
    misleading = dataclasses.replace(images, targets=images.targets.roll(1, dims=1))
    students = [
        Trainer(dataclasses.replace(lessons, out=tmp_path / name), seen)
        for name, seen in {"a": images, "b": misleading}.items()
    ]
    for student in students:
        student.run_epoch(quiet)
    one, other = (student.model.state_dict() for student in students)
    assert all(torch.equal(one[name], other[name]) for name in one)

    views = images.images[:32, :, 2:46, 2:46].float() / 255
    heat = config.distill_temperature
    one, other = (
        (teacher.average(data.normalise(seen, images.mean, images.std)) / heat).softmax(dim=1)
        for seen in (views, views.flip(-1))
    )
    answers = heat * ((one + other) / 2).log()
    lesson, labels_say = students[0].teachers, torch.tensor(99.0)
    for seen in (views, views.flip(-1)):
        expected = lesson.answer(seen)
        assert lesson.blend(labels_say, answers, expected).item() == pytest.approx(0, abs=1e-6)
        assert lesson.blend(labels_say, heat * one.log(), expected).item() > 1e-5
        assert lesson.blend(labels_say, -answers, expected).item() > 1e-3


def test_teachers_answer_views_that_return_only_once(config, tmp_path):
    """Kept or asked anew after an interruption, their answers teach the same."""
    images = data.load(config)
    saved(Trainer(config, images))
    lessons = dataclasses.replace(
        config, out=tmp_path / "student", teachers=(config.out,), repeat_views=1, deterministic=True
    )
    student = Trainer(lessons, images)
    student.run_epoch(quiet)
    interrupted = Trainer(lessons, images)
    student.teachers.ask = None
    student.run_epoch(quiet)
    interrupted.run_epoch(quiet)
    one, other = student.model.state_dict(), interrupted.model.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(TypeError):  # views that do not return have no answers
        student.teachers.answer(images.images[:2].float() / 255)


def test_how_good_the_teachers_are_is_told_beforehand(config, tmp_path, capsys):
    images = data.load(config)
    teacher = Trainer(config, images)
    always = int(images.validation_labels[0])
    teacher.average.head[-1].weight.zero_()
    teacher.average.head[-1].bias.copy_(torch.eye(7)[always])
    saved(teacher)
    train.announce(Trainer(dataclasses.replace(config, teachers=(config.out,)), images))
    share = (images.validation_labels == always).float().mean()
    assert f"the teachers together are right in {share:.2%} of these" in capsys.readouterr().out


def test_a_teacher_must_answer_the_same_classes_in_the_same_order(config, tmp_path):
    images = data.load(config)
    teacher = saved(Trainer(config, images))
    bundle.save(dataclasses.replace(teacher, labels=teacher.labels[::-1]))
    student = dataclasses.replace(config, out=tmp_path / "student", teachers=(config.out,))
    with pytest.raises(InputError, match=r"answers neutral, .* expected, as the student, angry, "):
        Trainer(student, images)


def test_a_loss_without_bounds_ends_the_run(config):
    images = data.load(config)
    trainer = Trainer(config, dataclasses.replace(images, targets=images.targets * float("nan")))
    with pytest.raises(InputError, match=r"loss is nan after epoch 1; learning_rate 0\.1 is too"):
        trainer.run_epoch(quiet)
    assert not config.out.exists()


def test_nothing_to_learn_from_is_named(config, tmp_path):
    arrays = dict(np.load(config.root))
    arrays["images"][arrays["usage"] == 0] = 7
    np.savez(tmp_path / "blank.npz", **arrays)
    with pytest.raises(InputError, match=r"blank\.npz: every training image is blank"):
        data.load(dataclasses.replace(config, root=tmp_path / "blank.npz"))


def test_a_result_that_cannot_be_written_leaves_no_bundle(config, monkeypatch):
    """As on a disk that is full when the networks are there: the run can go on from its state."""

    def fail(_loss, _accuracy, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(plots, "learning_curves", fail)
    config = dataclasses.replace(config, epochs=1)
    trainer = Trainer(config, data.load(config))
    trainer.run_epoch(quiet)
    with pytest.raises(OSError, match="No space left") as raised:
        write_result(trainer)
    assert raised.value.filename == str(config.out)
    assert [path.name for path in config.out.iterdir()] == ["state.safetensors"]


def test_sharpness_aware_gradients_are_those_of_the_neighbour():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 2.0)
    value = training_loop.gradients(model, lambda: model.weight.square().sum(), radius=0.5)
    assert value == 4.0  # at the weight itself
    assert model.weight.item() == pytest.approx(2.0)
    assert model.weight.grad.item() == pytest.approx(2 * 2.5)  # at the top of the ball


def test_batch_norm_counts_the_images_of_a_sharpness_aware_step_once():
    images = torch.randn(16, 3, 4, 4)
    means = []
    for radius in (0.0, 0.1):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
        training_loop.gradients(model, lambda m=model: m(images).square().mean(), radius)
        means.append(model[1].running_mean)
    assert torch.equal(*means)
