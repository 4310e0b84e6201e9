from __future__ import annotations

import pytest

from fer_node.camera.source import Pace


def test_no_drift_over_an_hour(time):
    pace = Pace(29.97, time.clock, time.wait)
    for _ in range(29 * 3600):
        assert pace.next() == 0
        time.now += 0.003
    assert time.now - 1000 == pytest.approx(29 * 3600 / 29.97, abs=0.04)
