"""Our own kernels as a runtime: made for the layers of these networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import numpy as np

from ec_rfernet.bundle import INT8, INT8_PROGRAM, ONNX, PROGRAM, Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.kernels.network import KernelNetwork, KernelProgram, problem, remedy
from ec_rfernet.runtimes.classifier import Classifier

NETWORKS = {"fp32": ONNX, "int8": INT8}
"""The bundle's file that a program is made of, by precision."""


class NativeClassifier(Classifier):
    """See `Classifier`. Threads share the images of a batch; one image takes one of them.

    Args:
        bundle: a loaded bundle.
        threads: at most so many at once; 0 is all cores.
        precision: fp32 or int8.
        path: one of `paths`; without it the fastest.
    """

    runtime = "native"
    files: ClassVar = {"fp32": PROGRAM, "int8": INT8_PROGRAM}

    def __init__(
        self,
        bundle: Bundle,
        threads: int = 1,
        precision: str = "fp32",
        path: str | None = None,
    ) -> None:
        self._path = path
        super().__init__(bundle, threads, precision)

    @classmethod
    def missing(cls, bundle: Bundle, precision: str) -> str | None:
        """See `Classifier.missing`; networks of other layers have no program."""
        if cls.files[precision] in bundle.sha256:
            return problem(bundle.file(cls.files[precision]))
        network = bundle.file(NETWORKS[precision])
        if precision in bundle.not_lowered:
            reason = bundle.not_lowered[precision]
            return f"{network}: runtime 'native' does not compute it ({reason})"
        if not network.is_file():
            return super().missing(bundle, precision)
        return (
            f"{bundle.folder}: has no program for our kernels, as of an older export; "
            f"{remedy(bundle.folder)}"
        )

    def _load(self, path: Path, threads: int) -> bool:
        program = KernelProgram.read(path)
        if program.size != self.bundle.input_size:
            raise InputError(
                f"{path}: takes {program.size} pixels a side, expected {self.bundle.input_size}"
            )
        try:
            count = threads or len(os.sched_getaffinity(0))
            self._networks = [KernelNetwork(program, self._path) for _ in range(count)]
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        if count > 1:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(count)  # starts no thread before it is needed
        return True

    def _run(self, batch: np.ndarray) -> np.ndarray:
        if len(batch) == 1 or len(self._networks) == 1:
            return self._networks[0].run(batch)
        parts = np.array_split(batch, min(len(batch), len(self._networks)))
        return np.concatenate(list(self._pool.map(KernelNetwork.run, self._networks, parts)))
