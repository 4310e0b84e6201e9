"""The two people of the clip, and the expressions that are put on their faces.

The people are Eileen Collins (NASA) and Grace Hopper (US Navy), on pictures in the public domain.
An expression is a set of action units, those of the Facial Action Coding System (Ekman & Friesen,
1978). Each moves a few points of the face; a smooth field carries the skin around them along.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ec_rfernet.errors import InputError
from ec_rfernet.faces.blazeface import BlazeFaceDetector, networks_folder
from ec_rfernet.faces.face import Face, Similarity

EYE_DISTANCE = 90.0
"""Pixels between the eyes of a loaded portrait."""

_FOLDER = Path(__file__).with_name("people")


@dataclass(frozen=True)
class Photograph:
    """A picture of one person.

    Attributes:
        file: the picture.
        outline: a polygon around the person, traced by hand: pixels of the picture, written
            like the points of SVG's polygons.
    """

    file: Path
    outline: str


HOPPER = Photograph(
    _FOLDER / "hopper.jpg",
    "11,600 15,560 22,510 28,455 30,440 32,428 36,418 39,408 43,397 48,388 54,381 60,381 "
    "66,378 78,371 100,365 122,360 168,344 185,333 196,321 202,313 202,300 193,295 173,285 "
    "164,274 161,254 163,244 157,224 154,203 155,190 157,178 154,165 153,150 153,130 "
    "154,112 157,102 163,93 174,86 175,74 180,65 186,57 195,50 204,45 216,41 216,33 224,29 "
    "239,24 254,23 269,24 284,29 295,35 303,41 315,44 328,50 340,60 348,70 353,82 354,86 "
    "363,86 367,91 368,100 369,115 370,130 371,145 370,160 368,175 368,181 373,184 376,192 "
    "376,200 374,210 371,222 369,236 365,252 362,265 361,275 358,287 352,297 344,304 "
    "336,308 332,313 338,322 363,340 396,356 432,368 467,378 488,389 493,394 500,417 "
    "508,432 512,445 512,600",
)
COLLINS = Photograph(
    _FOLDER / "collins.png",
    "30,512 26,484 22,450 19,400 24,365 27,345 32,315 40,290 50,265 62,247 75,238 98,220 "
    "114,206 112,190 117,186 122,178 129,168 138,160 150,152 165,149 184,150 182,132 "
    "176,130 171,123 171,117 164,113 157,104 154,92 153,75 157,60 164,49 177,40 188,34 "
    "200,25 215,19 233,16 250,17 265,23 280,33 290,44 297,59 300,77 300,95 295,112 286,124 "
    "275,135 267,137 267,145 262,155 257,165 256,174 265,180 275,189 285,200 293,212 "
    "300,225 303,234 309,237 320,244 330,252 341,264 347,275 352,287 357,305 361,330 "
    "364,348 380,346 400,344 420,346 440,355 460,370 475,390 485,410 492,435 496,455 "
    "503,460 508,480 508,512",
)

_RIGHT_EYE, _LEFT_EYE = (33, 133), (263, 362)  # outer and inner corner in the face mesh


@dataclass(frozen=True, eq=False)
class Portrait:
    """One person, cut out of the background.

    Attributes:
        image: BGR, uint8 [H, W, 3], scaled to `EYE_DISTANCE`.
        alpha: float32 [H, W], 1 where the person is.
        landmarks: float32 [468, 2], (x, y) pixels of the MediaPipe face mesh.
        depth: float32 [468], how far behind the camera's plane each of them lies, pixels; only
            differences mean something.
    """

    image: np.ndarray
    alpha: np.ndarray
    landmarks: np.ndarray
    depth: np.ndarray

    @property
    def eyes(self) -> tuple[np.ndarray, np.ndarray]:
        """Centres of the right and of the left eye, the person's own; float32 [2] each."""
        return self.landmarks[list(_RIGHT_EYE)].mean(0), self.landmarks[list(_LEFT_EYE)].mean(0)


