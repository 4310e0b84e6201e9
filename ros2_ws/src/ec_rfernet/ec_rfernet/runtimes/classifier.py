"""Expression probabilities of aligned faces, whatever computes the network.

What computes it is a subclass in `ec_rfernet.runtimes`, see `ec_rfernet.runtimes.open_classifier`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from ec_rfernet.bundle import INT8, WEIGHTS, Bundle
from ec_rfernet.errors import InputError

PRECISIONS = ("fp32", "bf16", "int8")
"""Of the arithmetic: 32-bit floats, 16-bit brain floats, 8-bit integers."""


_REMEDIES = {
    INT8: "; 'ec-rfernet export --bundle {0.folder} --int8 --root PATH' makes it",
    WEIGHTS: ", which holds only what runs without PyTorch",
}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise softmax of [N, K], without overflow."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def network_input(crops: np.ndarray, bundle: Bundle) -> np.ndarray:
    """What a bundle's network takes as it was trained.

    Args:
        crops: uint8 [N, S, S], grey, aligned; S is the bundle's input size.
        bundle: that says how to scale them.

    Returns:
        float32 [N, 3, S, S].
    """
    scale = np.float32(1 / (255 * bundle.std))
    grey = crops.astype(np.float32) * scale - np.float32(bundle.mean / bundle.std)
    return np.repeat(grey[:, None], 3, axis=1)


class Classifier(ABC):
    """A bundle, ready to run. Not thread-safe by contract; keep it in one thread.

    Args:
        bundle: a loaded bundle.
        threads: for one inference; 1 suits a robot that does other things besides, 0 is
            all cores.
        precision: one of `precisions`.

    Attributes:
        runtime: what computes, a name of `ec_rfernet.runtimes.RUNTIMES`.
        precision: of the arithmetic.
        files: the bundle's file that is computed, by precision.
        warning: one sentence where what runs is not what the user would expect, else None.

    Raises:
        InputError: the network cannot be loaded, does not fit the bundle, or is not
            there in that precision.
    """

    runtime: str
    files: ClassVar[Mapping[str, str]]

    def __init__(self, bundle: Bundle, threads: int = 1, precision: str = "fp32") -> None:
        self.bundle = bundle
        self.precision = precision
        self.warning: str | None = None
        path = self._file(bundle, precision)
        black = np.zeros((1, bundle.input_size, bundle.input_size), np.uint8)
        try:
            self._takes_pixels = self._load(path, threads)
            outputs = self.logits(black).shape[1]
        except InputError:
            raise
        except Exception as error:  # those of the runtimes share no base class
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
        size = self.bundle.input_size
        if crops.shape[1:] != (size, size):
            raise ValueError(f"crops are {crops.shape}, expected [N, {size}, {size}]")
        if len(crops) == 0:
            return np.zeros((0, len(self.bundle.labels)), np.float32)
        if self._takes_pixels:
            return self._run(np.ascontiguousarray(crops)[:, None])
        return self._run(network_input(crops, self.bundle))

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float32 [N, K] of crops uint8 [N, S, S]; N may be 0."""
        return softmax(self.logits(crops) / np.float32(self.bundle.temperature))

    @property
    def labels(self) -> tuple[str, ...]:
        """What the columns of logits and probabilities stand for: those of the bundle."""
        return self.bundle.labels

    @classmethod
    def precisions(cls, bundle: Bundle) -> tuple[str, ...]:
        """Those in which this machine can compute this bundle."""
        return tuple(precision for precision in cls.files if cls.offers(bundle, precision))

    @classmethod
    def offers(cls, bundle: Bundle, precision: str) -> bool:
        """Whether `precisions` has this one; quicker than to ask for all."""
        return cls.computes(precision) and cls.missing(bundle, precision) is None

    @classmethod
    def computes(cls, precision: str) -> bool:
        """Whether this machine's processor has the precision."""
        return precision in cls.files

    @classmethod
    def missing(cls, bundle: Bundle, precision: str) -> str | None:
        """Why a bundle has nothing to compute in one of `files`' precisions; None if it has."""
        name = cls.files[precision]
        if bundle.file(name).is_file():
            return None
        return f"{bundle.folder}: no {name} in this bundle{_REMEDIES.get(name, '').format(bundle)}"

    @abstractmethod
    def _load(self, path: Path, threads: int) -> bool:
        """Makes the network ready; returns whether it scales the pixels itself."""

    @abstractmethod
    def _run(self, batch: np.ndarray) -> np.ndarray:
        """Logits float32 [N, K] of uint8 [N, 1, S, S], or of `network_input`; N > 0."""

    @classmethod
    def _file(cls, bundle: Bundle, precision: str) -> Path:
        if precision not in PRECISIONS:
            raise InputError(f"precision is '{precision}', expected {_either(PRECISIONS)}")
        if precision not in cls.files:
            raise InputError(
                f"runtime '{cls.runtime}' computes in {_either(tuple(cls.files))}, "
                f"not in {precision}"
            )
        if not cls.computes(precision):
            raise InputError(f"runtime '{cls.runtime}' has no {precision} on this processor")
        if problem := cls.missing(bundle, precision):
            raise InputError(problem)
        return bundle.file(cls.files[precision])


def _either(names: tuple[str, ...]) -> str:
    return " or ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)
