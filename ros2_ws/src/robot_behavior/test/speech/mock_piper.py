"""Stands in for the network of a piper voice: hums for as long as the phonemes are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16000
_HUM_HZ, _SECONDS_PER_NUMBER, _SILENCE_S = 120.0, 0.03, 0.3
_LETTERS = "_^$ abcdefghijklmnopqrstuvwxyzɐɑɒæɔəɚɛɜɡɪŋɹɾʃʊʌʒθðˈˌː.,!?;:"


def write_voice(folder: Path, code: str, rate: int = RATE, **changes: Any) -> Path:
    """Writes the files of a voice that `open_hum` can open."""
    file = folder / f"{code}.onnx"
    file.touch()
    description = {
        "audio": {"sample_rate": rate},
        "espeak": {"voice": code.lower().replace("_", "-")},
        "language": {"code": code},
        "inference": {"length_scale": 1.0},
        "phoneme_id_map": {letter: [number] for number, letter in enumerate(_LETTERS)},
    } | changes
    Path(f"{file}.json").write_text(json.dumps(description))
    return file


def open_hum(
    path: Path, takes: Callable[[float], object] = lambda _lasts: None
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A network that hums softly between two silences.

    Args:
        path: of a file of `write_voice`.
        takes: called with the seconds that each sound lasts.
    """
    rate = json.loads(Path(f"{path}.json").read_text())["audio"]["sample_rate"]

    def network(numbers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        seconds = numbers.shape[1] * _SECONDS_PER_NUMBER * float(scales[1])
        takes(seconds)
        times = np.arange(round(seconds * rate)) / rate
        silence = np.zeros(round(_SILENCE_S * rate))
        return np.concatenate([silence, 0.1 * np.sin(2.0 * np.pi * _HUM_HZ * times), silence])

    return network