def load(photograph: Photograph) -> Portrait:
    """Reads `HOPPER` or `COLLINS`, finds the face and cuts the person out.

    Raises:
        InputError: the picture or the network of the face mesh is not installed.
    """
    try:
        image = np.asarray(Image.open(photograph.file).convert("RGB"))[..., ::-1].copy()
    except OSError as error:
        raise InputError(f"the clip needs the picture {photograph.file} ({error})") from error
    landmarks = _landmarks(image, photograph)
    image, alpha = _cut_out(image, photograph.outline)
    right, left = (landmarks[list(eye), :2].mean(0) for eye in (_RIGHT_EYE, _LEFT_EYE))
    scale = EYE_DISTANCE / float(np.linalg.norm(left - right))
    return Portrait(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC),
        cv2.resize(alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR),
        (landmarks[:, :2] * scale).astype(np.float32),
        (landmarks[:, 2] * scale).astype(np.float32),
    )


# The face mesh (Kartynnik et al., CVPR workshops 2019), from the wheel of the detector.

_MESH = "face_landmark.tflite"
_MESH_SIZE, _MESH_POINTS = 192, 468  # pixels of its square, points
_MESH_MARGIN = 1.5  # the square's side, in those of the face


def _landmarks(image: np.ndarray, photograph: Photograph) -> np.ndarray:
    """The points of the mesh, float64 [468, 3], (x, y, depth) pixels."""
    # Enlarged, since the network sees more pixels than the smaller face has.
    enlarged = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    faces = BlazeFaceDetector().detect(enlarged)
    if not faces:
        raise InputError(f"no face was found in {photograph.file}")
    return _mesh(enlarged, faces[0]) / 2


def _mesh(image: np.ndarray, face: Face) -> np.ndarray:
    network = cv2.dnn.readNetFromTFLite(str(networks_folder() / _MESH))
    right, left = face.keypoints[:2]
    box = face.box
    around = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]])
    # The mesh itself tells best where the face is, so the second look is the better one.
    for _ in range(2):
        place = _upright(around, left - right)
        crop = cv2.warpAffine(image, place.matrix, (_MESH_SIZE, _MESH_SIZE))
        network.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True))
        answers = network.forward(network.getUnconnectedOutLayersNames())
        mesh = max(answers, key=np.size).reshape(_MESH_POINTS, 3)
        around = place.inverse().apply(mesh[:, :2])
        right, left = around[_RIGHT_EYE[0]], around[_LEFT_EYE[0]]
    return np.column_stack([around, mesh[:, 2] / place.scale])


def _upright(points: np.ndarray, across: np.ndarray) -> Similarity:
    """Brings points of a face into the middle of the mesh's square, and its eyes level."""
    level = Similarity(complex(across[0], -across[1]) / float(np.linalg.norm(across)))
    turned = level.apply(points)
    low, high = turned.min(0), turned.max(0)
    scale = _MESH_SIZE / (_MESH_MARGIN * float((high - low).max()))
    middle = scale * (low + high) / 2
    return Similarity(scale, complex(*(_MESH_SIZE / 2 - middle))).after(level)


# Cutting out.

_UNSURE = 3  # pixels on both sides of an outline within which the edge is looked for
_EDGE = 1.2  # pixels, standard deviation: how soft it becomes


