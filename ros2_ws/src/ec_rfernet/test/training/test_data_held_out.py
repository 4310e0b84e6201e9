import dataclasses
import re
import shutil

import numpy as np
import pytest
import torch

from ec_rfernet import bundle, datasets
from ec_rfernet.errors import InputError
from ec_rfernet.export import write_bundle
from ec_rfernet.labels import LABELS
from ec_rfernet.networks import create
from ec_rfernet.training import data
from ec_rfernet.training.config import PARTS, TrainConfig
from ec_rfernet.training.trainer import Trainer


def settings(root, folder):
    return TrainConfig(
        root=root, out=folder / "run", model="emotionnet_nano_b", epochs=1, batch_size=16,
    )  # fmt: skip


@pytest.fixture
def config(fer2013, tmp_path):
    return settings(fer2013, tmp_path)


@pytest.fixture
def train(config):
    """The training images, which are the same ones in every run."""
    return datasets.get("fer2013").read(config.root, "train")


def judge_of(config, part):
    """A bundle of a network that held this part out, and is sure of class ``part`` whatever."""
    config = dataclasses.replace(config, out=config.out.parent / f"judge{part}", hold_out=part)
    trainer = Trainer(config, data.load(config))
    trainer.average.head[-1].weight.zero_()
    trainer.average.head[-1].bias.copy_(9 * torch.eye(7)[part])
    draft = bundle.Bundle(
        folder=config.out, name="tiny", architecture=config.model, input_size=trainer.size,
        mean=trainer.data.mean, std=trainer.data.std, framing=trainer.data.framing,
        provenance={"images": len(trainer.data.images), "training": config.as_dict()},
    )  # fmt: skip
    return write_bundle(draft, trainer.average)


@pytest.fixture(scope="module")
def judges(fer2013, trusted):
    """One of each part; who changes one takes a `copy_of` it."""
    config = settings(fer2013, trusted)
    return [judge_of(config, part) for part in range(PARTS)]


def copy_of(judge, tmp_path):
    folder = shutil.copytree(judge.folder, tmp_path / judge.folder.name)
    return dataclasses.replace(judge, folder=folder)


def changed(judge, **training):
    """The judge's bundle, which says something else of its training."""
    provenance = dict(judge.provenance)
    provenance["training"] = {**provenance["training"], **training}
    bundle.save(dataclasses.replace(judge, provenance=provenance))


def test_the_parts_are_alike_and_identical_images_stay_together(train):
    part = data.parts(train)
    counts = [np.bincount(train.labels[part == k], minlength=7) for k in range(PARTS)]
    assert np.ptp(counts, axis=0).max() <= 1
    half = np.arange(len(train)) % 63  # every image twice
    twice = dataclasses.replace(train, images=train.images[half], labels=train.labels[half])
    np.testing.assert_array_equal(*np.split(data.parts(twice), 2))
    backwards = data.parts(train.take(slice(None, None, -1)))
    np.testing.assert_array_equal(backwards[::-1], part)


def test_a_run_does_not_see_what_it_holds_out(config, train):
    part = data.parts(train)
    for k in range(PARTS):
        seen = data.load(dataclasses.replace(config, hold_out=k))
        np.testing.assert_array_equal(seen.images[:, 0], train.images[part != k])
        np.testing.assert_array_equal(seen.labels, train.labels[part != k])
        assert len(seen.validation_images) == len(data.load(config).validation_images)


def test_each_image_is_judged_by_the_network_that_has_not_seen_it(train, judges):
    in_any_order = tuple(judges[part].folder for part in (2, 0, 1))
    answers = data.answers(train, in_any_order, LABELS, threads=1)
    np.testing.assert_array_equal(answers.argmax(axis=1), data.parts(train))
    np.testing.assert_allclose(np.exp(answers).sum(axis=1), 1, atol=1e-5)


def test_both_an_image_and_its_mirror_image_are_judged(train, judges, tmp_path):
    """The answer to a mirrored picture is the same."""
    judge = copy_of(judges[0], tmp_path)
    torch.manual_seed(3)
    write_bundle(judge, create("emotionnet_nano_b").eval())
    others = tuple(judge.folder for judge in judges[1:])
    one = data.answers(train, (judge.folder, *others), LABELS, threads=1)
    part = data.parts(train)
    flipped = dataclasses.replace(train, images=train.images[:, :, ::-1].copy())
    assert (data.parts(flipped) != part).any()  # so that the pictures change places
    both = (part == 0) & (data.parts(flipped) == 0)
    other = data.answers(flipped, (judge.folder, *others), LABELS, threads=1)
    assert both.sum() >= 5
    np.testing.assert_allclose(one[both], other[both], atol=1e-4)
    assert np.ptp(one[both], axis=0).max() > 1e-3


def test_what_they_say_is_translated_into_targets(config, judges):
    """Networks that say nothing of an image leave the shares of the classes."""
    folders = tuple(judge.folder for judge in judges)
    learner = dataclasses.replace(config, out_of_fold=folders, soft_weight=1.0)
    targets = data.load(learner).targets.numpy()
    np.testing.assert_allclose(targets, 1 / 7, atol=0.02)
    assert learner.as_dict()["out_of_fold"] == ["judge0", "judge1", "judge2"]


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        ({"hold_out": None}, "judge0: was not trained with hold_out; it has seen every image"),
        ({"init": "other"}, "judge0: has learned from networks that may have seen the images"),
        ({"teachers": ["other"]}, "judge0: has learned from networks that may have seen"),
        ({"hold_out": 1}, "3 bundles that know nothing of part 1, 2; expected one for each of"),
    ],
)
def test_who_may_know_the_answer_is_not_asked(train, judges, tmp_path, says, complaint):
    first = copy_of(judges[0], tmp_path)
    changed(first, **says)
    asked = tuple(judge.folder for judge in (first, *judges[1:]))
    with pytest.raises(InputError, match=re.escape(complaint)):
        data.answers(train, asked, LABELS, threads=1)


def test_judges_must_know_the_same_images_and_classes(train, judges):
    folders = tuple(judge.folder for judge in judges)
    with pytest.raises(InputError, match="2 bundles that know nothing of part 0, 1; expected"):
        data.answers(train, folders[:2], LABELS, threads=1)
    with pytest.raises(InputError, match="judge0: has learned from other images than these"):
        data.answers(train.take(train.rows > 20), folders, LABELS, threads=1)
    with pytest.raises(InputError, match=r"judge0: answers angry, .* expected neutral, "):
        data.answers(train, folders, LABELS[::-1], threads=1)


@pytest.mark.parametrize("part", [-1, 3])
def test_there_are_three_parts(config, part):
    with pytest.raises(InputError, match=rf"hold_out is {part}, expected 0\.\.2"):
        dataclasses.replace(config, hold_out=part)
