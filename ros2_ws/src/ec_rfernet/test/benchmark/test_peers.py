"""The peers are what their papers describe, by their numbers of parameters."""

import numpy as np
import pytest
import torch

from ec_rfernet.benchmark import peers
from ec_rfernet.benchmark.peers import PEERS


def parameters(network):
    return sum(value.numel() for value in network.parameters())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mobilenet_v3_small", 2_542_856),
        ("efficientnet_b0", 5_288_548),
        ("resnet18_48", 11_689_512),
        ("resnet18_224", 11_689_512),
    ],
)
def test_published_count_with_1000_classes(name, expected):
    assert parameters(PEERS[name].create(1000)) == expected


def test_mini_xception_also_counts_its_statistics():
    network = PEERS["mini_xception"].create(7)
    statistics = sum(v.numel() for n, v in network.named_buffers() if "running" in n)
    assert parameters(network) + statistics == 58_423


def test_mobilefacenet_without_its_classes():
    network = PEERS["mobilefacenet"].create(7)
    assert parameters(network) - parameters(network.head) == pytest.approx(0.99e6, rel=0.02)


@pytest.mark.parametrize("name", PEERS)
def test_takes_its_input_and_repeats_itself(name):
    peer = PEERS[name]
    images = torch.randn(2, peer.channels, peer.size, peer.size)
    with torch.inference_mode():
        logits = peer.create()(images)
        assert torch.equal(logits, peer.create()(images))
    assert logits.shape == (2, 7)


def test_does_not_disturb_other_random_numbers():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    PEERS["mini_xception"].create()
    assert torch.rand(1) == expected


def test_exported_it_computes_the_same(tmp_path):
    (candidate,) = peers.candidates(tmp_path, ["mini_xception"])
    batch = candidate.batch(3)
    with torch.inference_mode():
        expected = PEERS["mini_xception"].create()(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(candidate.open(1)(batch), expected, atol=1e-4)
    assert candidate.subject.parameters == 56_951
    assert 9e6 < candidate.subject.macs < 11e6
