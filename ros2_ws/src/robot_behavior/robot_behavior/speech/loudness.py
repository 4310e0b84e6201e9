"""How loud a sound is, and the same loudness for every sentence of every voice.

Loudness is that of ITU-R BS.1770-5, Annex 1, of one channel: K-weighted, in windows of 0.4 s that
begin every 0.1 s, without those that are silent or 10 LU softer than the rest. A sound that is
shorter than a window is measured as if silence followed it. True peaks are those of Annex 2.

A voice gives a text piece by piece, a sentence or two each. Each is levelled by itself, before its
first sample is heard; so nobody waits for the pieces after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from robot_behavior.speech.voice import Sound

LOUDNESS = -16.0
"""Of a sentence at normal volume, LUFS; usual for speech."""

TRUE_PEAK = -1.0
"""What no sound exceeds, dBTP; also after it was converted to another rate."""

_BLOCK_S = 0.001
_WINDOW, _HOP = 400, 100  # blocks
_SILENCE = -70.0  # LUFS
_CEILING = 0.88  # of the samples, full scale 1: a little below `TRUE_PEAK`
_AHEAD = 6  # blocks that the limiter looks ahead
_MOST_GAIN_DB = 30.0  # what is softer than that is not speech
_MAKE_UP_DB, _ENOUGH_DB, _ROUNDS = 6.0, 0.05, 6  # to give back what the limiter takes
_PHASES, _REACH = 4, 8  # oversampling, and samples on each side of an interpolated one


def loudness(samples: np.ndarray, rate: int) -> float:
    """Integrated loudness, LUFS.

    Args:
        samples: float [N], full scale 1.
        rate: samples per second, 1000 or more.

    Returns:
        -inf for silence.
    """
    return _gated(_energies(samples, rate), rate)


def true_peak(samples: np.ndarray) -> float:
    """The highest level, also between two samples, dBTP.

    Args:
        samples: float [N], full scale 1.

    Returns:
        -inf for silence.
    """
    highest = _between(samples).max() if len(samples) else 0.0
    return 20.0 * math.log10(highest) if highest else -math.inf


def levelled(sound: Sound, gain: float = 1.0) -> Sound:
    """A sound of `LOUDNESS` that does not exceed `TRUE_PEAK`.

    Peaks are turned down softly, and the sound is turned up by as much as they have cost.

    Args:
        sound: of speech, however loud; silence stays silence.
        gain: factor on the amplitude, on top of that.
    """
    if gain <= 0.0 or not sound.samples.any():
        return replace(sound, samples=np.zeros_like(sound.samples))
    samples, rate = sound.samples / 32768.0, sound.rate
    energies = _energies(samples, rate)
    loud = _gated(energies, rate)
    if not math.isfinite(loud):
        return sound
    peaks = np.maximum.reduceat(_between(samples), _blocks(len(samples), rate))
    wanted = min(LOUDNESS + 20.0 * math.log10(gain), loud + _MOST_GAIN_DB)
    drive, missing = wanted - loud, 0.0  # dB
    for _ in range(_ROUNDS):
        drive = min(drive + missing, wanted - loud + _MAKE_UP_DB)
        factor = 10.0 ** (drive / 20.0)
        gains = factor * _limited(factor * peaks)
        missing = wanted - _gated(energies * gains**2, rate)
        if missing < _ENOUGH_DB:
            break
    centres = rate * _BLOCK_S * (np.arange(len(gains)) + 0.5)
    scaled = samples * np.interp(np.arange(len(samples)) + 0.5, centres, gains)
    return replace(sound, samples=np.round(32767.0 * np.clip(scaled, -1.0, 1.0)).astype(np.int16))


def _blocks(count: int, rate: int) -> np.ndarray:
    """The first sample of each block, int [M]."""
    length = rate * _BLOCK_S
    starts = np.round(np.arange(math.ceil(count / length)) * length).astype(int)
    return starts[starts < count]


def _energies(samples: np.ndarray, rate: int) -> np.ndarray:
    """The K-weighted energy of each block, float [M]."""
    if not len(samples):
        return np.zeros(0)
    size = -(-(len(samples) + rate // 20) // 4096) * 4096  # room for the filter to ring; fast
    spectrum = np.fft.rfft(samples, size) * _weighting(np.fft.rfftfreq(size, 1.0 / rate), rate)
    weighted = np.fft.irfft(spectrum, size)[: len(samples)]
    return np.add.reduceat(weighted**2, _blocks(len(samples), rate))


def _gated(energies: np.ndarray, rate: int) -> float:
    """The loudness that follows from the energies of blocks, LUFS."""
    padded = np.pad(energies, (1, max(_WINDOW - len(energies), 0)))
    sums = np.cumsum(padded)
    starts = np.arange(0, len(sums) - _WINDOW, _HOP)
    powers = (sums[starts + _WINDOW] - sums[starts]) / (_WINDOW * _BLOCK_S * rate)
    powers = powers[powers > 10.0 ** ((_SILENCE + 0.691) / 10.0)]
    if not len(powers):
        return -math.inf
    powers = powers[powers > 0.1 * powers.mean()]
    return -0.691 + 10.0 * math.log10(powers.mean())


def _between(samples: np.ndarray) -> np.ndarray:
    """The highest level from each sample to the next one, float [N]: by a windowed sinc."""
    highest = np.abs(samples)
    taps = np.arange(1 - _REACH, _REACH + 1)
    for phase in range(1, _PHASES):
        at = taps - phase / _PHASES
        window = np.i0(6.0 * np.sqrt(1.0 - (at / _REACH) ** 2)) / np.i0(6.0)
        values = np.convolve(samples, (np.sinc(at) * window)[::-1])
        highest = np.maximum(highest, np.abs(values[_REACH : _REACH + len(samples)]))
    return highest


def _limited(peaks: np.ndarray) -> np.ndarray:
    """By how much each block is turned down, 0..1, so that no peak exceeds `_CEILING`."""
    most = np.maximum(peaks, _CEILING)
    if most.max() <= _CEILING:
        return np.ones(len(peaks))
    ahead = np.pad(_CEILING / most, 2 * _AHEAD + 1, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(ahead, 2 * _AHEAD + 3).min(axis=1)
    return np.convolve(lowest, np.full(2 * _AHEAD + 1, 1.0 / (2 * _AHEAD + 1)), "valid")


def _weighting(frequencies: np.ndarray, rate: int) -> np.ndarray:
    """K-weighting: how much each frequency counts, float [F], as a factor on its amplitude."""
    z = np.exp(-2j * np.pi * frequencies / rate)

    def filtered(corner_hz: float, q: float, above: Callable[[float], tuple[float, ...]]) -> Any:
        k = math.tan(math.pi * corner_hz / rate)
        scale = 1.0 + k / q + k * k
        b0, b1, b2 = above(k)
        a1, a2 = 2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale
        return (b0 + b1 * z + b2 * z**2) / (1.0 + a1 * z + a2 * z**2)

    q, high = 0.7071752369554196, 10.0 ** (3.999843853973347 / 20.0)
    middle = high**0.4996667741545416

    def shelf(k: float) -> tuple[float, ...]:
        edge, scale = middle * k / q, 1.0 + k / q + k * k
        rows = (high + edge + k * k, 2.0 * (k * k - high), high - edge + k * k)
        return tuple(row / scale for row in rows)

    head = filtered(1681.974450955533, q, shelf)
    return np.abs(head * filtered(38.13547087602444, 0.5003270373238773, lambda _k: (1, -2, 1)))
