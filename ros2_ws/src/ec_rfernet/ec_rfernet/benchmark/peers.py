"""The architectures that one would use instead of EC-RFERNet, with random weights.

Weights do not change how long a network takes. Importing this needs torch.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ec_rfernet.benchmark.subject import Candidate, Run, Subject
from ec_rfernet.networks.summary import layers
from ec_rfernet.networks.teachers import ResidualBlock
from ec_rfernet.runtimes.onnx_runtime import OnnxSession

# What the peers are built of.

Activation = Callable[[int], nn.Module]
"""Makes the activation of a layer from its number of channels."""


def relu(_channels: int) -> nn.Module:
    """Rectifier."""
    return nn.ReLU(inplace=True)


def hard_swish(_channels: int) -> nn.Module:
    """MobileNetV3's activation."""
    return nn.Hardswish(inplace=True)


def swish(_channels: int) -> nn.Module:
    """EfficientNet's activation."""
    return nn.SiLU(inplace=True)


def prelu(channels: int) -> nn.Module:
    """MobileFaceNet's activation: a slope of its own for each channel."""
    return nn.PReLU(channels)


def linear(_channels: int) -> nn.Module:
    """No activation."""
    return nn.Identity()


def conv(
    inputs: int,
    outputs: int,
    kernel: int,
    activation: Activation,
    *,
    stride: int = 1,
    groups: int = 1,
    padding: int | None = None,
) -> nn.Sequential:
    """Bias-free convolution, batch norm, activation; pads to the same size unless told."""
    pad = kernel // 2 if padding is None else padding
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, pad, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        activation(outputs),
    )


class PeerSqueezeExcite(nn.Module):
    """Channel attention (Hu et al., CVPR 2018).

    Args:
        channels: of the input.
        hidden: channels in between.
        activation: in between.
        gate: maps to 0..1.
    """

    def __init__(self, channels: int, hidden: int, activation: Activation, gate: nn.Module) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            activation(hidden),
            nn.Conv2d(hidden, channels, 1),
            gate,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scales each channel of ``x`` [N, C, H, W]."""
        return x * self.gate(x)


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, narrow (Sandler et al., CVPR 2018).

    Args:
        inputs: channels; with as many outputs and stride 1 the input is added.
        outputs: channels.
        hidden: channels in between; equal to ``inputs``, nothing is widened.
        kernel: of the depthwise convolution.
        stride: of the depthwise convolution.
        activation: after all but the last convolution.
        attention: between the depthwise convolution and the last.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int,
        kernel: int,
        stride: int,
        activation: Activation,
        attention: nn.Module | None = None,
    ) -> None:
        super().__init__()
        layers = [] if hidden == inputs else [conv(inputs, hidden, 1, activation)]
        layers.append(conv(hidden, hidden, kernel, activation, stride=stride, groups=hidden))
        if attention is not None:
            layers.append(attention)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, conv(hidden, outputs, 1, linear))
        self.residual = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, inputs, H, W] to [N, outputs, H / stride, W / stride]."""
        value = self.layers(x)
        return x + value if self.residual else value


def network(trunk: list[nn.Module], head: list[nn.Module]) -> nn.Sequential:
    """A network of two named parts, as `ec_rfernet.networks.summary` takes it."""
    parts = OrderedDict(trunk=nn.Sequential(*trunk), head=nn.Sequential(*head))
    return nn.Sequential(parts)


# MobileFaceNet, MobileNetV3-small and EfficientNet-B0: three uses of one block.


def mobilefacenet(classes: int = 7) -> nn.Module:
    """Chen et al., "MobileFaceNets", CCBR 2018: 112x112, 0.99 M parameters before the classes.

    OpenCV's model zoo has an expression model of this architecture.
    """
    trunk: list[nn.Module] = [
        conv(3, 64, 3, prelu, stride=2),
        conv(64, 64, 3, prelu, groups=64),
    ]
    channels = 64
    for factor, outputs, repeats, first in (
        (2, 64, 5, 2),
        (4, 128, 1, 2),
        (2, 128, 6, 1),
        (4, 128, 1, 2),
        (2, 128, 2, 1),
    ):
        for repeat in range(repeats):
            stride = 1 if repeat else first
            trunk.append(InvertedResidual(channels, outputs, factor * channels, 3, stride, prelu))
            channels = outputs
    trunk += [
        conv(channels, 512, 1, prelu),
        conv(512, 512, 7, linear, groups=512, padding=0),  # weighs the places of a face
        conv(512, 128, 1, linear),
    ]
    return network(trunk, [nn.Flatten(), nn.Linear(128, classes)])


