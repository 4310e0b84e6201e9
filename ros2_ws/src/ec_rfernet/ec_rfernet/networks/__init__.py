"""The networks of the library, by name.

A network of another package is registered with an entry point of the group
``ec_rfernet.networks``, see `ec_rfernet.registry`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ec_rfernet.registry import Registry

if TYPE_CHECKING:
    from torch import nn

NETWORKS: Registry[Callable[..., nn.Module]] = Registry(
    "model",
    "ec_rfernet.networks",
    {
        "ec_rfernet": "ec_rfernet.networks.ec_rfernet:ECRFERNet",
        "emotionnet_nano_a": "ec_rfernet.networks.emotionnet_nano:emotionnet_nano_a",
        "emotionnet_nano_b": "ec_rfernet.networks.emotionnet_nano:emotionnet_nano_b",
        "resnet18": "ec_rfernet.networks.teachers:resnet18",
        "vgg9": "ec_rfernet.networks.teachers:vgg9",
        "vgg13": "ec_rfernet.networks.teachers:vgg13",
    },
)
"""Makers of a freshly initialised `torch.nn.Module`, with the keyword ``classes``.

It maps float32 [N, 3, S, S] to logits [N, classes], has the parts ``trunk`` and ``head``, and an
``input_size`` S, pixels. To get one imports torch.
"""


def create(name: str, classes: int = 7) -> nn.Module:
    """A freshly initialised network.

    Raises:
        InputError: no network has that name.
    """
    return NETWORKS.get(name)(classes=classes)


__all__ = ["NETWORKS", "create"]
