"""The networks of this library in every runtime and precision, and the fastest of these."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ec_rfernet.benchmark.comparison import aligned
from ec_rfernet.benchmark.subject import Candidate, Run, Subject
from ec_rfernet.benchmark.timing import Timing, TimingSettings, measure
from ec_rfernet.bundle import Bundle
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS, LEAST_SCORE
from ec_rfernet.runtimes import NATIVE, RUNTIMES, available, choice, cpu, installed, open_classifier
from ec_rfernet.runtimes.choice import Choice

_NAMES = {
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "torch": "PyTorch",
    NATIVE: "our kernels",
}
_PACKAGES = {NATIVE: "ec_rfernet_native"}

_SLOW = ("torch", "bf16")  # for networks this small, slower than PyTorch in fp32


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


def pictures() -> dict[str, Callable[[], object]]:
    """Looking for faces in a picture, by name; the time does not depend on what it shows.

    Raises:
        InputError: the detector cannot be opened.
    """
    detector = DETECTORS.get(DEFAULT_DETECTOR)(LEAST_SCORE)
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    return {f"faces in 640x480, {DEFAULT_DETECTOR}": partial(detector.detect, picture)}


def left_out() -> list[str]:
    """The runtimes that are not installed."""
    return [
        f"the bundles in {_NAMES.get(name, name)}: {_PACKAGES.get(name, name)} is not installed"
        for name in RUNTIMES
        if not installed(name)
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

    from ec_rfernet.runtimes.torch_runtime import load_network

    torch.set_num_threads(threads)
    network = torch.compile(load_network(bundle), dynamic=True)

    def run(batch: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return network(torch.from_numpy(batch)).numpy()

    return run


@dataclass(frozen=True)
class RuntimeDecision:
    """What to take, and what it was taken from.

    Attributes:
        timings: of one image on one core, by subject.
        allowed: the precisions that lose hardly any accuracy.
    """

    timings: Mapping[Subject, Timing]
    allowed: Sequence[str]

    @property
    def best(self) -> Subject:
        """The fastest of those that are allowed."""
        allowed = [subject for subject in self.timings if subject.precision in self.allowed]
        return min(allowed, key=lambda subject: self.timings[subject].median_s)

    def choice(self) -> Choice:
        """For the user's configuration."""
        return Choice(
            self.best.runtime,
            self.best.precision,
            cpu.name(),
            datetime.date.today().isoformat(),
            {
                f"{subject.runtime} {subject.precision}": round(1e3 * timing.median_s, 3)
                for subject, timing in self.timings.items()
                if subject.precision in self.allowed
            },
        )

    def table(self) -> str:
        """All that was measured, the fastest first, and why it was taken or not."""
        order = sorted(self.timings, key=lambda subject: self.timings[subject].median_s)
        rows = [
            (
                subject.runtime,
                subject.precision,
                self._verdict(subject),
                f"{1e3 * self.timings[subject].median_s:.2f}",
                f"{1e3 * self.timings[subject].p99_s:.2f}",
                "-" if subject.accuracy is None else f"{subject.accuracy:.2%}",
            )
            for subject in order
        ]
        header = ("runtime", "precision", "verdict", "median ms", "p99 ms", "accuracy")
        return aligned(header, rows, words=3)

    def _verdict(self, subject: Subject) -> str:
        if subject == self.best:
            return "chosen"
        if subject.precision in self.allowed:
            return "slower"
        if subject.accuracy is None:
            return "accuracy not measured"
        return f"loses more than {100 * choice.TOLERANCE:.1f} points"


def decide(bundle: Bundle, settings: TimingSettings) -> RuntimeDecision:
    """Measures what this machine can do with a bundle.

    One image on one core, because that is what a robot does.

    Raises:
        InputError: a network or the bundle's figures are damaged.
    """
    allowed = choice.accurate(bundle)
    works = {c.subject: partial(c.open(1), c.batch(1)) for c in candidates(bundle)}
    return RuntimeDecision(measure(works, settings), allowed)
