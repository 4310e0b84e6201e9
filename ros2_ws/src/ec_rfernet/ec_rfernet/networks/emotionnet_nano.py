"""EmotionNet Nano, variants A and B: expression networks of 0.23 and 0.14 M parameters.

Lee, Wang, Wong: "EmotionNet Nano: An Efficient Deep Convolutional Neural Network
Design for Real-Time Facial Expression Recognition", Frontiers in Artificial
Intelligence 3:609673 (2021), arXiv:2006.15759.

The published description is incomplete: the networks were found by a generative
search, no code was released, and the exact widths and connections of neither
variant are given. What is known and kept: plain 3x3 convolutions whose width
alternates between a wide and an irregular, narrower number of channels; long-range
additions between the wide layers; three resolutions, each half the one before;
a global average and one linear layer. What is reconstructed here:

- the widths of B, after the one public description of such a network (Gera and
  Balasubramanian, 2021), with the stride in the layer that leads into a stage: 135,284
  parameters, where about 136,000 are quoted for B;
- the widths of A: those of B times 1.3: 230,945 parameters, where about 232,000 are
  quoted for A;
- batch normalisation after each convolution instead of a bias, without which such
  narrow networks train poorly;
- the input: 44x44 crops as for the other networks, not 48x48, so that the same
  ten crops and the same face alignment serve all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ec_rfernet.networks.pooled import PooledNetwork


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Bias-free convolution and batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class NanoStage(nn.Module):
    """One resolution: squeeze-and-widen pairs, joined by additions between wide layers.

    Args:
        inputs: channels of the previous stage.
        entry: widths of the layers that lead in; the first one strides.
        wide: channels of the wide layers.
        narrow: channels of each narrow layer.
        stride: of the first layer, 1 or 2.
    """

    def __init__(
        self, inputs: int, entry: Sequence[int], wide: int, narrow: Sequence[int], stride: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, step = inputs, stride
        for width in (*entry, wide):
            layers += [_conv(channels, width, stride=step), nn.ReLU(inplace=True)]
            channels, step = width, 1
        self.entry = nn.Sequential(*layers[:-1])
        self.skip = _conv(inputs, wide, 1, stride) if stride > 1 else None
        self.pairs = nn.ModuleList(
            nn.Sequential(_conv(wide, width), nn.ReLU(inplace=True), _conv(width, wide))
            for width in narrow
        )
        self.activate = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, inputs, H, W] to [N, wide, H / stride, W / stride]."""
        value = self.entry(x)
        if self.skip is not None:
            value = value + self.skip(x)
        value = self.activate(value)
        for pair in self.pairs:
            value = self.activate(value + pair(value))
        return value


class EmotionNetNano(PooledNetwork):
    """The network: [N, 3, H, W] normalised RGB in, [N, classes] logits out.

    Any input of 12x12 and more works, because the head averages over the plane.
    Grey images are replicated to three channels.

    Args:
        wide: channels of the wide layers of the three stages.
        narrow: channels of the narrow layers of each stage.
        bridge: channels of the strided layer that leads into the third stage.
        classes: number of expressions.
        dropout: rate before the classifier, 0..1.
    """

    def __init__(
        self,
        wide: Sequence[int],
        narrow: Sequence[Sequence[int]],
        bridge: int,
        classes: int = 7,
        dropout: float = 0.1,
    ) -> None:
        trunk = nn.Sequential(
            NanoStage(3, (), wide[0], narrow[0], stride=1),
            NanoStage(wide[0], (), wide[1], narrow[1], stride=2),
            NanoStage(wide[1], (bridge,), wide[2], narrow[2], stride=2),
        )
        super().__init__(trunk, wide[2], classes, dropout)


def emotionnet_nano_a(classes: int = 7) -> EmotionNetNano:
    """The larger variant, 230,945 parameters."""
    return EmotionNetNano((14, 35, 84), ((12, 11, 9), (25, 34), (51, 31)), 48, classes)


def emotionnet_nano_b(classes: int = 7) -> EmotionNetNano:
    """The smaller variant, 135,284 parameters."""
    return EmotionNetNano((11, 27, 64), ((9, 8, 7), (19, 26), (39, 24)), 36, classes)
