"""The expression vocabulary, in one order, for data sets, networks and messages.

The words are those of ``hri_msgs/Expression`` (ROS4HRI, REP-155); the order is
that of FER2013, so a class index of that data set is an index into `LABELS`.
"""

from __future__ import annotations

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
"""An eighth class, of CK+ and AffectNet; no word of REP-155, and nothing the robot reacts to."""

UNKNOWN = "unknown"
"""The label of an estimate that was rejected as too uncertain."""

CIRCUMPLEX: np.ndarray = np.array(
    [
        [-0.51, 0.59],
        [-0.60, 0.35],
        [-0.64, 0.60],
        [0.81, 0.51],
        [-0.63, -0.27],
        [0.40, 0.67],
        [0.00, 0.00],
    ],
    dtype=np.float32,
)
"""(valence, arousal) of each label, float32 [7, 2], -1..1.

Mean ratings of the emotion words in Russell & Mehrabian, "Evidence for a
three-factor theory of emotions", J. Research in Personality 11 (1977); neutral
is the origin by definition.
"""


def valence_arousal(probabilities: np.ndarray) -> tuple[float, float]:
    """The probability-weighted point on the circumplex of affect.

    It is *derived* from the class probabilities, not measured by a network of
    its own: mixtures of opposite expressions cancel out towards (0, 0).

    Args:
        probabilities: float array [7], non-negative, summing to 1.

    Returns:
        (valence, arousal), each in -1..1.
    """
    valence, arousal = np.asarray(probabilities, dtype=np.float32) @ CIRCUMPLEX
    return float(valence), float(arousal)
