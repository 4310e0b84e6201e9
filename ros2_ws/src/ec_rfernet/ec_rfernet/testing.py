"""For tests: a small model of any labels, made in seconds, and pictures that it knows.

Its expressions are gratings, each of a direction and a width of its own; there is no face in
them. To make a bundle needs torch and onnx, the pictures need neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.bundle import Bundle
from ec_rfernet.faces.face import KEYPOINTS, Box, Face
from ec_rfernet.faces.framing import ANCHORS, FER2013, align
from ec_rfernet.labels import LABELS

_SIDE = FER2013.size
_PERIODS = (9.0, 16.0)  # pixels from one bright stripe to the next
_PER_CLASS = 24
_RIDGE = 1e-3


def picture(number: int, classes: int, seed: int = 0) -> np.ndarray:
    """The picture of one class, uint8 [48, 48], grey.

    Args:
        number: of the class, 0..classes - 1.
        classes: how many there are; pairs of classes share a direction, with narrow stripes
            and with wide ones.
        seed: of the phase, the light and the noise.
    """
    rng = np.random.default_rng([number, classes, seed])
    turn = 2 * np.pi * (number // 2) / (classes + 1)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    way = rows * np.sin(turn) + columns * np.cos(turn)
    waves = np.sin(2 * np.pi * (way / _PERIODS[number % 2] + rng.uniform(0, 0.2)))
    levels = rng.uniform(110, 140) + rng.uniform(65, 85) * waves
    return np.clip(levels + rng.normal(0, 5, waves.shape), 0, 255).astype(np.uint8)


def scene(number: int, classes: int, seed: int = 0) -> tuple[np.ndarray, Face]:
    """A camera's picture with one such face in the middle, and where it is.

    Returns:
        BGR uint8 [480, 640, 3], and what a detector would find there.
    """
    scale, left, top = 4, 224, 144
    image = np.full((480, 640, 3), 120, np.uint8)
    large = cv2.resize(picture(number, classes, seed), None, fx=scale, fy=scale)
    image[top : top + len(large), left : left + len(large)] = large[..., None]
    places = dict(zip(ANCHORS, FER2013.anchors, strict=True))
    nose = np.mean(FER2013.anchors, axis=0)
    points = [places.get(name, nose) for name in KEYPOINTS]
    keypoints = np.array(points, np.float32) * scale + np.array((left, top), np.float32)
    side = float(_SIDE * scale)
    return image, Face(Box(float(left), float(top), side, side), 0.9, keypoints)


def tiny_bundle(folder: Path, labels: Sequence[str] = LABELS, seed: int = 0) -> Bundle:
    """Trains the smallest network to tell the pictures of any labels, and exports it.

    Only the statistics of its normalisation and its last layer learn; the rest stays random.

    Args:
        folder: for the bundle; its last part is the model's name.
        labels: class ``number`` of `picture` is ``labels[number]``.
        seed: of the weights and the pictures.

    Returns:
        The bundle, in fp32 and int8, with programs for our kernels.
    """
    import torch

    from ec_rfernet import networks
    from ec_rfernet.evaluation.scores import single_crop
    from ec_rfernet.export import write_bundle
    from ec_rfernet.runtimes.classifier import network_input
    from ec_rfernet.training.regression import logistic_regression

    classes = len(labels)
    numbers = np.tile(np.arange(classes), _PER_CLASS)
    images = np.stack([picture(n, classes, seed + i) for i, n in enumerate(numbers)])
    draft = Bundle(
        folder=Path(folder),
        name=Path(folder).name,
        architecture="emotionnet_nano_b",
        input_size=44,
        mean=0.49,
        std=0.21,
        framing=FER2013,
        temperature=0.25,  # so that it is sure of them
        labels=tuple(labels),
        provenance={"data": ["gratings, drawn by ec_rfernet.testing"]},
    )
    seen = [
        align(*scene(n, classes, seed + i), draft.framing, draft.input_size)
        for i, n in enumerate(numbers)
    ]
    crops = np.concatenate([single_crop(images, draft.input_size)[:, 0], seen])
    inputs = torch.from_numpy(network_input(crops, draft))
    targets = torch.from_numpy(np.tile(numbers, 2))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = networks.create(draft.architecture, classes)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # all pictures count alike
    pooling, last = network.head[:-1], network.head[-1]  # type: ignore[index]
    with torch.inference_mode():
        network.train()(inputs[::3])
        features = pooling.eval()(network.eval().forward_features(inputs))  # type: ignore[operator]
    start = torch.zeros(features.shape[1] + 1, classes)
    weights = logistic_regression(features.clone(), targets, start, _RIDGE).float()
    with torch.no_grad():
        last.weight.copy_(weights[:-1].T)
        last.bias.copy_(weights[-1])
    return write_bundle(draft, network, images[::4])