def _cut_out(image: np.ndarray, outline: str) -> tuple[np.ndarray, np.ndarray]:
    """The colours of a person, also a little beyond the edge, and where the person is.

    The edge is found with GrabCut (Rother, Kolmogorov & Blake, SIGGRAPH 2004).
    """
    inside = np.zeros(image.shape[:2], np.uint8)
    corners = np.array([corner.split(",") for corner in outline.split()], np.int32)
    cv2.fillPoly(inside, [corners], 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _UNSURE + 1, 2 * _UNSURE + 1))
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(inside, disc) == 1] = cv2.GC_FGD
    labels[cv2.dilate(inside, disc) == 0] = cv2.GC_BGD
    cv2.setRNGSeed(1)  # the same edge every time
    cv2.grabCut(image, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    person = (labels % 2).astype(np.float32)
    soft = cv2.GaussianBlur(person, (0, 0), _EDGE)
    alpha = np.clip((soft - 0.4) / 0.45, 0, 1)
    # The outermost pixels still show the old background: they take the colours beside them.
    sure = cv2.erode(person, np.ones((5, 5), np.uint8))[..., None]
    share = cv2.GaussianBlur(sure, (0, 0), 2 * _EDGE)[..., None]
    colours = cv2.GaussianBlur(image * sure, (0, 0), 2 * _EDGE) / np.maximum(share, 1e-4)
    image = np.where((sure > 0) | (share < 1e-3), image, colours)
    return np.clip(image, 0, 255).astype(np.uint8), alpha


# Expressions.

# (right, left) landmark of the MediaPipe face mesh, the person's own right and left
_CORNER, _CHEEK = (61, 291), (50, 280)
_BROW_INNER, _BROW_MID, _BROW_OUTER = (107, 336), (105, 334), (70, 300)
_LID_UPPER, _LID_LOWER = (159, 386), (145, 374)
_LIP_UPPER, _LIP_LOWER, _CHIN = (0, 0), (17, 17), (199, 199)

# unit: (points, outward, downward, radius), all in eye distances at strength 1
_UNITS: dict[str, tuple[tuple[tuple[int, int], float, float, float], ...]] = {
    "inner_brow_raiser": ((_BROW_INNER, -0.02, -0.14, 0.20),),
    "outer_brow_raiser": ((_BROW_MID, 0.0, -0.08, 0.20), (_BROW_OUTER, 0.0, -0.12, 0.22)),
    "brow_lowerer": ((_BROW_INNER, -0.06, 0.13, 0.18), (_BROW_MID, -0.03, 0.06, 0.18)),
    "upper_lid_raiser": ((_LID_UPPER, 0.0, -0.06, 0.11),),
    "lid_tightener": ((_LID_UPPER, 0.0, 0.04, 0.11), (_LID_LOWER, 0.0, -0.04, 0.11)),
    "cheek_raiser": ((_CHEEK, 0.02, -0.08, 0.30), (_LID_LOWER, 0.0, -0.03, 0.12)),
    "lip_corner_puller": ((_CORNER, 0.12, -0.16, 0.22), (_LIP_LOWER, 0.0, 0.02, 0.15)),
    "lip_corner_depressor": ((_CORNER, 0.02, 0.16, 0.22), (_LIP_LOWER, 0.0, -0.04, 0.18)),
    "chin_raiser": ((_CHIN, 0.0, -0.06, 0.25), (_LIP_LOWER, 0.0, -0.05, 0.2)),
    "lip_pressor": ((_LIP_UPPER, 0.0, 0.05, 0.14), (_LIP_LOWER, 0.0, -0.06, 0.14)),
}
_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)  # its inner edge
_STEP = 4  # pixels between the points at which the warp is computed
_JAW_DROP = 0.42  # how far the lower lip sinks at strength 1, in eye distances
_MOUTH_BGR = np.array([22, 14, 40], dtype=np.float32)


@dataclass(frozen=True)
class Expression:
    """Strength of each action unit; 0 leaves the portrait as it is, 1 is strong.

    Negative values undo what the portrait already shows.
    """

    inner_brow_raiser: float = 0.0
    outer_brow_raiser: float = 0.0
    brow_lowerer: float = 0.0
    upper_lid_raiser: float = 0.0
    lid_tightener: float = 0.0
    cheek_raiser: float = 0.0
    lip_corner_puller: float = 0.0
    lip_corner_depressor: float = 0.0
    chin_raiser: float = 0.0
    lip_pressor: float = 0.0
    jaw_drop: float = 0.0

    def towards(self, other: Expression, share: float) -> Expression:
        """The expression ``share`` (0..1) of the way to another."""
        mixed = {
            field.name: (1 - share) * getattr(self, field.name) + share * getattr(other, field.name)
            for field in fields(self)
        }
        return Expression(**mixed)


AT_REST = Expression()
"""The portrait as it is."""


def put_on(portrait: Portrait, expression: Expression) -> np.ndarray:
    """The portrait's picture with another expression.

    Returns:
        BGR, uint8 [H, W, 3], of the size of the portrait.
    """
    face = _Face(portrait)
    picture = portrait.image.copy()
    x0, y0, x1, y1 = face.region
    grid = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1).astype(np.float32)
    source = _pulled_back(grid, face.pushes(expression))
    if expression.jaw_drop > 0.01:
        source, mouth = face.open_jaw(source, expression.jaw_drop)
    else:
        mouth = np.zeros(grid.shape[:2], dtype=np.float32)
    warped = cv2.remap(portrait.image, source[..., 0], source[..., 1], cv2.INTER_CUBIC)
    mouth = cv2.GaussianBlur(mouth, (0, 0), 1.5)[..., None]
    picture[y0:y1, x0:x1] = (warped * (1 - mouth) + _MOUTH_BGR * mouth).astype(np.uint8)
    return picture


