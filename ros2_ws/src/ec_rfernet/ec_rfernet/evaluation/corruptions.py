"""What a robot's camera does to a face, each in three strengths.

The strengths follow from what cameras and people do, not from what a network bears:
*light* is everyday, *middle* is common on a robot in a home or a hall, *strong* is at the
edge of what a person still recognises. Numbers in pixels are those of the 48x48 picture,
in which a face of 16 cm is about 40 pixels wide: 4 mm a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.evaluation.scores import Scorer

STRENGTHS = ("light", "middle", "strong")

_GAMMA = 2.2
_FULL_WELL = 1000.0  # electrons of white at the gain of an indoor exposure
_READ_NOISE = 4.0  # electrons

Effect = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
"""Changes a grey picture, float32 [H, W] in 0..255, by an amount; may leave the range."""


@dataclass(frozen=True)
class Corruption:
    """One thing that happens to pictures.

    Attributes:
        effect: what it does.
        amounts: for each of `STRENGTHS`.
        unit: of the amounts, for people.
    """

    effect: Effect
    amounts: tuple[float, float, float]
    unit: str


def _warp(image: np.ndarray, zoom: float = 1.0, angle: float = 0.0) -> np.ndarray:
    """Enlarges and turns (degrees) about the middle; beyond the border its edge is repeated.

    So does `ec_rfernet.faces.framing.align` where a face reaches out of the camera's image.
    """
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _zoom(image: np.ndarray, factor: float, _rng: np.random.Generator) -> np.ndarray:
    return _warp(image, zoom=factor)


def _rotate(image: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    return _warp(image, angle=degrees * rng.choice((-1, 1)))


def _shift(image: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    direction = rng.uniform(0, 2 * np.pi)
    matrix = np.array([[1, 0, pixels * np.cos(direction)], [0, 1, pixels * np.sin(direction)]])
    return cv2.warpAffine(image, matrix, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def _linear(image: np.ndarray) -> np.ndarray:
    """Light, 0..1, that gave these grey levels."""
    return (image / 255) ** _GAMMA


def _encoded(light: np.ndarray) -> np.ndarray:
    return 255 * np.clip(light, 0, 1) ** (1 / _GAMMA)


def _dark(image: np.ndarray, stops: float, rng: np.random.Generator) -> np.ndarray:
    """Less light, with the photon and read noise that then shows."""
    electrons = rng.poisson(_linear(image) * _FULL_WELL / 2**stops)
    return _encoded((electrons + rng.normal(0, _READ_NOISE, image.shape)) / _FULL_WELL)


def _bright(image: np.ndarray, stops: float, _rng: np.random.Generator) -> np.ndarray:
    return _encoded(_linear(image) * 2**stops)


def _veil(image: np.ndarray, contrast: float, _rng: np.random.Generator) -> np.ndarray:
    """Stray light of a window or a dirty lens: a grey veil over everything."""
    return image * contrast + 160 * (1 - contrast)


def _defocus(image: np.ndarray, sigma: float, _rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def _motion(image: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    side = 2 * int(np.ceil(length / 2)) + 3
    line = np.zeros((side, side), np.float32)
    line[side // 2] = np.clip((length + 1) / 2 - np.abs(np.arange(side) - side // 2), 0, 1)
    kernel = np.maximum(_warp(line, angle=rng.uniform(0, 180)), 0)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _coarse(image: np.ndarray, side: float, _rng: np.random.Generator) -> np.ndarray:
    small = cv2.resize(image, (int(side), int(side)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _jpeg(image: np.ndarray, quality: float, _rng: np.random.Generator) -> np.ndarray:
    levels = np.rint(image).astype(np.uint8)
    _, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)


def _noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return image + rng.normal(0, deviation, image.shape)


def _cover(image: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    """A hand, a cup or hair: a square of one grey level somewhere over the face."""
    covered = image.copy()
    top, left = (int(rng.integers(4, length - 4 - int(side) + 1)) for length in image.shape)
    covered[top : top + int(side), left : left + int(side)] = rng.uniform(40, 215)
    return covered


CORRUPTIONS: dict[str, Corruption] = {
    # Eyes and mouth found 1, 2 or 3 pixels in ten too near together, or too far apart.
    "smaller": Corruption(_zoom, (0.9, 0.8, 0.7), "zoom"),
    "larger": Corruption(_zoom, (1.1, 1.2, 1.3), "zoom"),
    # 5, 10 and 15 % of the face's width, in any direction.
    "off_centre": Corruption(_shift, (2, 4, 6), "pixels"),
    # A head that is tilted a little, in listening, or as far as most people do it.
    "rotated": Corruption(_rotate, (7, 14, 20), "degrees, either way"),
    # A dim room, evening light, a lamp behind: stops below the right exposure.
    "dark": Corruption(_dark, (1, 2, 3), "stops under, with noise"),
    # A face in the sun while the camera measures the room; at 2 stops half a face is white.
    "bright": Corruption(_bright, (0.5, 1, 2), "stops over"),
    "low_contrast": Corruption(_veil, (0.7, 0.5, 0.3), "of the contrast"),
    # Fixed-focus cameras are sharp from about 0.5 m; sigma 1.2 leaves about 20 pixels' detail.
    "out_of_focus": Corruption(_defocus, (0.8, 1.2, 1.8), "pixels sigma"),
    # A head, or the robot's own, at 0.4, 0.6 and 1 m/s during an exposure of 33 ms.
    "motion_blur": Corruption(_motion, (3, 5, 8), "pixels"),
    # Someone 1.5 to 3 m away in a 640x480 image of a wide lens.
    "low_resolution": Corruption(_coarse, (32, 24, 16), "pixels wide"),
    # 50 is common for compressed streams, 25 for bad links, 10 shows its blocks to anyone.
    "jpeg": Corruption(_jpeg, (50, 25, 10), "quality"),
    # Cheap sensors at high gain in a well exposed picture.
    "noise": Corruption(_noise, (8, 16, 24), "grey levels"),
    # 6, 11 and 17 % of the picture.
    "occlusion": Corruption(_cover, (12, 16, 20), "pixels square"),
}


def corrupt(images: np.ndarray, name: str, strength: int, seed: int = 0) -> np.ndarray:
    """Applies one of `CORRUPTIONS`; the same arguments give the same pictures.

    Args:
        images: uint8 [N, H, W], grey, before any crop.
        name: a key of `CORRUPTIONS`.
        strength: index into `STRENGTHS`.
        seed: of everything random; an image's share of it depends on its row alone.

    Returns:
        uint8 [N, H, W].

    Raises:
        InputError: there is no such corruption.
    """
    if name not in CORRUPTIONS:
        raise InputError(f"unknown corruption '{name}'; expected one of: {', '.join(CORRUPTIONS)}")
    corruption = CORRUPTIONS[name]
    amount = corruption.amounts[strength]
    found = np.empty_like(images)
    for row, image in enumerate(images):
        rng = np.random.default_rng((seed, row))
        changed = corruption.effect(image.astype(np.float32), amount, rng)
        found[row] = np.clip(np.rint(changed), 0, 255)
    return found


@dataclass(frozen=True)
class Robustness:
    """Accuracies, 0..1, single crop.

    Attributes:
        clean: of the pictures as they are.
        accuracy: under each corruption, for each of `STRENGTHS`.
    """

    clean: float
    accuracy: Mapping[str, tuple[float, ...]]

    @property
    def mean_drop(self) -> tuple[float, ...]:
        """What is lost against clean pictures, mean over the corruptions, by strength."""
        lost = self.clean - np.array(list(self.accuracy.values()))
        return tuple(map(float, lost.mean(axis=0)))

    def as_dict(self) -> dict[str, object]:
        """For JSON; shares rounded to four digits."""
        return {
            "strengths": list(STRENGTHS),
            "clean": round(self.clean, 4),
            "corruptions": {
                name: {
                    "amounts": list(CORRUPTIONS[name].amounts),
                    "unit": CORRUPTIONS[name].unit,
                    "accuracy": [round(value, 4) for value in values],
                    "drop": [round(self.clean - value, 4) for value in values],
                }
                for name, values in self.accuracy.items()
            },
            "mean_drop": [round(value, 4) for value in self.mean_drop],
        }


def measure_robustness(
    scorer: Scorer,
    images: np.ndarray,
    truth: np.ndarray,
    progress: Callable[[str], None] = lambda _name: None,
) -> Robustness:
    """Accuracy under each corruption at each strength.

    Args:
        scorer: what to measure.
        images: uint8 [N, H, W], grey.
        truth: int [N], the classes.
        progress: called with the name of each corruption before it is measured.
    """

    def accuracy(pictures: np.ndarray) -> float:
        answers = scores.logits(scorer, pictures).argmax(axis=1)
        return float(np.mean(answers == truth))

    found = {}
    for name in CORRUPTIONS:
        progress(name.replace("_", " "))
        found[name] = tuple(
            accuracy(corrupt(images, name, strength)) for strength in range(len(STRENGTHS))
        )
    return Robustness(accuracy(images), found)
