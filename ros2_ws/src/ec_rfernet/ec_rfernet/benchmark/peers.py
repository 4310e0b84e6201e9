"""The architectures that one would use instead of EC-RFERNet, with random weights.

Weights do not change how long a network takes. Importing this needs torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ec_rfernet.benchmark import mobile
from ec_rfernet.benchmark.blocks import conv, linear, network, relu
from ec_rfernet.networks.resnet import ResidualBlock


@dataclass(frozen=True)
class Peer:
    """An architecture at one size of the input.

    Attributes:
        build: makes the network for a number of classes.
        size: side of the square input, pixels.
        channels: of the input, 1 or 3.
    """

    build: Callable[[int], nn.Module]
    size: int
    channels: int = 3

    def create(self, classes: int = 7) -> nn.Module:
        """The network, always with the same random weights, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.build(classes).eval()


class XceptionBlock(nn.Module):
    """Two separable convolutions and a pooling, beside a strided shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_separable(inputs, outputs),
            nn.ReLU(inplace=True),
            *_separable(outputs, outputs),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.shortcut = conv(inputs, outputs, 1, linear, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, inputs, H, W] to [N, outputs, H / 2, W / 2]."""
        return self.layers(x) + self.shortcut(x)


def _separable(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        conv(inputs, outputs, 1, linear),
    ]


def mini_xception(classes: int = 7) -> nn.Module:
    """Arriaga, Valdenegro-Toro, Ploeger, 2017, arXiv:1710.07557: 64x64 grey, 58 K parameters."""
    widths = (8, 16, 32, 64, 128)
    trunk: list[nn.Module] = [conv(1, 8, 3, relu, padding=0), conv(8, 8, 3, relu, padding=0)]
    trunk += [XceptionBlock(a, b) for a, b in itertools.pairwise(widths)]
    trunk.append(nn.Conv2d(widths[-1], classes, 3, padding=1))
    return network(trunk, [nn.AdaptiveAvgPool2d(1), nn.Flatten()])


def resnet18(classes: int = 7) -> nn.Module:
    """He et al., CVPR 2016: a 7x7 stem; 11.69 M parameters with 1,000 classes."""
    trunk: list[nn.Module] = [conv(3, 64, 7, relu, stride=2), nn.MaxPool2d(3, 2, padding=1)]
    channels = 64
    for stage, outputs in enumerate((64, 128, 256, 512)):
        trunk += [
            ResidualBlock(channels, outputs, stride=2 if stage else 1),
            ResidualBlock(outputs, outputs, stride=1),
        ]
        channels = outputs
    return network(trunk, [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)])


PEERS = {
    "mini_xception": Peer(mini_xception, 64, channels=1),
    "mobilefacenet": Peer(mobile.mobilefacenet, 112),
    "mobilenet_v3_small": Peer(mobile.mobilenet_v3_small, 224),
    "efficientnet_b0": Peer(mobile.efficientnet_b0, 224),
    "resnet18_48": Peer(resnet18, 48),
    "resnet18_224": Peer(resnet18, 224),
}
