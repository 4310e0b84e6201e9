"""ONNX Runtime: what runs where nothing else was chosen."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from ec_rfernet.bundle import INT8, ONNX
from ec_rfernet.runtimes import cpu
from ec_rfernet.runtimes.classifier import Classifier
from ec_rfernet.runtimes.onnx_session import OnnxSession


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
