from pathlib import Path

import pytest

from ec_rfernet import datasets, networks
from ec_rfernet.errors import InputError
from ec_rfernet.training.config import configure, preset_names
from ec_rfernet.training.trainer import learning_rate


@pytest.fixture
def paths(tmp_path):
    return {"root": tmp_path, "out": tmp_path / "out"}


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_valid_run_of_a_known_network(paths, name):
    config = configure(name, paths)
    assert config.model in networks.NETWORKS
    assert config.dataset in datasets.DATASETS


@pytest.mark.parametrize("name", sorted(datasets.DATASETS))
def test_every_data_set_has_its_preset(paths, name):
    assert configure(name, paths).dataset == name


def test_given_settings_come_before_those_of_the_preset(paths):
    assert configure("fer2013_paper", paths).batch_size == 32
    assert configure("fer2013_paper", {**paths, "batch_size": 64}).batch_size == 64


def test_a_preset_can_be_a_file_of_ones_own(paths, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "epochs: 3\nrotation: 5\ninit: weights\ndeterministic: true\nteachers: [a, b/c]\n"
        "fold: 2\nweight_decay: 1e-3\n"  # without a point, which is text to YAML 1.1
    )
    config = configure(str(path), paths)
    assert (config.epochs, config.rotation, config.deterministic) == (3, 5.0, True)
    assert str(config.init) == "weights"
    assert config.teachers == (Path("a"), Path("b/c"))
    assert (config.fold, config.weight_decay) == (2, 0.001)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: many", "epochs is 'many', expected a whole number"),
        ("epochs: true", "epochs is True, expected a whole number"),
        ("rotation: true", "rotation is True, expected a number"),
        ("rotation: far", "rotation is 'far', expected a number"),
        (f"rotation: {10**400}", "rotation is 1000.*, expected a number"),
        ("fold: 1.5", "fold is 1.5, expected a whole number"),
        ("mirror: .nan", "mirror is nan, expected 0..1"),
        ("deterministic: 1", "deterministic is 1, expected true or false"),
        ("soft_labels: 3", "soft_labels is 3, expected a path"),
        ("teachers: runs/a", "teachers is 'runs/a', expected a list of paths"),
        ("teachers: [3]", "teachers is .3., expected a list of paths"),
        ("epoch: 3", "unknown setting 'epoch'"),
        ("out: /elsewhere", "unknown setting 'out'"),
        ("- 3", "expected settings as 'name: value'"),
        ("a: [", "faulty.yaml: is not valid YAML"),
        ("epochs: 0", "epochs is 0, expected 1.."),
    ],
)
def test_a_faulty_preset_is_named(paths, tmp_path, text, message):
    path = tmp_path / "faulty.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        configure(str(path), paths)


def test_an_unknown_preset_is_answered_with_the_known_ones(paths):
    with pytest.raises(InputError, match="no preset 'imagenet'; expected .*fer2013, fer2013_nano"):
        configure("imagenet", paths)


def test_the_cosine_rises_and_falls_to_zero(paths):
    config = configure("fer2013", {**paths, "epochs": 20, "warmup_epochs": 4, "learning_rate": 0.1})
    rates = [learning_rate(config, epoch) for epoch in range(21)]
    assert rates[0] == 0
    assert rates[4] == max(rates) == pytest.approx(0.1)
    assert rates[12] == pytest.approx(0.05)
    assert rates[20] == pytest.approx(0, abs=1e-9)


def test_the_published_steps(paths):
    config = configure("fer2013_paper", paths)
    assert learning_rate(config, 84.9) == pytest.approx(0.01)
    assert learning_rate(config, 85) == pytest.approx(0.009)
    assert learning_rate(config, 90) == pytest.approx(0.0081)
