"""Expression probabilities of aligned faces, with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from ec_rfernet.bundle import INT8, ONNX, Bundle
from ec_rfernet.errors import InputError

PRECISIONS = {"fp32": ONNX, "int8": INT8}
"""The bundle's file for each precision."""


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise softmax of [N, K], without overflow."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def network_input(crops: np.ndarray, bundle: Bundle) -> np.ndarray:
    """What a bundle's network takes.

    Args:
        crops: uint8 [N, S, S], grey, aligned; S is the bundle's input size.
        bundle: that says how to scale them.

    Returns:
        float32 [N, 3, S, S].
    """
    size = bundle.input_size
    if crops.shape[1:] != (size, size):
        raise ValueError(f"crops are {crops.shape}, expected [N, {size}, {size}]")
    scale = np.float32(1 / (255 * bundle.std))
    grey = crops.astype(np.float32) * scale - np.float32(bundle.mean / bundle.std)
    return np.repeat(grey[:, None], 3, axis=1)


class Classifier:
    """A bundle, ready to run. Not thread-safe by contract; keep it in one thread.

    Args:
        bundle: a loaded bundle.
        threads: for one inference; 1 suits a robot that does other things besides.
        precision: one of `PRECISIONS`.

    Raises:
        InputError: the network cannot be loaded, does not fit the bundle, or is not
            there in that precision.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, precision: str = "fp32") -> None:
        self.bundle = bundle
        path = _network_file(bundle, precision)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle worker threads would spin for the next image and take cores from the robot.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        black = np.zeros((1, bundle.input_size, bundle.input_size), np.uint8)
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            self._input = self._session.get_inputs()[0].name
            outputs = self.logits(black).shape[1]
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise InputError(f"{path}: not a network that can be run ({error})") from error
        if outputs != len(bundle.labels):
            raise InputError(f"{path}: {outputs} outputs, expected {len(bundle.labels)}")

    def logits(self, crops: np.ndarray) -> np.ndarray:
        """The network's outputs.

        Args:
            crops: uint8 [N, S, S], grey, aligned; S is the bundle's input size.

        Returns:
            float32 [N, K], K = the number of the bundle's labels.
        """
        batch = network_input(crops, self.bundle)
        if len(batch) == 0:
            return np.zeros((0, len(self.bundle.labels)), np.float32)
        return self._session.run(None, {self._input: batch})[0]

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float32 [N, K] of crops uint8 [N, S, S]; N may be 0."""
        return softmax(self.logits(crops) / np.float32(self.bundle.temperature))


def _network_file(bundle: Bundle, precision: str) -> Path:
    if precision not in PRECISIONS:
        raise InputError(f"precision is '{precision}', expected {' or '.join(PRECISIONS)}")
    name = PRECISIONS[precision]
    if name not in bundle.sha256 and not bundle.file(name).exists():
        raise InputError(
            f"{bundle.folder}: no {name} in this bundle; "
            f"'ec-rfernet export --bundle {bundle.folder} --int8 --root PATH' makes it"
        )
    return bundle.file(name)
