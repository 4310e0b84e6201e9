"""The expression vocabulary, in one order, for data sets, networks and messages.

The words are those of ``hri_msgs/Expression`` (ROS4HRI, REP-155); the order is
that of FER2013, so a class index of that data set is an index into `LABELS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import numpy as np

LABELS: tuple[str, ...] = (
    "angry",
    "disgusted",
    "scared",
    "happy",
    "sad",
    "surprised",
    "neutral",
)
"""The seven expressions; index = class number."""

CONTEMPT = "contempt"
"""An eighth class, of CK+ and AffectNet; no word of REP-155."""

UNKNOWN = "unknown"
"""The label of an estimate that was rejected as too uncertain."""

CIRCUMPLEX: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "angry": (-0.51, 0.59),
        "disgusted": (-0.60, 0.35),
        "scared": (-0.64, 0.60),
        "happy": (0.81, 0.51),
        "sad": (-0.63, -0.27),
        "surprised": (0.40, 0.67),
        "neutral": (0.00, 0.00),
        CONTEMPT: (-0.45, -0.10),
    }
)
"""(valence, arousal) of a label, -1..1.

Mean ratings of the emotion words in Russell & Mehrabian, "Evidence for a
three-factor theory of emotions", J. Research in Personality 11 (1977); neutral
is the origin by definition. Contempt is not among their words as we have them: its point is the
mean rating in Warriner, Kuperman & Brysbaert, "Norms of valence, arousal, and dominance for 13,915
English lemmas", Behavior Research Methods 45 (2013): 3.22 and 4.61 of 1..9.
"""


def valence_arousal(
    probabilities: np.ndarray, labels: Sequence[str] = LABELS
) -> tuple[float, float]:
    """The probability-weighted point on the circumplex of affect.

    It is *derived* from the class probabilities, not measured by a network of
    its own: mixtures of opposite expressions cancel out towards (0, 0).

    Args:
        probabilities: float array [K], non-negative, summing to 1.
        labels: what they are of, K words; one without a point in `CIRCUMPLEX` counts as (0, 0).

    Returns:
        (valence, arousal), each in -1..1.

    Raises:
        ValueError: there are not as many probabilities as labels.
    """
    shares = np.asarray(probabilities, dtype=np.float32)
    if shares.shape != (len(labels),):
        raise ValueError(f"probabilities are {shares.shape}, expected ({len(labels)},)")
    valence, arousal = shares @ _points(tuple(labels))
    return float(valence), float(arousal)


@lru_cache(maxsize=16)
def _points(labels: tuple[str, ...]) -> np.ndarray:
    return np.array([CIRCUMPLEX.get(label, (0.0, 0.0)) for label in labels], np.float32)
