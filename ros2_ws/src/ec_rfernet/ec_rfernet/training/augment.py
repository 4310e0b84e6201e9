"""What a robot's camera does to a face, applied to whole batches at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ec_rfernet.training.config import TrainConfig

Uniform = Callable[[float, float], Tensor]
"""Draws one number per image, [N, 1, 1, 1], between two bounds."""


def center_crop(images: Tensor, size: int) -> Tensor:
    """The middle ``size`` x ``size`` of images [N, C, H, W]."""
    top, left = (images.shape[-2] - size) // 2, (images.shape[-1] - size) // 2
    return images[..., top : top + size, left : left + size]


def augment(images: Tensor, size: int, config: TrainConfig, generator: Generator) -> Tensor:
    """A random view of each image: mirror, affine, light, blur, noise, erasing.

    Args:
        images: float [N, 1, H, W], 0..1.
        size: side of the square views; without any change, the centre crop.
        config: how much of each.
        generator: source of all randomness, on the device of ``images``.

    Returns:
        float [N, 1, size, size], 0..1.
    """

    def uniform(low: float, high: float) -> Tensor:
        shape = (images.shape[0], 1, 1, 1)
        return torch.rand(shape, generator=generator, device=images.device) * (high - low) + low

    views = _affine(images, size, config, uniform)
    views = torch.where(uniform(0, 1) < config.light, _light(views, uniform), views)
    soft = functional.avg_pool2d(views, 3, stride=1, padding=1, count_include_pad=False)
    soft = torch.lerp(views, soft, uniform(0, 1))
    views = torch.where(uniform(0, 1) < config.degrade, soft, views)
    views = torch.where(uniform(0, 1) < config.degrade, _coarse(views), views)
    grain = torch.randn(views.shape, generator=generator, device=views.device)
    grainy = views + grain * uniform(0, 0.05)
    views = torch.where(uniform(0, 1) < config.degrade, grainy, views)
    return _erase(views, config.erasing, uniform).clamp(0, 1)


def mix(
    images: Tensor, targets: Tensor, config: TrainConfig, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Blends each image of a batch with another one, and their targets alike.

    Mixup (Zhang et al., ICLR 2018) blends whole images, CutMix (Yun et al., ICCV 2019)
    pastes a rectangle; where both are on, each batch draws one of them.

    Args:
        images: float [N, 1, S, S].
        targets: distributions float [N, K].
        config: `mixup` and `cutmix` are the alphas of a Beta distribution.
        generator: as for `augment`.
    """
    alphas = [a for a in (config.mixup, config.cutmix) if a > 0]
    if not alphas:
        return images, targets
    device = images.device
    pick = int(torch.randint(len(alphas), (1,), generator=generator, device=device))
    share = _beta(alphas[pick], generator, device)
    order = torch.randperm(len(images), generator=generator, device=device)
    if pick == 1 or config.mixup == 0:
        size = images.shape[-1]
        side = round(size * math.sqrt(1 - share))
        top, left = (
            int(torch.randint(size - side + 1, (1,), generator=generator, device=device))
            for _ in range(2)
        )
        images = images.clone()
        patch = (..., slice(top, top + side), slice(left, left + side))
        images[patch] = images[order][patch]
        share = 1 - side**2 / size**2
    else:
        images = torch.lerp(images[order], images, share)
    return images, torch.lerp(targets[order], targets, share)


def _beta(alpha: float, generator: Generator, device: torch.device) -> float:
    """One draw of Beta(alpha, alpha), by Jöhnk's method."""
    while True:
        x, y = (
            float(torch.rand(1, generator=generator, device=device)) ** (1 / alpha)
            for _ in range(2)
        )
        if 0 < x + y <= 1:
            return x / (x + y)


def _affine(images: Tensor, size: int, config: TrainConfig, uniform: Uniform) -> Tensor:
    turn = math.radians(config.rotation)
    angle, zoom = uniform(-turn, turn), uniform(1 - config.zoom, 1 + config.zoom)
    mirror = torch.where(uniform(0, 1) < config.mirror, -1.0, 1.0)
    base = size / images.shape[-1]
    cosine, sine = torch.cos(angle) * zoom * base, torch.sin(angle) * zoom * base
    shifts = [uniform(-config.shift, config.shift) for _ in range(2)]
    rows = [
        torch.cat([mirror * cosine, -sine, shifts[0]], dim=3),
        torch.cat([mirror * sine, cosine, shifts[1]], dim=3),
    ]
    matrix = torch.cat(rows, dim=2).squeeze(1)
    grid = functional.affine_grid(matrix, [len(images), 1, size, size], align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _light(images: Tensor, uniform: Uniform) -> Tensor:
    gamma = torch.exp(uniform(-0.4, 0.4))
    contrast, brightness = uniform(0.7, 1.3), uniform(-0.15, 0.15)
    mean = images.mean(dim=(2, 3), keepdim=True)
    lit = (images.clamp(1e-4, 1) ** gamma - mean) * contrast + mean + brightness
    return lit.clamp(0, 1)


def _coarse(images: Tensor) -> Tensor:
    """As if the face had been half as large in the camera's image."""
    small = functional.avg_pool2d(images, 2)
    return functional.interpolate(small, size=images.shape[-2:], mode="bilinear")


def _erase(images: Tensor, probability: float, uniform: Uniform) -> Tensor:
    size = images.shape[-1]
    rows = torch.arange(size, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(size, device=images.device).view(1, 1, 1, -1)
    height, width = uniform(0.15, 0.45) * size, uniform(0.15, 0.45) * size
    top, left = uniform(0, 1) * (size - height), uniform(0, 1) * (size - width)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return torch.where(inside & (uniform(0, 1) < probability), uniform(0, 1), images)
