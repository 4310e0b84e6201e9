"""A picture of the robot in a pose, drawn from the shapes of its URDF.

Each shape is ray-cast by itself into a depth buffer (parallel projection, so that the
rays of a shape differ only in two coordinates); light falls once, at the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from robot_behavior.body.face import (
    FACE_LINK,
    HIGH,
    NEUTRAL,
    Band,
    Look,
    face_sphere,
    on_sphere,
    still,
    wears_face,
)
from robot_behavior.body.robot_model import RobotModel, Shape, rotation

AZIMUTH_DEG, ELEVATION_DEG = 28.0, 9.0
"""The viewer stands in front of the robot, somewhat to its left, and looks down a little."""

REACH = 1.26
"""The picture shows this many times the robot's height: arms reach above the head."""

KEY_LIGHT = np.array([-0.45, 0.62, 0.64], np.float32)
"""Direction towards the light: right, up, to the viewer."""

BACKGROUND = ((214, 206, 198), (244, 240, 236))
"""Blue, green, red at the top and at the bottom."""

FACE_GROUND = (26, 18, 13)
"""Of a face alone, likewise."""


@dataclass
class _Canvas:
    """What is nearest at each pixel: depth (m), normal, number of the shape (0: none)."""

    depth: np.ndarray
    normal: np.ndarray
    number: np.ndarray
    right: np.ndarray  # [W] m, of the columns
    up: np.ndarray  # [H] m, of the rows


def render(
    model: RobotModel,
    positions: Mapping[str, float],
    size: tuple[int, int] = (480, 480),
    face: Look | None = None,
) -> np.ndarray:
    """Draws the robot from the front, turned by three quarters.

    Args:
        model: the robot; its root link stands on the floor.
        positions: rad by name of the joint; joints that are left out are at zero.
        size: width and height of the picture, px.
        face: None: it is neutral. Only a robot that wears one, see `robot_behavior.body.face`,
            shows it.

    Returns:
        uint8 [H,W,3], blue green red.
    """
    width, height = size
    view = _view()
    scale = min(width, height) / (REACH * model.height)  # px/m
    canvas = _canvas(model.height, size, scale)
    picture = _background(size)
    poses = model.poses(positions)
    drawn = [
        (link, shape, poses[link] @ shape.origin)
        for link, group in model.shapes.items()
        for shape in group
    ]
    if drawn:
        _shadow(picture, [(shape, pose) for _, shape, pose in drawn], view, canvas, scale)
    colours = np.zeros((len(drawn) + 1, 3), np.float32)
    worn = 0
    for number, (link, shape, pose) in enumerate(drawn, start=1):
        worn = number if wears_face(link, shape) else worn
        colours[number] = shape.colour[2::-1]
        _cast(canvas, shape, view @ pose[:3, :3], view @ pose[:3, 3], number)
    _light(picture, canvas, colours)
    sphere = face_sphere(model)
    if sphere is not None:
        seen, pose = canvas.number == worn, view @ poses[FACE_LINK][:3]
        _face(picture, seen, face or still(NEUTRAL), sphere, pose, canvas)
    return picture


def _face(
    picture: np.ndarray,
    visible: np.ndarray,
    face: Look,
    sphere: Shape,
    pose: np.ndarray,
    canvas: _Canvas,
) -> None:
    """Draws a face where its sphere is seen.

    Args:
        picture: what has been drawn so far.
        visible: [H,W] where nothing is in front of the sphere.
        face: what to draw.
        sphere: that wears it.
        pose: [3,4] of the face's link, in the viewer's axes.
        canvas: says which pixel is where.
    """
    left, top, width, height = cv2.boundingRect(visible.astype(np.uint8))
    if not width:
        return
    region = (slice(top, top + height), slice(left, left + width))
    drawn = picture[region].copy()
    centre = pose[:, :3] @ sphere.origin[:3, 3] + pose[:, 3]
    metre = 1.0 / max(float(canvas.right[-1] - canvas.right[0]), 1e-9) * (len(canvas.right) - 1)
    origin = np.array([canvas.right[left], canvas.up[top]])
    for band in face.bands:
        away = (on_sphere(band.outline, sphere) - sphere.origin[:3, 3]) @ pose[:, :3].T
        behind = away[:, 2] < 0.0  # what is beyond the sphere's edge ends there
        across = np.linalg.norm(away[behind, :2], axis=1, keepdims=True)
        away[behind, :2] *= sphere.size[0] / np.maximum(across, 1e-9)
        pixels = (away[:, :2] + centre[:2] - origin) * (metre, -metre)
        _fill(drawn, band, pixels)
    cv2.copyTo(drawn, visible[region].astype(np.uint8), picture[region])


