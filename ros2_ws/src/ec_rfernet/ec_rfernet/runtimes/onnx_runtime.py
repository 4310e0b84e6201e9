"""ONNX Runtime: what runs where nothing else was chosen."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import onnxruntime

from ec_rfernet import cpu
from ec_rfernet.bundle import INT8, ONNX
from ec_rfernet.classifier import Classifier


class OnnxClassifier(Classifier):
    """See `Classifier`."""

    runtime = "onnxruntime"
    files: ClassVar = {"fp32": ONNX, "int8": INT8}

    def _load(self, path: Path, threads: int) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle worker threads would spin for the next image and take cores from the robot.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if self.precision == "int8" and cpu.has_int8_tiles():
            # Whole-number convolutions of onnxruntime 1.23 are wrong there, at each run
            # differently; without them the same quantised network is computed in floats.
            basic = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            options.graph_optimization_level = basic
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        (source,) = self._session.get_inputs()
        self._input = source.name
        return source.type == "tensor(uint8)"

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._input: batch})[0]
