"""EC-RFERNet is the published one, number by number; every network does its duty."""

import pytest
import torch
from torch import nn

from ec_rfernet import networks
from ec_rfernet.errors import InputError
from ec_rfernet.networks.ec_rfernet import SqueezeExcite, harmonic_links, harmonic_width
from ec_rfernet.networks.summary import layers


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return networks.create("ec_rfernet").eval()


def test_parameters_of_every_stage(network):
    rows = {row.name: row.parameters for row in layers(network, 44) if row.parameters}
    assert rows == {
        "trunk.0": 696,
        "trunk.1": 10_464,
        "trunk.3": 23_501,
        "trunk.4": 7_104,
        "trunk.6": 128_010,
        "trunk.7": 26_240,
        "trunk.9": 284_351,
        "trunk.10": 70_560,
        "head.3": 1_687,
    }
    assert sum(rows.values()) == 552_613


@pytest.mark.parametrize(("size", "mmacs"), [(44, 62.36), (48, 76.42), (64, 135.8), (112, 416.0)])
def test_multiply_accumulates(network, size, mmacs):
    assert sum(row.macs for row in layers(network, size)) / 1e6 == pytest.approx(mmacs, rel=1e-3)


def test_shapes_of_every_stage(network):
    shapes = {row.name: row.shape for row in layers(network, 44)}
    assert shapes["trunk.3"] == (72, 22, 22)
    assert shapes["trunk.6"] == (162, 11, 11)
    assert shapes["trunk.9"] == (292, 5, 5)
    assert shapes["head.3"] == (7,)


def test_harmonic_links():
    assert [harmonic_links(layer) for layer in range(1, 9)] == [
        [0], [1, 0], [2], [3, 2, 0], [4], [5, 4], [6], [7, 6, 4, 0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("growth", "widths"),
    [
        (16, [16, 26, 16, 40]),
        (20, [20, 32, 20, 52, 20, 32, 20, 82]),
        (64, [64, 102, 64, 164]),
    ],
)
def test_harmonic_widths(growth, widths):
    assert [harmonic_width(i + 1, growth, 1.6) for i in range(len(widths))] == widths


def test_attention_only_in_the_first_stage(network):
    gates = [name for name, module in network.named_modules() if isinstance(module, SqueezeExcite)]
    assert len(gates) == 4
    assert all(name.startswith("trunk.3.") for name in gates)
    count = sum(p.numel() for name in gates for p in network.get_submodule(name).parameters())
    assert count == 1_758
    assert all(isinstance(network.get_submodule(n).gate[-1], nn.Hardsigmoid) for n in gates)


def test_one_channel_in_three_is_convolved_and_narrow_layers_stay_linear(network):
    first = network.trunk[3].layers
    assert [block.partial[0].in_channels for block in first] == [16, 21, 8, 30]
    assert [len(block.partial) == 3 for block in first] == [True, True, False, True]
    second = network.trunk[6].layers
    assert [b.partial[0].in_channels for b in second] == [32, 38, 10, 49, 17, 24, 10, 66]


@pytest.mark.parametrize(
    ("name", "parameters", "mmacs"),
    [
        ("emotionnet_nano_a", 230_945, 58.3),
        ("emotionnet_nano_b", 135_284, 34.4),
        ("vgg9", 2_614_503, 183.0),
        ("vgg13", 7_826_247, 650.4),
        ("resnet18", 11_176_000, 1_098.3),
    ],
)
def test_size_of_the_other_networks(name, parameters, mmacs):
    rows = layers(networks.create(name), 44)
    assert sum(row.parameters for row in rows) == pytest.approx(parameters, rel=1e-3)
    assert sum(row.macs for row in rows) / 1e6 == pytest.approx(mmacs, rel=1e-2)


SMALL = ["ec_rfernet", "emotionnet_nano_a", "emotionnet_nano_b", "vgg9"]


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns(name):
    network = networks.create(name).train()
    network(torch.randn(4, 3, 44, 44)).square().sum().backward()
    dead = [
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ]
    assert dead == []


@pytest.mark.parametrize("name", SMALL)
def test_batch_does_not_matter(name):
    network = networks.create(name, classes=8).eval()
    images = torch.randn(5, 3, 44, 44)
    with torch.inference_mode():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])
    assert together.shape == (5, 8)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"model is 'resnet', expected one of: ec_rfernet"):
        networks.create("resnet")
