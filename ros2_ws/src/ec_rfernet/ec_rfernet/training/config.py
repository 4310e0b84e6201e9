"""Everything that decides the outcome of a training run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from ec_rfernet.errors import InputError


@dataclass(frozen=True)
class TrainConfig:
    """One training run; `validated` at construction.

    Attributes:
        root: the data set (see `ec_rfernet.datasets`).
        out: folder that receives the bundle, the curves and the resumable state.
        dataset: name of the data set.
        model: name of the network.
        soft_labels: FER+ votes for the training images, or none.
        soft_weight: share of the FER+ distribution in the target, 0..1.
        epochs: passes over the training images.
        batch_size: images per step.
        learning_rate: peak of the warm-up + cosine schedule.
        warmup_epochs: linear rise at the start.
        weight_decay: on convolution and linear weights only.
        label_smoothing: mass spread over all classes, 0..1.
        ema_decay: of the exponential moving average of the weights, which is
            what is evaluated and saved.
        erasing: probability of a random rectangle being blanked, 0..1.
        seed: of initialisation, order and augmentation.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: CPU threads; 0 = all.
    """

    root: Path
    out: Path
    dataset: str = "fer2013"
    model: str = "ec_rfernet"
    soft_labels: Path | None = None
    soft_weight: float = 0.5
    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 0.1
    warmup_epochs: int = 3
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    ema_decay: float = 0.999
    erasing: float = 0.25
    seed: int = 0
    device: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "soft_weight": (0, 1),
            "epochs": (1, 100_000),
            "batch_size": (2, 65_536),
            "learning_rate": (1e-8, 10),
            "warmup_epochs": (0, 100_000),
            "weight_decay": (0, 1),
            "label_smoothing": (0, 1),
            "ema_decay": (0, 1),
            "erasing": (0, 1),
            "seed": (0, 2**31 - 1),
            "threads": (0, 1024),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} is {value}, expected {low:g}..{high:g}")
        if self.device not in ("auto", "cpu", "cuda"):
            raise InputError(f"device is '{self.device}', expected auto, cpu or cuda")

    def as_dict(self) -> dict[str, object]:
        """What is stored with the bundle: everything but paths and machine."""
        hidden = {"root", "out", "device", "threads"}
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k not in hidden}
        fields["soft_labels"] = "FER+" if self.soft_labels else None
        return fields
