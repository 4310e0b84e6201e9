"""Detectors by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ec_rfernet.errors import InputError
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS


def test_the_built_in_detector_is_made_by_its_name() -> None:
    assert DETECTORS.names[:2] == (DEFAULT_DETECTOR, "mediapipe")
    detector = DETECTORS.get(DEFAULT_DETECTOR)(0.5)
    assert detector.detect(np.zeros((64, 64, 3), np.uint8)) == []
    detector.close()


def test_an_unknown_one_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="detector is 'retina', expected one of: blazeface, mediapipe"
    ):
        DETECTORS.get("retina")