def face_picture(face: Look, size: tuple[int, int]) -> np.ndarray:
    """Draws a face alone, from the front, as a display shows it.

    Args:
        face: what to draw.
        size: width and height of the picture, px.

    Returns:
        uint8 [H,W,3], blue green red.
    """
    width, height = size
    picture = np.full((height, width, 3), FACE_GROUND, np.uint8)
    scale = min(width / 2.0, height / (2.0 * HIGH))
    for band in face.bands:
        _fill(picture, band, band.outline * (scale, -scale) + ((width - 1) / 2, (height - 1) / 2))
    return picture


def inset(picture: np.ndarray, face: Look) -> None:
    """Draws a face large into the upper right corner of a picture, blue green red."""
    margin, size = 12, (140, 112)
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    round_px = 18
    for part in ((round_px, 0), (0, round_px)):
        far = (width - 1 - part[0], height - 1 - part[1])
        cv2.rectangle(mask, part, far, 1, -1)
    for x in (round_px, width - 1 - round_px):
        for y in (round_px, height - 1 - round_px):
            cv2.circle(mask, (x, y), round_px, 1, -1)
    corner = picture[margin : margin + height, -margin - width : -margin]
    if corner.shape[:2] == mask.shape:
        cv2.copyTo(face_picture(face, size), mask, corner)


def _fill(picture: np.ndarray, band: Band, pixels: np.ndarray) -> None:
    """Fills the outline of a band, [2N,2] pixels."""
    if band.is_seen:
        corners = np.round(pixels * _SUBPIXELS).astype(np.int32)
        colour = [255.0 * part for part in band.colour[::-1]]
        cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA, _SHIFT)


_SHIFT = 4
_SUBPIXELS = 1 << _SHIFT


def _view() -> np.ndarray:
    """[3,3] from the root link's axes to the viewer's: right, up, towards the viewer."""
    turn = rotation(np.array([0.0, 0.0, 1.0]), np.radians(-AZIMUTH_DEG))
    tilt = rotation(np.array([1.0, 0.0, 0.0]), np.radians(ELEVATION_DEG))
    return np.asarray(tilt @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], float) @ turn)


def _canvas(robot_height: float, size: tuple[int, int], scale: float) -> _Canvas:
    width, height = size
    right = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / scale
    middle = 0.52 * robot_height
    up = middle - (np.arange(height, dtype=np.float32) - (height - 1) / 2) / scale
    return _Canvas(
        depth=np.full((height, width), -np.inf, np.float32),
        normal=np.zeros((3, height, width), np.float32),
        number=np.zeros((height, width), np.uint8),
        right=right,
        up=up,
    )


def _background(size: tuple[int, int]) -> np.ndarray:
    width, height = size
    top, bottom = np.array(BACKGROUND, np.float32)
    share = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
    column = (top + (bottom - top) * share).astype(np.uint8)
    return np.asarray(cv2.repeat(column, 1, width))


