"""Time: how long something lasted, where something is missing, and how curves are thinned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONGEST_S = 1.0
"""Between two messages further apart than this, nothing is known."""


@dataclass(frozen=True)
class Gap:
    """A while without messages.

    Attributes:
        start: seconds since the beginning of the recording.
        end: likewise.
    """

    start: float
    end: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


def gaps(times: np.ndarray, end: float, longest: float = LONGEST_S) -> list[Gap]:
    """Where nothing came for longer than ``longest``.

    Args:
        times: of the messages, seconds since the beginning, increasing; float [N].
        end: of the recording.
        longest: that is no gap, seconds.
    """
    edges = np.concatenate(([0.0], times, [max(end, times[-1] if len(times) else 0.0)]))
    return [
        Gap(float(edges[i]), float(edges[i + 1])) for i in np.flatnonzero(np.diff(edges) > longest)
    ]


def durations(times: np.ndarray, longest: float = LONGEST_S) -> np.ndarray:
    """How long each message held: until the next one, or not at all before a gap.

    Args:
        times: of the messages, seconds, increasing; float [N].
        longest: that is no gap, seconds.

    Returns:
        float [N], seconds; the last one is 0.
    """
    if not len(times):
        return np.zeros(0)
    held = np.append(np.diff(times), 0.0)
    return np.where(held > longest, 0.0, held)


def seconds_by_label(label: np.ndarray, held: np.ndarray, labels: int) -> np.ndarray:
    """How long each label was shown.

    Args:
        label: index of the label, int [N].
        held: see `durations`.
        labels: how many there are.

    Returns:
        float [labels], seconds.
    """
    return np.bincount(label, weights=held, minlength=labels)[:labels]


def thinned(
    times: np.ndarray, values: np.ndarray, weights: np.ndarray, duration: float, bins: int
) -> np.ndarray:
    """Means over equal parts of the recording.

    Args:
        times: of the values, seconds since the beginning; float [N].
        values: float [N, K].
        weights: of the values, usually their `durations`; float [N].
        duration: of the recording, seconds.
        bins: how many parts.

    Returns:
        float [bins, K]; NaN where there is no value.
    """
    place = np.clip((times / max(duration, 1e-9) * bins).astype(int), 0, bins - 1)
    # A value that held for no time, the last one, still counts where it stands alone.
    weights = np.maximum(weights, 1e-6)
    total = np.bincount(place, weights=weights, minlength=bins)
    sums = [np.bincount(place, weights=weights * v, minlength=bins) for v in values.T]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.stack(sums, axis=1) / total[:, None]
    return _carried(means, place, weights, duration / bins)


def _carried(means: np.ndarray, place: np.ndarray, held: np.ndarray, part: float) -> np.ndarray:
    """Fills parts shorter than the time between two values with the value that held."""
    for index, length in zip(place, held, strict=True):
        for later in range(index + 1, min(len(means), index + 1 + int(length / part))):
            if not np.isnan(means[later, 0]):
                break
            means[later] = means[index]
    return means
