"""The networks of this library, from bundles, in all runtimes and precisions there are."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.benchmark.subject import Candidate, Run, Subject
from ec_rfernet.bundle import MANIFEST, Bundle
from ec_rfernet.runtimes import available, installed, open_classifier
from ec_rfernet.runtimes.classifier import NATIVE, RUNTIMES

_NAMES = {
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "torch": "PyTorch",
    NATIVE: "our kernels",
}
_PACKAGES = {NATIVE: "ec_rfernet_native"}

_SLOW = ("torch", "bf16")  # for networks this small, slower than PyTorch in fp32


def shipped() -> list[Path]:
    """The folders of the bundles that were installed with the robot."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [
        manifest.parent
        for prefix in filter(None, prefixes)
        for manifest in sorted(Path(prefix, "share", "fer_models").glob(f"*/{MANIFEST}"))
    ]


def apart(bundles: Sequence[Bundle]) -> list[Bundle]:
    """The bundles, with those of equal names renamed so that they can be told apart."""
    names = [bundle.name for bundle in bundles]
    return [
        bundle
        if names.count(bundle.name) == 1
        else dataclasses.replace(bundle, name=f"{bundle.name}@{bundle.short_hash[:6]}")
        for bundle in bundles
    ]


def candidates(bundle: Bundle) -> list[Candidate]:
    """A bundle in each runtime and precision."""
    return [
        _candidate(bundle, runtime, precision, partial(_open, bundle, runtime, precision))
        for runtime, precision in available(bundle)
    ]


def compiled(bundle: Bundle) -> Candidate:
    """A bundle in ``torch.compile``, on one core; it takes minutes to be ready."""
    candidate = _candidate(bundle, "torch.compile", "fp32", partial(_compile, bundle))
    return Candidate(
        candidate.subject,
        candidate.source,
        candidate.open,
        lambda images: np.repeat(candidate.batch(images)[:, None], 3, axis=1).astype(np.float32),
        all_cores=False,
        alone=False,
    )


def compared(bundle: Bundle) -> list[Candidate]:
    """The `candidates` that are worth the time of a comparison."""
    return [c for c in candidates(bundle) if (c.subject.runtime, c.subject.precision) != _SLOW]


def left_out() -> list[str]:
    """The runtimes that are not installed."""
    return [
        f"the bundles in {_NAMES[runtime]}: {_PACKAGES.get(runtime, runtime)} is not installed"
        for runtime in RUNTIMES
        if not installed(runtime)
    ]


def accuracy(bundle: Bundle, precision: str) -> float | None:
    """What a bundle records of its single-crop accuracy, 0..1, on its first split."""
    for split in bundle.metrics.values():
        if isinstance(split, Mapping) and "single_crop" in split:
            figures: Mapping[str, Any] = split if precision == "fp32" else split.get(precision, {})
            return figures.get("single_crop", {}).get("accuracy")
    return None


def _candidate(bundle: Bundle, runtime: str, precision: str, make: partial[Run]) -> Candidate:
    size = bundle.input_size
    counted: Mapping[str, int] = bundle.metrics.get("network", {})
    subject = Subject(
        bundle.name,
        runtime,
        precision,
        size,
        counted.get("parameters"),
        counted.get("macs"),
        accuracy(bundle, precision),
    )
    return Candidate(subject, bundle.folder, make, partial(_crops, size))


def _crops(size: int, images: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (images, size, size), dtype=np.uint8)


def _open(bundle: Bundle, runtime: str, precision: str, threads: int) -> Run:
    return open_classifier(bundle, threads, runtime, precision).logits


def _compile(bundle: Bundle, threads: int) -> Run:
    import torch

    from ec_rfernet.export import load_network

    torch.set_num_threads(threads)
    network = torch.compile(load_network(bundle), dynamic=True)

    def run(batch: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return network(torch.from_numpy(batch)).numpy()

    return run
