"""The networks of the library, by name. Importing this needs torch."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ec_rfernet.errors import InputError
from ec_rfernet.networks.ec_rfernet import ECRFERNet
from ec_rfernet.networks.emotionnet_nano import emotionnet_nano_a, emotionnet_nano_b
from ec_rfernet.networks.teachers import resnet18, vgg9, vgg13

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "ec_rfernet": ECRFERNet,
    "emotionnet_nano_a": emotionnet_nano_a,
    "emotionnet_nano_b": emotionnet_nano_b,
    "resnet18": resnet18,
    "vgg9": vgg9,
    "vgg13": vgg13,
}


def create(name: str, classes: int = 7) -> nn.Module:
    """A freshly initialised network.

    Raises:
        InputError: no network has that name.
    """
    if name not in NETWORKS:
        raise InputError(f"unknown model '{name}'; expected one of: {', '.join(NETWORKS)}")
    return NETWORKS[name](classes=classes)