_SMALL = (  # kernel, hidden, outputs, attention, hard swish, stride
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)


def mobilenet_v3_small(classes: int = 7) -> nn.Module:
    """Howard et al., ICCV 2019: 224x224, 2.54 M parameters with 1,000 classes."""
    trunk: list[nn.Module] = [conv(3, 16, 3, hard_swish, stride=2)]
    channels = 16
    for kernel, hidden, outputs, attends, swishes, stride in _SMALL:
        squeezed = _round8(hidden / 4)
        attention = PeerSqueezeExcite(hidden, squeezed, relu, nn.Hardsigmoid()) if attends else None
        activation = hard_swish if swishes else relu
        trunk.append(
            InvertedResidual(channels, outputs, hidden, kernel, stride, activation, attention)
        )
        channels = outputs
    trunk.append(conv(channels, 576, 1, hard_swish))
    return network(
        trunk,
        [
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(576, 1024),
            nn.Hardswish(),
            nn.Linear(1024, classes),
        ],
    )


def _round8(channels: float) -> int:
    """The nearest multiple of 8, but at least 8 and not below nine tenths of ``channels``."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


_B0 = (  # factor, kernel, stride, outputs, repeats
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def efficientnet_b0(classes: int = 7) -> nn.Module:
    """Tan and Le, ICML 2019: 224x224, 5.29 M parameters with 1,000 classes.

    The backbone of HSEmotion (Savchenko, 2021).
    """
    trunk: list[nn.Module] = [conv(3, 32, 3, swish, stride=2)]
    channels = 32
    for factor, kernel, first, outputs, repeats in _B0:
        for repeat in range(repeats):
            hidden = factor * channels
            attention = PeerSqueezeExcite(hidden, channels // 4, swish, nn.Sigmoid())
            stride = 1 if repeat else first
            trunk.append(
                InvertedResidual(channels, outputs, hidden, kernel, stride, swish, attention)
            )
            channels = outputs
    trunk.append(conv(channels, 1280, 1, swish))
    return network(trunk, [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes)])


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
    "mobilefacenet": Peer(mobilefacenet, 112),
    "mobilenet_v3_small": Peer(mobilenet_v3_small, 224),
    "efficientnet_b0": Peer(efficientnet_b0, 224),
    "resnet18_48": Peer(resnet18, 48),
    "resnet18_224": Peer(resnet18, 224),
}


# The peers in ONNX Runtime.

_OPSET = 17


def candidates(folder: Path, names: Iterable[str] = PEERS) -> list[Candidate]:
    """The peers, exported.

    Args:
        folder: to write their ONNX files into.
        names: which, see `PEERS`.
    """
    torch.set_num_threads(1)  # on cores that are busy, several threads wait for each other
    return [_candidate(name, PEERS[name], folder / f"{name}.onnx") for name in names]


def export(peer: Peer, network: nn.Module, path: Path) -> None:
    """Writes the network as ONNX, for any number of images."""
    torch.onnx.export(
        network,
        (torch.zeros(1, peer.channels, peer.size, peer.size),),
        str(path),
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )


def _candidate(name: str, peer: Peer, path: Path) -> Candidate:
    network = peer.create()
    export(peer, network, path)
    rows = layers(network, peer.size, peer.channels)
    subject = Subject(
        name,
        "onnxruntime",
        "fp32",
        peer.size,
        sum(row.parameters for row in rows),
        sum(row.macs for row in rows),
    )
    return Candidate(subject, path, partial(_open, path), partial(_images, peer))


def _images(peer: Peer, count: int) -> np.ndarray:
    shape = (count, peer.channels, peer.size, peer.size)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _open(path: Path, threads: int) -> Run:
    return OnnxSession(path, threads).run