def _shadow(
    picture: np.ndarray,
    drawn: list[tuple[Shape, np.ndarray]],
    view: np.ndarray,
    canvas: _Canvas,
    scale: float,
) -> None:
    """Darkens the floor below the robot, at a quarter of the resolution."""
    height, width = picture.shape[:2]
    mask = np.zeros((-(-height // 4), -(-width // 4)), np.float32)
    flat = abs(float(view[1, 0]))  # how much of the floor's depth the viewer sees
    highest = max(float(pose[2, 3]) for _, pose in drawn) + 1e-6
    for shape, pose in sorted(drawn, key=lambda item: -float(item[1][2, 3])):
        x, y, _ = view @ np.array([pose[0, 3], pose[1, 3], 0.0])
        column = (float(x) - float(canvas.right[0])) * scale / 4
        row = (float(canvas.up[0]) - float(y)) * scale / 4
        radius = 1.15 * shape.radius * scale / 4
        axes = (max(1, round(radius)), max(1, round(radius * max(flat, 0.2))))
        dark = 1.0 - 0.8 * max(float(pose[2, 3]), 0.0) / highest  # fades with the height
        cv2.ellipse(mask, (round(column), round(row)), axes, 0, 0, 360, dark, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 2.5)
    left, top, wide, high = (4 * side for side in cv2.boundingRect((mask > 0.01).astype(np.uint8)))
    region = (slice(top, top + high), slice(left, left + wide))
    shade = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)[region]
    picture[region] = picture[region] * (1.0 - 0.45 * shade[..., None])


def _cast(canvas: _Canvas, shape: Shape, turn: np.ndarray, centre: np.ndarray, number: int) -> None:
    """Draws one shape.

    Args:
        canvas: what has been drawn so far.
        shape: what to draw.
        turn: [3,3] rotation from the shape's axes to the viewer's.
        centre: [3] in the viewer's axes, m.
        number: of the shape, from 1.
    """
    # Plain floats: they keep float32 arrays as they are, and are quicker than numpy's.
    axes: Axes = turn.tolist()
    x, y, z = centre.tolist()
    wide, high = _extent(shape, axes)
    left, right = canvas.right.searchsorted((x - wide, x + wide))
    top, bottom = len(canvas.up) - canvas.up[::-1].searchsorted((y + high, y - high))
    if left >= right or top >= bottom:
        return
    columns = canvas.right[None, left:right] - x
    rows = canvas.up[top:bottom, None] - y
    cast = {"sphere": _sphere, "cylinder": _cylinder, "box": _box}[shape.kind]
    near, normal = cast(shape.size, axes, columns, rows)
    near += z
    region = (slice(top, bottom), slice(left, right))
    depth = canvas.depth[region]
    nearer = near > depth
    np.copyto(depth, near, where=nearer)
    np.copyto(canvas.number[region], number, where=nearer)
    for axis in range(3):
        np.copyto(canvas.normal[axis][region], normal[axis], where=nearer)


Axes = list[list[float]]
"""Rotation from a shape's axes (columns) to the viewer's (rows)."""

Hit = tuple[np.ndarray, tuple[np.ndarray, ...]]
"""Depth towards the viewer [h,w] (-inf or nan where missed) and the normal, 3 x [h,w]."""


def _extent(shape: Shape, axes: Axes) -> tuple[float, float]:
    """Half of the width and of the height of what the viewer sees of a shape, m."""
    if shape.kind == "sphere":
        return shape.size[0], shape.size[0]
    if shape.kind == "box":
        halves = [
            sum(abs(part) * side for part, side in zip(axis, shape.size, strict=True)) / 2
            for axis in axes[:2]
        ]
    else:
        radius, length = shape.size
        halves = [
            abs(axis[2]) * length / 2 + radius * math.sqrt(max(1.0 - axis[2] ** 2, 0.0))
            for axis in axes[:2]
        ]
    return halves[0], halves[1]


def _sphere(size: tuple[float, ...], _axes: Axes, right: np.ndarray, up: np.ndarray) -> Hit:
    radius = size[0]
    square = (radius * radius - right * right) - up * up
    near = np.sqrt(np.where(square > 0.0, square, np.nan))
    return near, (right / radius, up / radius, near / radius)


def _cylinder(size: tuple[float, ...], axes: Axes, right: np.ndarray, up: np.ndarray) -> Hit:
    radius, half = size[0], size[1] / 2
    # The ray in the cylinder's own axes: origin o, direction d, parameter t.
    ox, oy, oz = (axes[0][i] * right + axes[1][i] * up for i in range(3))
    dx, dy, dz = axes[2]
    a = max(dx * dx + dy * dy, 1e-9)
    b = dx * ox + dy * oy
    square = b * b - a * (ox * ox + oy * oy - radius * radius)
    side = (np.sqrt(np.where(square > 0.0, square, np.nan)) - b) / a
    beyond = np.abs(oz + side * dz) > half
    end = math.copysign(half, dz)
    cap = (end - oz) / math.copysign(max(abs(dz), 1e-6), dz)
    px, py = ox + cap * dx, oy + cap * dy
    capped = beyond & (px * px + py * py <= radius * radius)
    near = np.where(beyond, np.where(capped, cap, -np.inf), side).astype(np.float32, copy=False)
    nx = np.where(capped, 0.0, (ox + side * dx) / radius)
    ny = np.where(capped, 0.0, (oy + side * dy) / radius)
    nz = capped * math.copysign(1.0, dz)
    return near, tuple(axis[0] * nx + axis[1] * ny + axis[2] * nz for axis in axes)


def _box(size: tuple[float, ...], axes: Axes, right: np.ndarray, up: np.ndarray) -> Hit:
    leaves, enters = [], []
    for i in range(3):
        direction = math.copysign(max(abs(axes[2][i]), 1e-6), axes[2][i])
        middle = (axes[0][i] * right + axes[1][i] * up) / -direction
        width = size[i] / 2 / abs(direction)
        leaves.append(middle + width)
        enters.append(middle - width)
    leave = np.minimum(np.minimum(leaves[0], leaves[1]), leaves[2])
    enter = np.maximum(np.maximum(enters[0], enters[1]), enters[2])
    near = np.where(leave > enter, leave, -np.inf).astype(np.float32, copy=False)
    face = np.where(leave == leaves[0], 0, np.where(leave == leaves[1], 1, 2))
    signs = np.copysign(np.ones(3, np.float32), np.array(axes[2], np.float32))
    return near, tuple((np.array(axis, np.float32) * signs)[face] for axis in axes)


def _light(picture: np.ndarray, canvas: _Canvas, colours: np.ndarray) -> None:
    """Shades what was drawn and blends it into the picture, with smooth edges."""
    left, top, width, height = cv2.boundingRect(canvas.number)
    if not width:
        return
    drawn = np.flatnonzero(canvas.number)
    nx, ny, nz = canvas.normal.reshape(3, -1)[:, drawn]
    key = KEY_LIGHT / np.linalg.norm(KEY_LIGHT)
    facing = nx * key[0] + ny * key[1] + nz * key[2]
    shade = 0.52 + 0.14 * ny + 0.42 * np.maximum(facing, 0.0)
    half = key + np.array([0.0, 0.0, 1.0], np.float32)
    half = half / np.linalg.norm(half)
    gleam = np.maximum(nx * half[0] + ny * half[1] + nz * half[2], 0.0) ** 2
    gleam *= gleam  # to the 24th power in all
    gleam = 55.0 * (gleam * gleam) ** 3
    lit = colours[canvas.number.ravel()[drawn]] * (255.0 * shade)[:, None] + gleam[:, None]
    picture.reshape(-1, 3)[drawn] = np.minimum(lit, 255.0).astype(np.uint8)
    # A boundary between two shapes is a staircase; a little blur along it is not seen
    # as blur but as a smooth line.
    margin = 2
    region = (
        slice(max(top - margin, 0), top + height + margin),
        slice(max(left - margin, 0), left + width + margin),
    )
    number, solid = canvas.number[region], picture[region]
    edge = cv2.morphologyEx(number, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    cv2.copyTo(cv2.GaussianBlur(solid, (3, 3), 0.8), edge, solid)
