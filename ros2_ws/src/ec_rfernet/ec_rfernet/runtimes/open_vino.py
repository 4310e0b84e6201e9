"""OpenVINO. Importing this needs openvino, and imports it without its telemetry."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from ec_rfernet.bundle import INT8, ONNX
from ec_rfernet.runtimes.classifier import Classifier

_DEVICE = "CPU"
_SIZES = (16, 4, 1)
_CONVERTERS = "openvino.tools.ovc"


def _import_openvino() -> ModuleType:
    """OpenVINO without its converters, which it does without where they are not installed.

    When they are imported they write into ``~/intel``, fork, and report to the network.
    """
    before = sys.modules.get(_CONVERTERS)
    sys.modules[_CONVERTERS] = None  # type: ignore[assignment]  # Python's way to forbid an import
    try:
        import openvino

        return openvino
    finally:
        del sys.modules[_CONVERTERS]
        if before is not None:
            sys.modules[_CONVERTERS] = before


openvino = _import_openvino()


class OpenVinoClassifier(Classifier):
    """See `Classifier`. Batches of 1 are quick from the start; 4 and 16 after their first.

    A network for any number would cost 1 ms more each time, so one is compiled for each of
    a few numbers when it is first needed, which takes 0.1 s (in int8 up to 1 s) and 15 MB.
    """

    runtime = "openvino"
    files: ClassVar = {"fp32": ONNX, "bf16": ONNX, "int8": INT8}

    @classmethod
    def computes(cls, precision: str) -> bool:
        """See `Classifier.computes`."""
        if precision != "bf16":
            return super().computes(precision)
        return "BF16" in openvino.Core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")

    def _load(self, path: Path, threads: int) -> bool:
        self._core = openvino.Core()
        self._model = self._core.read_model(path)
        self._options: dict[str, Any] = {
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
        }
        if threads:
            self._options["INFERENCE_NUM_THREADS"] = threads
        self._requests: dict[int, Any] = {}
        return self._model.input().element_type == openvino.Type.u8

    def _run(self, batch: np.ndarray) -> np.ndarray:
        rows = np.empty((len(batch), len(self.bundle.labels)), np.float32)
        start = 0
        while start < len(batch):
            size = next(size for size in _SIZES if size <= len(batch) - start)
            part = slice(start, start + size)
            rows[part] = self._request(size).infer({0: batch[part]}, share_inputs=True)[0]
            start += size
        return rows

    def _request(self, size: int) -> Any:
        """An ``openvino.InferRequest``."""
        if size not in self._requests:
            self._model.reshape([size, *list(self._model.input().partial_shape)[1:]])
            compiled = self._core.compile_model(self._model, _DEVICE, self._options)
            self._requests[size] = compiled.create_infer_request()
        return self._requests[size]
