"""The network in whole numbers: static quantisation with ONNX Runtime.

Importing this needs onnx.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from ec_rfernet.bundle import Bundle
from ec_rfernet.evaluation.scores import single_crop
from ec_rfernet.runtimes.classifier import network_input

IMAGES = 1024
"""How many pictures the ranges of the activations are taken from."""

_BATCH = 32


def spread(labels: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Rows of ``count`` pictures (or all, if fewer), as many of each class as there are.

    Args:
        labels: int [N].
        count: wanted number of rows.
        seed: of the choice.

    Returns:
        int [count], without repetition; classes take turns.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    turn = np.empty(len(labels), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[order] == label)
        turn[members] = np.arange(len(members))
    return order[np.argsort(turn, kind="stable")][:count]


def quantise(source: Path, target: Path, bundle: Bundle, images: np.ndarray) -> None:
    """Writes an int8 network for an fp32 one.

    All layers are quantised: unsigned 8-bit activations, signed weights with a scale per
    output channel. The weights use 7 bits, because 8 of them overflow the 16-bit sums of
    x86 processors without VNNI; measured, it costs nothing. Ranges are the extremes over
    the calibration pictures, which suits activations that ReLU6 bounds.

    Args:
        source: fp32 ONNX file whose batch normalisation is folded into the convolutions.
        target: file to write; other files may lie beside it for a while.
        bundle: of the network; says how pictures are cropped and scaled.
        images: uint8 [N, H, W], grey, of the training split, for calibration.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    prepared = target.with_suffix(".prepared")
    with _quiet(), _complete(target):
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Pictures(bundle, images),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
        )
    prepared.unlink()


class _Pictures(CalibrationDataReader):
    def __init__(self, bundle: Bundle, images: np.ndarray) -> None:
        crops = single_crop(images, bundle.input_size)[:, 0]
        self._batches = (
            {"faces": network_input(crops[start : start + _BATCH], bundle)}
            for start in range(0, len(crops), _BATCH)
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, or None after the last."""
        return next(self._batches, None)


@contextmanager
def _complete(target: Path) -> Iterator[None]:
    """ONNX Runtime does not say that the disk is full, it stumbles over what is missing then."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # those of onnx and onnxruntime share no base class
        problem = f"cannot be written, the disk may be full ({error})"
        raise OSError(errno.EIO, problem, str(target)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime recommends, in warnings, the preparation that is being done."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
