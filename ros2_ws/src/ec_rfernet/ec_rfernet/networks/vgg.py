"""VGG for small faces: a teacher for the small networks, not meant for a robot.

Simonyan, Zisserman: "Very deep convolutional networks for large-scale image
recognition", ICLR 2015, with batch norm, and the mean over the plane in place of the
hidden linear layers. Nothing but dense 3x3 convolutions: of the networks here it
trains fastest on a CPU for what it costs.
"""

from __future__ import annotations

from torch import Tensor, nn


class VGG(nn.Module):
    """The network: [N, 3, H, W] normalised RGB in, [N, classes] logits out.

    Args:
        widths: channels of each stage; each one but the last ends with a pooling.
        depth: convolutions of a stage.
        classes: number of expressions.
        dropout: rate before the classifier, 0..1.
    """

    input_size = 44

    def __init__(
        self, widths: tuple[int, ...], depth: int = 2, classes: int = 7, dropout: float = 0.3
    ) -> None:
        super().__init__()
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
        self.trunk = nn.Sequential(*trunk)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, classes)
        )

    def forward_features(self, x: Tensor) -> Tensor:
        """The last feature map, [N, widths[-1], H/8, W/8] for four stages."""
        return self.trunk(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes] of normalised images ``x`` [N, 3, H, W]."""
        return self.head(self.forward_features(x))


def vgg9(classes: int = 7) -> VGG:
    """Eight convolutions and the classifier: 2.6 M parameters; can be trained on a CPU."""
    return VGG((32, 96, 192, 384), classes=classes)