def _pulled_back(grid: np.ndarray, pushes: np.ndarray) -> np.ndarray:
    """Where each pixel comes from: the inverse of the sum of Gaussian pushes.

    Args:
        grid: float32 [H, W, 2] pixel positions; H and W are multiples of `_STEP`.
        pushes: float32 [N, 5]: centre, displacement, radius, in pixels.
    """
    # The field is smooth, so a coarse one, enlarged, is as good. A pixel of it lies in
    # the middle of the pixels that it stands for.
    coarse = grid[::_STEP, ::_STEP] + (_STEP - 1) / 2
    moved = np.zeros_like(coarse)
    for _ in range(4):  # each round comes nearer to the fixed point
        source = coarse - moved
        moved = np.zeros_like(coarse)
        for x, y, dx, dy, radius in pushes:
            near = (source[..., 0] - x) ** 2 + (source[..., 1] - y) ** 2
            weight = np.exp(near / (-2 * radius * radius))
            moved[..., 0] += dx * weight
            moved[..., 1] += dy * weight
    return grid - cv2.resize(moved, grid.shape[1::-1], interpolation=cv2.INTER_LINEAR)


class _Face:
    """The face of a portrait in its own axes: across, down, eye distance."""

    def __init__(self, portrait: Portrait) -> None:
        self._points = portrait.landmarks
        right, left = portrait.eyes
        self._unit = float(np.linalg.norm(left - right))
        self._across = (left - right) / self._unit
        self._down = np.array([-self._across[1], self._across[0]])
        low = self._points.min(0) - 0.6 * self._unit
        high = self._points.max(0) + 0.6 * self._unit
        height, width = portrait.image.shape[:2]
        x, y = max(0, int(low[0])), max(0, int(low[1]))
        columns = (min(width, int(high[0])) - x) // _STEP
        rows = (min(height, int(high[1])) - y) // _STEP
        self.region = (x, y, x + _STEP * columns, y + _STEP * rows)

    def pushes(self, expression: Expression) -> np.ndarray:
        """What moves: float32 [N, 5], see `_pulled_back`."""
        rows = []
        for name, moves in _UNITS.items():
            strength = getattr(expression, name)
            if abs(strength) < 0.01:
                continue
            for pair, outward, downward, radius in moves:
                single = pair[0] == pair[1]
                for point, side in zip(pair, (-1.0, 1.0), strict=True):
                    x, y = self._points[point]
                    share = 0.5 if single else 1.0
                    step = side * outward * self._across + downward * self._down
                    dx, dy = strength * share * self._unit * step
                    rows.append((x, y, dx, dy, radius * self._unit))
        return np.array(rows, dtype=np.float32).reshape(-1, 5)

    def open_jaw(self, source: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Parts the lips: below them the picture sinks, above it stays.

        Args:
            source: where each pixel comes from so far, float32 [H, W, 2].
            strength: 0..1.

        Returns:
            The new ``source``, and float32 [H, W]: 1 inside the open mouth.
        """
        seam = self._points[list(_LOWER_LIP)]
        middle = seam.mean(0)
        offset = source - middle
        across, down = offset @ self._across / self._unit, offset @ self._down / self._unit
        half = float(np.ptp(seam @ self._across)) / self._unit / 2
        line = np.interp(
            across,
            (seam - middle) @ self._across / self._unit,
            (seam - middle) @ self._down / self._unit,
        ).astype(np.float32)
        # The lips part as a half ellipse between the corners of the mouth; cheeks and
        # neck follow less and less.
        lips = np.sqrt(np.clip(1 - (across / (1.02 * half)) ** 2, 0, 1))
        cheeks = np.exp(-((across / (1.9 * half)) ** 2))
        depth = np.clip((down - line) / 0.5, 0, 1)
        neck = 1 - np.clip((down - 0.65) / 0.9, 0, 1)
        drop = strength * _JAW_DROP * (lips * (1 - depth) + cheeks * depth) * neck * neck
        below = down - drop
        lower = below >= line
        upper = down <= line
        moved = np.where(upper, down, np.maximum(below, line))
        target = middle + self._unit * (
            across[..., None] * self._across + moved[..., None] * self._down
        )
        mouth = (~upper & ~lower).astype(np.float32)
        return target.astype(np.float32), mouth
