"""What the networks share: a trunk of convolutions, and a classifier of its mean."""

from __future__ import annotations

from torch import Tensor, nn


class PooledNetwork(nn.Module):
    """[N, 3, H, W] normalised RGB in, [N, classes] logits out.

    Args:
        trunk: maps images to the last feature map, [N, channels, h, w].
        channels: of that map, which is averaged over the plane.
        classes: number of expressions.
        dropout: rate before the classifier, 0..1.
    """

    input_size = 44

    def __init__(self, trunk: nn.Sequential, channels: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, classes)
        )

    def forward_features(self, x: Tensor) -> Tensor:
        """The last feature map, [N, channels, h, w]."""
        return self.trunk(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes] of normalised images ``x`` [N, 3, H, W]."""
        return self.head(self.forward_features(x))
