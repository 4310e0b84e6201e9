"""PyTorch, to hold the other runtimes against. Importing this needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ec_rfernet import networks
from ec_rfernet.bundle import WEIGHTS, Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes import cpu
from ec_rfernet.runtimes.classifier import Classifier


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


class TorchClassifier(Classifier):
    """See `Classifier`; with ``threads`` 0 PyTorch's own number of threads stays as it is.

    Args:
        bundle: says how crops are scaled.
        threads: for one inference; PyTorch knows one number for the whole process.
        precision: fp32 or bf16.
        network: the bundle's network where it is already in memory.
    """

    runtime = "torch"
    files: ClassVar = {"fp32": WEIGHTS, "bf16": WEIGHTS}

    def __init__(
        self,
        bundle: Bundle,
        threads: int = 1,
        precision: str = "fp32",
        network: nn.Module | None = None,
    ) -> None:
        self._network = network
        self._threads = threads
        super().__init__(bundle, threads, precision)

    @classmethod
    def computes(cls, precision: str) -> bool:
        """See `Classifier.computes`."""
        return super().computes(precision) and (precision != "bf16" or cpu.has_bf16())

    def _load(self, path: Path, threads: int) -> bool:
        self._network = (self._network or load_network(self.bundle)).cpu().eval()
        return False

    def _run(self, batch: np.ndarray) -> np.ndarray:
        assert self._network is not None
        if self._threads:
            torch.set_num_threads(self._threads)
        with (
            torch.inference_mode(),
            torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            return self._network(torch.from_numpy(batch)).float().numpy()
