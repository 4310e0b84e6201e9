"""What a robot's camera does to a face, applied to whole batches at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

ROTATION = math.radians(15)
SCALE = 0.15
SHIFT = 0.08  # of the half width

Uniform = Callable[[float, float], Tensor]
"""Draws one number per image, [N, 1, 1, 1], between two bounds."""


def center_crop(images: Tensor, size: int) -> Tensor:
    """The middle ``size`` x ``size`` of images [N, C, H, W]."""
    top, left = (images.shape[-2] - size) // 2, (images.shape[-1] - size) // 2
    return images[..., top : top + size, left : left + size]


def augment(images: Tensor, size: int, erasing: float, generator: Generator) -> Tensor:
    """A random view of each image: flip, affine, light, blur, noise, erasing.

    Args:
        images: float [N, 1, H, W], 0..1.
        size: side of the square views; without any change, the centre crop.
        erasing: probability of blanking a rectangle.
        generator: source of all randomness, on the device of ``images``.

    Returns:
        float [N, 1, size, size], 0..1.
    """

    def uniform(low: float, high: float) -> Tensor:
        shape = (images.shape[0], 1, 1, 1)
        return torch.rand(shape, generator=generator, device=images.device) * (high - low) + low

    views = _affine(images, size, uniform)
    views = _light(views, uniform)
    soft = functional.avg_pool2d(views, 3, stride=1, padding=1, count_include_pad=False)
    views = torch.where(uniform(0, 1) < 0.15, torch.lerp(views, soft, uniform(0, 1)), views)
    grain = torch.randn(views.shape, generator=generator, device=views.device)
    views = torch.where(uniform(0, 1) < 0.2, views + grain * uniform(0, 0.05), views)
    return _erase(views, erasing, uniform).clamp(0, 1)


def _affine(images: Tensor, size: int, uniform: Uniform) -> Tensor:
    angle, zoom = uniform(-ROTATION, ROTATION), uniform(1 - SCALE, 1 + SCALE)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    base = size / images.shape[-1]
    cosine, sine = torch.cos(angle) * zoom * base, torch.sin(angle) * zoom * base
    shifts = uniform(-SHIFT, SHIFT), uniform(-SHIFT, SHIFT)
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
    return torch.where(uniform(0, 1) < 0.6, lit.clamp(0, 1), images)


def _erase(images: Tensor, probability: float, uniform: Uniform) -> Tensor:
    size = images.shape[-1]
    rows = torch.arange(size, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(size, device=images.device).view(1, 1, 1, -1)
    height, width = uniform(0.15, 0.45) * size, uniform(0.15, 0.45) * size
    top, left = uniform(0, 1) * (size - height), uniform(0, 1) * (size - width)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return torch.where(inside & (uniform(0, 1) < probability), uniform(0, 1), images)
