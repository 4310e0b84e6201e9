"""From trained weights to the networks and programs that run.

The order is: weights, ``model.onnx`` (checked against PyTorch), ``model.int8.onnx`` (static
quantisation with ONNX Runtime), then the programs of our kernels.
Importing this needs torch and onnx.
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from ec_rfernet.bundle import INT8, ONNX, WEIGHTS, Bundle, forget_others, save
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.evaluation.scores import single_crop
from ec_rfernet.files import staged
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.classifier import network_input
from ec_rfernet.runtimes.native.lowering import write_programs
from ec_rfernet.runtimes.torch_runtime import TorchClassifier

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


PARITY = 1e-4
"""Largest allowed difference between a logit of torch and of ONNX Runtime."""

_OPSET = 17


def write_bundle(bundle: Bundle, network: nn.Module, images: np.ndarray | None = None) -> Bundle:
    """Writes weights, ONNX networks, programs of our kernels and manifest into the folder.

    The files appear together, when all are complete and the parity holds, or not at all.

    Args:
        bundle: what the manifest is to say.
        network: the trained network.
        images: uint8 [N, H, W], grey, of the training split, to calibrate an int8 network
            with. Without them an int8 network that is there stays if it is of the same
            weights.

    Returns:
        The bundle with the sha256 of its files.

    Raises:
        InputError: see `parity`.
        OSError: the folder cannot be written, or the disk is full.
    """
    with staged(bundle.folder) as folder:
        draft = dataclasses.replace(bundle, folder=folder)
        state = {key: value.contiguous() for key, value in network.cpu().state_dict().items()}
        try:
            save_file(state, draft.file(WEIGHTS))
        except SafetensorError as error:  # so it reports a full disk
            problem = f"cannot be written ({error})"
            raise OSError(errno.EIO, problem, str(bundle.folder)) from error
        _write_onnx(network, bundle.input_size, draft.file(ONNX))
        difference = parity(draft, network)
        if not difference <= PARITY:  # of weights that are not finite it is no number
            raise InputError(
                f"{ONNX} differs from the network by {difference:.1e}, expected <= {PARITY}"
            )
        if images is not None:
            quantise(draft.file(ONNX), draft.file(INT8), bundle, images)
        elif _same_weights(bundle, draft):
            shutil.copyfile(bundle.file(INT8), draft.file(INT8))
        written = save(write_programs(draft))
    return forget_others(dataclasses.replace(written, folder=bundle.folder))


def _same_weights(bundle: Bundle, draft: Bundle) -> bool:
    """Whether the folder holds an int8 network of the weights that are being written."""
    if not (bundle.file(INT8).is_file() and bundle.file(WEIGHTS).is_file()):
        return False
    return bundle.file(WEIGHTS).read_bytes() == draft.file(WEIGHTS).read_bytes()


def _write_onnx(network: nn.Module, size: int, path: Path) -> None:
    network = network.cpu().eval().to(memory_format=torch.contiguous_format)
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, size, size),),
        str(path),
        input_names=["faces"],
        output_names=["logits"],
        dynamic_axes={"faces": {0: "n"}, "logits": {0: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )


def parity(bundle: Bundle, network: nn.Module) -> float:
    """Largest difference of a logit between ``network`` and the bundle's ``model.onnx``."""
    size = bundle.input_size
    crops = np.random.default_rng(0).integers(0, 256, (8, size, size)).astype(np.uint8)
    expected = TorchClassifier(bundle, threads=0, network=network).logits(crops)
    found = open_classifier(bundle, 1, "onnxruntime", "fp32").logits(crops)
    return float(np.abs(found - expected).max())


def agreement(bundle: Bundle, images: np.ndarray) -> float:
    """Share of pictures uint8 [N, H, W] whose answer is the same in int8 and in fp32."""
    answers = [
        scores.logits(open_classifier(bundle, 1, "onnxruntime", precision), images).argmax(axis=1)
        for precision in ("fp32", "int8")
    ]
    return float(np.mean(answers[0] == answers[1]))
