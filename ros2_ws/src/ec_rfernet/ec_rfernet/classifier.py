"""Expression probabilities of aligned faces, with ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime

from ec_rfernet.bundle import ONNX, Bundle
from ec_rfernet.errors import InputError


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise softmax of [N, K], without overflow."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


class Classifier:
    """A bundle, ready to run. Not thread-safe by contract; keep it in one thread.

    Args:
        bundle: a loaded bundle.
        threads: for one inference; 1 suits a robot that does other things besides.

    Raises:
        InputError: the network cannot be loaded or does not fit the bundle.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self.bundle = bundle
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle worker threads would spin for the next image and take cores from the robot.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = bundle.file(ONNX)
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise InputError(f"{path}: not a network that can be run ({error})") from error
        self._input = self._session.get_inputs()[0].name
        outputs = self.logits(np.zeros((1, bundle.input_size, bundle.input_size), np.uint8)).shape[
            1
        ]
        if outputs != len(bundle.labels):
            raise InputError(f"{path}: {outputs} outputs, expected {len(bundle.labels)}")

    def logits(self, crops: np.ndarray) -> np.ndarray:
        """The network's outputs.

        Args:
            crops: uint8 [N, S, S], grey, aligned; S is the bundle's input size.

        Returns:
            float32 [N, 7].
        """
        size = self.bundle.input_size
        if crops.shape[1:] != (size, size):
            raise ValueError(f"crops are {crops.shape}, expected [N, {size}, {size}]")
        if len(crops) == 0:
            return np.zeros((0, len(self.bundle.labels)), np.float32)
        scale = np.float32(1 / (255 * self.bundle.std))
        grey = crops.astype(np.float32) * scale - np.float32(self.bundle.mean / self.bundle.std)
        batch = np.repeat(grey[:, None], 3, axis=1)
        return self._session.run(None, {self._input: batch})[0]

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float32 [N, 7] of crops uint8 [N, S, S]; N may be 0."""
        return softmax(self.logits(crops) / np.float32(self.bundle.temperature))
