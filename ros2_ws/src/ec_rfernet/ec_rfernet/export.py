"""From trained weights to the network that runs. Importing this needs torch."""

from __future__ import annotations

import dataclasses
import errno
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ec_rfernet import networks
from ec_rfernet.bundle import INT8, ONNX, WEIGHTS, Bundle, save
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.files import staged
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.torch_runtime import TorchClassifier

PARITY = 1e-4
"""Largest allowed difference between a logit of torch and of ONNX Runtime."""

_OPSET = 17


def load_network(bundle: Bundle) -> nn.Module:
    """The bundle's network in PyTorch, with its weights, in evaluation mode.

    Raises:
        InputError: the weights are unreadable or belong to another network.
    """
    path = bundle.file(WEIGHTS)
    network = networks.create(bundle.architecture, classes=len(bundle.labels))
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        problem = str(error).splitlines()[0]
        raise InputError(f"{path}: not the weights of {bundle.architecture} ({problem})") from error
    return network.eval()


def write_bundle(bundle: Bundle, network: nn.Module, images: np.ndarray | None = None) -> Bundle:
    """Writes weights, ONNX networks and manifest into the bundle's folder.

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
            from ec_rfernet.quantisation import quantise

            quantise(draft.file(ONNX), draft.file(INT8), bundle, images)
        elif _same_weights(bundle, draft):
            shutil.copyfile(bundle.file(INT8), draft.file(INT8))
        written = save(draft)
    if INT8 not in written.sha256:
        bundle.file(INT8).unlink(missing_ok=True)
    return dataclasses.replace(written, folder=bundle.folder)


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
