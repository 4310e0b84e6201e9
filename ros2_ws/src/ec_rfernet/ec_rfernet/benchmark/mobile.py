"""MobileFaceNet, MobileNetV3-small and EfficientNet-B0: three uses of one block."""

from __future__ import annotations

from torch import nn

from ec_rfernet.benchmark.blocks import (
    InvertedResidual,
    SqueezeExcite,
    conv,
    hard_swish,
    linear,
    network,
    prelu,
    relu,
    swish,
)


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
        attention = SqueezeExcite(hidden, squeezed, relu, nn.Hardsigmoid()) if attends else None
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
            attention = SqueezeExcite(hidden, channels // 4, swish, nn.Sigmoid())
            stride = 1 if repeat else first
            trunk.append(
                InvertedResidual(channels, outputs, hidden, kernel, stride, swish, attention)
            )
            channels = outputs
    trunk.append(conv(channels, 1280, 1, swish))
    return network(trunk, [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes)])
