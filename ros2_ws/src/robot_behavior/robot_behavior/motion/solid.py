"""Primitive shapes as solids: how far a point is from one, and spheres that cover one."""

from __future__ import annotations

import math

import numpy as np

from robot_behavior.body.robot_model import Shape

CELL_M = 0.035
"""A box is covered by spheres around cells of about this size."""


def distances(shape: Shape, points: np.ndarray) -> np.ndarray:
    """Signed distances [...], m, of points [...,3] in the shape's frame; negative inside."""
    if shape.kind == "sphere":
        return np.asarray(np.sqrt(np.einsum("...i,...i->...", points, points)) - shape.size[0])
    if shape.kind == "box":
        beyond = [np.abs(points[..., axis]) - shape.size[axis] / 2.0 for axis in range(3)]
    else:
        radius, length = shape.size
        beyond = [np.hypot(points[..., 0], points[..., 1]) - radius]
        beyond.append(np.abs(points[..., 2]) - length / 2.0)
    outside = np.sqrt(sum(np.maximum(part, 0.0) ** 2 for part in beyond))
    inside = np.minimum(np.maximum.reduce(beyond), 0.0)
    return np.asarray(outside + inside)


def cover(shape: Shape) -> tuple[np.ndarray, float]:
    """Spheres that together hold the shape: centres [S,3] in its frame and the radius, m."""
    if shape.kind == "sphere":
        return np.zeros((1, 3)), shape.size[0]
    if shape.kind == "cylinder":
        radius, length = shape.size
        count = math.ceil(length / radius)
        centres = np.zeros((count, 3))
        centres[:, 2] = _middles(length, count)
        return centres, math.hypot(radius, length / count / 2.0)
    counts = [math.ceil(side / CELL_M) for side in shape.size]
    axes = [_middles(side, count) for side, count in zip(shape.size, counts, strict=True)]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = [side / count for side, count in zip(shape.size, counts, strict=True)]
    return centres, math.hypot(*cell) / 2.0


def corners(shape: Shape) -> np.ndarray:
    """Points [C,3] in the shape's frame whose convex hull is nearly the shape."""
    if shape.kind == "box":
        signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1).T
        return np.asarray(signs * shape.size)
    angles = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    ring = shape.size[0] * np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)
    if shape.kind == "cylinder":
        end = np.array([0.0, 0.0, shape.size[1] / 2.0])
        return np.vstack([ring + end, ring - end])
    return np.array([[0.0, 0.0, -shape.size[0]]])


def _middles(length: float, count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * length / count - length / 2.0
