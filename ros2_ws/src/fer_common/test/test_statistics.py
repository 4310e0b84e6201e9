from __future__ import annotations

import math

import pytest

from fer_common.diagnostics import Statistics


def test_nothing_yet():
    summary = Statistics().summary(5.0)
    assert (summary.count, summary.rate, summary.median_s, summary.p99_s) == (0, 0, 0, 0)
    assert summary.age_s == math.inf


def test_rate_and_percentiles_of_the_last_seconds():
    statistics = Statistics(window_s=10)
    for step in range(600):
        statistics.add(0.2 if step % 100 == 99 else 0.02, step / 20)
    summary = statistics.summary(599 / 20)
    assert summary.count == 600
    assert summary.rate == pytest.approx(20, rel=0.01)
    assert summary.median_s == pytest.approx(0.02)
    assert summary.p99_s > 0.02
    assert statistics.summary(100.0).rate == 0
