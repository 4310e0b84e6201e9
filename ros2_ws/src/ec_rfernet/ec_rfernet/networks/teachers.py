"""VGG for small faces: a teacher for the small networks, not meant for a robot.

Simonyan, Zisserman: "Very deep convolutional networks for large-scale image
recognition", ICLR 2015, with batch norm, and the mean over the plane in place of the
hidden linear layers. Nothing but dense 3x3 convolutions: of the networks here it
trains fastest on a CPU for what it costs.
"""

from __future__ import annotations

from torch import nn

from ec_rfernet.networks.pooled import PooledNetwork


class VGG(PooledNetwork):
    """The network: [N, 3, H, W] normalised RGB in, [N, classes] logits out.

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
