"""How a sentence sounds, against the normal voice: what dialogue decides and speech obeys."""

from __future__ import annotations

from dataclasses import dataclass

RATE, PITCH_ST, VOLUME_DB = (0.5, 2.0), (-12.0, 12.0), (-20.0, 6.0)
"""Allowed ranges, lowest and highest."""


@dataclass(frozen=True)
class Prosody:
    """How a sentence sounds, against the normal voice; the fields are those of ``Say``.

    Attributes:
        rate: speed, as a share.
        pitch_st: pitch, semitones.
        volume_db: loudness, dB.

    Raises:
        ValueError: a value is outside `RATE`, `PITCH_ST` or `VOLUME_DB`.
    """

    rate: float = 1.0
    pitch_st: float = 0.0
    volume_db: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in (
            ("rate", RATE),
            ("pitch_st", PITCH_ST),
            ("volume_db", VOLUME_DB),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name):g}, expected {low:g}..{high:g}")

    @property
    def gain(self) -> float:
        """Factor on the amplitude."""
        return float(10.0 ** (self.volume_db / 20.0))


PLAIN = Prosody()
"""The normal voice."""
