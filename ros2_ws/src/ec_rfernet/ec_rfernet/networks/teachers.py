"""Teachers for the small networks, not meant for a robot: VGG and ResNet-18 for small faces."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ec_rfernet.networks.pooled import PooledNetwork


class VGG(PooledNetwork):
    """The network: [N, 3, H, W] normalised RGB in, [N, classes] logits out.

    Simonyan, Zisserman: "Very deep convolutional networks for large-scale image
    recognition", ICLR 2015, with batch norm, and the mean over the plane in place of the
    hidden linear layers. Nothing but dense 3x3 convolutions: of the networks here it
    trains fastest on a CPU for what it costs.

    Args:
        widths: channels of each stage; each one but the last ends with a pooling.
        depth: convolutions of a stage.
        classes: number of expressions.
        dropout: rate before the classifier, 0..1.
    """

    def __init__(
        self, widths: tuple[int, ...], depth: int = 2, classes: int = 7, dropout: float = 0.3
    ) -> None:
        trunk: list[nn.Module] = []
        channels = 3
        for stage, width in enumerate(widths):
            if stage:
                trunk.append(nn.MaxPool2d(2))
            for _ in range(depth):
                trunk += [
                    nn.Conv2d(channels, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                channels = width
        super().__init__(nn.Sequential(*trunk), channels, classes, dropout)


def vgg9(classes: int = 7) -> VGG:
    """Eight convolutions and the classifier: 2.6 M parameters; can be trained on a CPU."""
    return VGG((32, 96, 192, 384), classes=classes)


def vgg13(classes: int = 7) -> VGG:
    """Twelve convolutions and the classifier: 7.8 M parameters; 2.5 times as slow as `vgg9`."""
    return VGG((64, 128, 256, 512), depth=3, classes=classes)


def _norm_conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _norm_conv(inputs, outputs, 3, stride)
        self.second = _norm_conv(outputs, outputs, 3)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _norm_conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, inputs, H, W] to [N, outputs, H / stride, W / stride]."""
        value = self.second(functional.relu(self.first(x)))
        return functional.relu(value + self.shortcut(x))


class ResNet(PooledNetwork):
    """The network: [N, 3, H, W] normalised RGB in, [N, classes] logits out.

    Args:
        width: channels of the first of the four stages; each further one has twice
            as many.
        classes: number of expressions.
        dropout: rate before the classifier, 0..1.
    """

    def __init__(self, width: int, classes: int = 7, dropout: float = 0.2) -> None:
        blocks: list[nn.Module] = [_norm_conv(3, width, 3), nn.ReLU()]
        channels = width
        for stage in range(4):
            outputs = width * 2**stage
            blocks += [
                ResidualBlock(channels, outputs, stride=2 if stage else 1),
                ResidualBlock(outputs, outputs, stride=1),
            ]
            channels = outputs
        super().__init__(nn.Sequential(*blocks), channels, classes, dropout)


def resnet18(classes: int = 7) -> ResNet:
    """ResNet-18 of the usual width: 11.2 M parameters.

    He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016. As
    usual for pictures of this size, the stem is one 3x3 convolution that keeps the
    resolution.
    """
    return ResNet(64, classes)
