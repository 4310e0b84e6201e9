"""What a recording says, as plain arrays and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_common.bag import Topic


@dataclass(frozen=True)
class Series:
    """What one face showed, image by image; all arrays have one entry for each.

    Attributes:
        face_id: of the face; empty for that of whoever was attended to.
        time: seconds since the beginning of the recording, float64 [N], increasing.
        label: index into `ec_rfernet.labels.LABELS`; 7: unknown. int8 [N].
        confidence: of the label, 0..1, float32 [N].
        probabilities: float32 [N, 7].
    """

    face_id: str
    time: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class State:
    """One message of the behaviour; see ``fer_interfaces/msg/BehaviorState``.

    Attributes:
        time: seconds since the beginning of the recording.
        state: of the behaviour.
        emotion: that is considered.
        motion: under way; may be empty.
        speech: under way; may be empty.
        reason: one sentence.
    """

    time: float
    state: str
    emotion: str
    motion: str
    speech: str
    reason: str


@dataclass(frozen=True)
class Report:
    """What a node said about itself, on ``/diagnostics`` or in its log.

    Attributes:
        time: seconds since the beginning of the recording.
        node: its name.
        level: 0 fine, 1 warning, 2 error, 3 no news.
        text: one line.
        values: by name.
    """

    time: float
    node: str
    level: int
    text: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Session:
    """A recording.

    Attributes:
        path: of the bag.
        began: seconds since 1970.
        duration: seconds.
        flaw: what could not be read; empty when all could.
        notes: what was left out of the report although it was read.
        topics: of the bag.
        faces: by the time of their appearance.
        attended: whoever was attended to.
        images: times at which images had been processed, seconds since the beginning. float64.
        latencies: from the stamp of each of these images until then, seconds. float64.
        camera: times at which images came, likewise; empty if not recorded.
        states: of the behaviour.
        reports: of the nodes, in order.
    """

    path: Path
    began: float
    duration: float
    flaw: str
    notes: Sequence[str]
    topics: Sequence[Topic]
    faces: Sequence[Series]
    attended: Series
    images: np.ndarray
    latencies: np.ndarray
    camera: np.ndarray
    states: Sequence[State]
    reports: Sequence[Report]
