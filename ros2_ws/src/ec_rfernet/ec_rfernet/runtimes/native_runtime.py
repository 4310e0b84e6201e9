"""The kernels of ec_rfernet_native, made for the layers of these networks."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from ec_rfernet.bundle import INT8, ONNX, Bundle
from ec_rfernet.classifier import Classifier
from ec_rfernet.errors import InputError
from ec_rfernet.native.library import Network
from ec_rfernet.native.network_graph import UnsupportedError
from ec_rfernet.native.program import program


class NativeClassifier(Classifier):
    """See `Classifier`. It computes in one thread, however many are offered.

    Args:
        bundle: a loaded bundle.
        threads: not used.
        precision: fp32 or int8.
        path: one of `ec_rfernet.native.library.paths`; without it the fastest.
    """

    runtime = "native"
    files: ClassVar = {"fp32": ONNX, "int8": INT8}

    def __init__(
        self, bundle: Bundle, threads: int = 1, precision: str = "fp32", path: str = ""
    ) -> None:
        self._path = path
        super().__init__(bundle, threads, precision)

    @classmethod
    def precisions(cls, bundle: Bundle) -> tuple[str, ...]:
        """See `Classifier.precisions`; networks of other layers have none."""
        return tuple(
            precision for precision in super().precisions(bundle) if _supports(bundle, precision)
        )

    def _load(self, path: Path, threads: int) -> bool:
        try:
            self._network = Network(program(self.bundle, self.precision), self._path)
        except UnsupportedError as error:
            raise InputError(f"{path}: runtime 'native' does not compute it ({error})") from error
        return True

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self._network.run(batch)


def _supports(bundle: Bundle, precision: str) -> bool:
    try:
        program(bundle, precision)
    except InputError:
        return False
    return True
