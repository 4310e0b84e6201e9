"""What the peers are built of. Importing this needs torch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

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


class SqueezeExcite(nn.Module):
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
        inputs, outputs: channels; with equal ones and stride 1 the input is added.
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
