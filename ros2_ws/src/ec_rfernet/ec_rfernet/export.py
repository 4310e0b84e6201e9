"""From trained weights to the network that runs. Importing this needs torch."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ec_rfernet import networks
from ec_rfernet.bundle import ONNX, WEIGHTS, Bundle, save
from ec_rfernet.classifier import Classifier
from ec_rfernet.errors import InputError

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


def write_bundle(bundle: Bundle, network: nn.Module) -> Bundle:
    """Writes weights, ONNX network and manifest into the bundle's folder.

    The files appear only when they are complete and the parity holds.

    Raises:
        InputError: see `parity`.
        OSError: the folder cannot be written, or the disk is full.
    """
    bundle.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bundle.folder, prefix=".writing-") as name:
        draft = Path(name)
        state = {key: value.contiguous() for key, value in network.cpu().state_dict().items()}
        save_file(state, draft / WEIGHTS)
        _write_onnx(network, bundle.input_size, draft / ONNX)
        _check_parity(bundle, network, draft)
        for file in (WEIGHTS, ONNX):
            (draft / file).replace(bundle.file(file))
    return save(bundle)


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


def _check_parity(bundle: Bundle, network: nn.Module, draft: Path) -> None:
    difference = parity(dataclasses.replace(bundle, folder=draft), network)
    if difference > PARITY:
        raise InputError(
            f"{ONNX} differs from the network by {difference:.1e}, expected <= {PARITY}"
        )


def parity(bundle: Bundle, network: nn.Module) -> float:
    """Largest difference of a logit between ``network`` and the bundle's ``model.onnx``."""
    size = bundle.input_size
    crops = np.random.default_rng(0).integers(0, 256, (8, size, size)).astype(np.uint8)
    grey = (torch.from_numpy(crops).float() / 255 - bundle.mean) / bundle.std
    with torch.inference_mode():
        expected = network.cpu().eval()(grey.unsqueeze(1).expand(-1, 3, -1, -1)).numpy()
    return float(np.abs(Classifier(bundle).logits(crops) - expected).max())
