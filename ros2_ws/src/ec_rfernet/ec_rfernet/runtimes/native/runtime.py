"""The kernels of ec_rfernet_native, made for the layers of these networks."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np

from ec_rfernet.bundle import INT8, ONNX, Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.classifier import Classifier
from ec_rfernet.runtimes.native.library import Network
from ec_rfernet.runtimes.native.lowering import program
from ec_rfernet.runtimes.native.network_graph import UnsupportedError


class NativeClassifier(Classifier):
    """See `Classifier`. Threads share the images of a batch; one image takes one of them.

    Args:
        bundle: a loaded bundle.
        threads: at most so many at once; 0 is all cores.
        precision: fp32 or int8.
        path: one of `ec_rfernet.runtimes.native.library.paths`; without it the fastest.
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
        return tuple(p for p in super().precisions(bundle) if _supports(bundle, p))

    @classmethod
    def offers(cls, bundle: Bundle, precision: str) -> bool:
        """See `Classifier.offers`."""
        return precision in super().precisions(bundle) and _supports(bundle, precision)

    def _load(self, path: Path, threads: int) -> bool:
        try:
            found = program(self.bundle, self.precision)
        except UnsupportedError as error:
            raise InputError(f"{path}: runtime 'native' does not compute it ({error})") from error
        count = threads or len(os.sched_getaffinity(0))
        self._networks = [Network(found, self._path) for _ in range(count)]
        self._pool = ThreadPoolExecutor(count)  # starts no thread before it is needed
        return True

    def _run(self, batch: np.ndarray) -> np.ndarray:
        if len(batch) == 1 or len(self._networks) == 1:
            return self._networks[0].run(batch)
        parts = np.array_split(batch, min(len(batch), len(self._networks)))
        return np.concatenate(list(self._pool.map(Network.run, self._networks, parts)))


def _supports(bundle: Bundle, precision: str) -> bool:
    try:
        program(bundle, precision)
    except InputError:
        return False
    return True
