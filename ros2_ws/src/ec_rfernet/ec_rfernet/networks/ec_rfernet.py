"""EC-RFERNet: an expression network for edge devices, 552,613 parameters.

Sun, Chen, Yang, Wen, Yang, Li: "EC-RFERNet: an edge computing-oriented
real-time facial expression recognition network", Signal, Image and Video
Processing (2023), doi:10.1007/s11760-023-02832-4.

A harmonically linked trunk (HarDNet, Chao et al., ICCV 2019) whose 3x3
convolutions are replaced by *MF blocks*: a partial convolution (FasterNet, Chen
et al., CVPR 2023) over the first third of the channels, then a 1x1 convolution.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from ec_rfernet.networks.pooled import PooledNetwork

_PARTIAL = 3  # one channel in three is convolved; 1/3 gives the paper's 0.55 M
_ACTIVATION_WIDTH = 16  # layers narrower than this stay linear


def _conv(inputs: int, outputs: int, kernel: int, *, activate: bool = True) -> nn.Sequential:
    """Bias-free convolution, batch norm and, unless told otherwise, ReLU6."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if activate:
        layers.append(nn.ReLU6())
    return nn.Sequential(*layers)


class SqueezeExcite(nn.Module):
    """Channel attention with a hard-sigmoid gate (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(4, int(channels * 0.25 + 2) // 4 * 4)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU6(),
            nn.Conv2d(hidden, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scales each channel of ``x`` [N, C, H, W] by a gate in 0..1."""
        return x * self.gate(x)


class MFBlock(nn.Module):
    """Partial 3x3 convolution, 1x1 convolution, optional channel attention."""

    def __init__(self, inputs: int, outputs: int, *, attention: bool) -> None:
        super().__init__()
        part = inputs // _PARTIAL
        self.split = (part, inputs - part)
        self.partial = _conv(part, part, 3, activate=part >= _ACTIVATION_WIDTH)
        self.point = _conv(inputs, outputs, 1, activate=outputs >= _ACTIVATION_WIDTH)
        self.attention = SqueezeExcite(outputs) if attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, inputs, H, W] to [N, outputs, H, W]."""
        head, tail = x.split(self.split, dim=1)
        return self.attention(self.point(torch.cat([self.partial(head), tail], dim=1)))


def harmonic_links(layer: int) -> list[int]:
    """The layers that feed ``layer`` (1-based; 0 is the block's input).

    Layer l is linked to l - 2^n for every 2^n that divides l, nearest first.
    """
    return [layer - 2**n for n in range(layer.bit_length()) if layer % 2**n == 0]


def harmonic_width(layer: int, growth: int, multiplier: float) -> int:
    """Output channels of ``layer``: growth x multiplier^(links - 1), made even."""
    width = growth * multiplier ** (len(harmonic_links(layer)) - 1)
    return int(int(width + 1) / 2) * 2


class HMFBlock(nn.Module):
    """Harmonically linked MF blocks; emits its odd layers and the last one."""

    def __init__(
        self, inputs: int, growth: int, depth: int, *, multiplier: float, attention: bool
    ) -> None:
        super().__init__()
        widths = [inputs]
        self.links = [harmonic_links(layer) for layer in range(1, depth + 1)]
        self.layers = nn.ModuleList()
        for layer, links in enumerate(self.links, start=1):
            widths.append(harmonic_width(layer, growth, multiplier))
            fan_in = sum(widths[link] for link in links)
            self.layers.append(MFBlock(fan_in, widths[layer], attention=attention))
        self.kept = [layer for layer in range(1, depth + 1) if layer % 2 or layer == depth]
        self.outputs = sum(widths[layer] for layer in self.kept)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, inputs, H, W] to [N, self.outputs, H, W]."""
        values = [x]
        for links, layer in zip(self.links, self.layers, strict=True):
            values.append(layer(torch.cat([values[link] for link in links], dim=1)))
        return torch.cat([values[layer] for layer in self.kept], dim=1)


class ECRFERNet(PooledNetwork):
    """The network: [N, 3, H, W] normalised RGB in, [N, classes] logits out.

    The published input is 44x44; any size from 12x12 upwards works, because the
    head averages over the plane. Grey images are replicated to three channels.

    Args:
        classes: number of expressions.
        dropout: rate before the classifier, 0..1.
    """

    def __init__(self, classes: int = 7, dropout: float = 0.1) -> None:
        stem, growths, depths, widths = (24, 48), (16, 20, 64), (4, 8, 4), (96, 160, 240)
        pools = (nn.MaxPool2d(2), nn.MaxPool2d(2), nn.Identity())
        trunk: list[nn.Module] = [
            _conv(inputs, outputs, 3) for inputs, outputs in itertools.pairwise((3, *stem))
        ]
        trunk.append(nn.MaxPool2d(3, stride=2, padding=1))
        channels = stem[-1]
        for stage, (growth, depth, width, pool) in enumerate(
            zip(growths, depths, widths, pools, strict=True)
        ):
            block = HMFBlock(channels, growth, depth, multiplier=1.6, attention=stage == 0)
            trunk += [block, _conv(block.outputs, width, 1), pool]
            channels = width
        super().__init__(nn.Sequential(*trunk), channels, classes, dropout)
