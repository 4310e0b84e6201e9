"""ONNX Runtime: any network, on any processor; runs by default where our kernels do not suit."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime

from ec_rfernet.bundle import INT8, ONNX
from ec_rfernet.runtimes import cpu
from ec_rfernet.runtimes.classifier import Classifier


class OnnxSession:
    """Any ONNX network with one input, ready to run as on the robot.

    Args:
        network: an ONNX file, or its contents.
        threads: for one run.
        fused: whether several of its operations may become one.
    """

    def __init__(self, network: Path | bytes, threads: int = 1, *, fused: bool = True) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle worker threads would spin for the next image and take cores from the robot.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not fused:
            basic = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            options.graph_optimization_level = basic
        source = network if isinstance(network, bytes) else str(network)
        self._session = onnxruntime.InferenceSession(
            source, options, providers=["CPUExecutionProvider"]
        )
        (self._input,) = self._session.get_inputs()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image: (channels, height, width)."""
        return tuple(self._input.shape[1:])

    @property
    def takes_bytes(self) -> bool:
        """Whether the input is 8-bit whole numbers, not floats."""
        return self._input.type == "tensor(uint8)"

    def run(self, batch: np.ndarray) -> np.ndarray:
        """The first output for a whole batch [N, C, H, W], or for a matrix."""
        return self._session.run(None, {self._input.name: batch})[0]


class OnnxClassifier(Classifier):
    """See `Classifier`."""

    runtime = "onnxruntime"
    files: ClassVar = {"fp32": ONNX, "int8": INT8}

    def _load(self, path: Path, threads: int) -> bool:
        # Whole-number convolutions, which onnxruntime 1.23 gets by fusing, are wrong with AMX,
        # at each run differently; without them the quantised network is computed in floats.
        wrong = self.precision == "int8" and cpu.has_int8_tiles()
        self._session = OnnxSession(path, threads, fused=not wrong)
        return self._session.takes_bytes

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self._session.run(batch)
