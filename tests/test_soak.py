"""The verdict over a long run: growth is found, noise and a start that settles are not."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.soak import LEAST_ROWS, QUANTITIES, judged, taken, trend


def rows(count: int = 120, **grown: np.ndarray) -> list[dict[str, float]]:
    """Of a calm run of so many minutes; what is given is added."""
    noise = np.random.default_rng(0).normal(0, 0.3, (len(QUANTITIES), count))
    found = []
    for at in range(count):
        row = {name: 100.0 + noise[i, at] for i, name in enumerate(QUANTITIES)}
        row |= {name: row[name] + more[at] for name, more in grown.items()}
        found.append({"minute": at + 1.0, "images": 1800.0, "load": 1.0, **row})
    return found


def test_a_calm_run_is_well() -> None:
    lines, wrong = judged(rows(), 1.0)
    assert wrong == [] and len(lines) == len(QUANTITIES) + 1


@pytest.mark.parametrize("name", ["rss", "descriptors", "threads", "children", "shm"])
def test_what_grows_is_found(name: str) -> None:
    _, wrong = judged(rows(**{name: np.arange(120) * 3.4 / 60}), 1.0)
    assert len(wrong) == 1 and wrong[0].startswith(QUANTITIES[name].label)


def test_what_has_settled_after_the_start_is_no_leak() -> None:
    settling = np.minimum(np.arange(120), 40) * 1.0
    assert judged(rows(rss=settling), 1.0)[1] == []


def test_a_jump_is_no_leak_but_its_slope_is_that_of_most_pairs() -> None:
    jump = np.where(np.arange(120) == 100, 500.0, 0.0)
    assert judged(rows(rss=jump), 1.0)[1] == []


def test_the_slope_and_its_bounds() -> None:
    hours = np.arange(60) / 60
    found = trend(hours, 5 + 2 * hours)
    assert found.slope == pytest.approx(2) and found.low <= found.slope <= found.high


def test_silence_is_told_and_too_little_is_no_verdict() -> None:
    silent = rows()
    silent[70]["images"] = 0.0
    assert judged(silent, 1.0)[1] == ["no image was judged in the minutes 71.0"]
    assert "too few" in judged(rows(LEAST_ROWS - 1), 1.0)[1][0]


def test_descriptors_and_memory_are_those_of_the_process() -> None:
    before = taken(os.getpid())
    files = [open(os.devnull) for _ in range(10)]  # noqa: PTH123, SIM115
    after = taken(os.getpid())
    for file in files:
        file.close()
    assert after["descriptors"] == before["descriptors"] + 10
    assert before["rss"] > 10 and before["threads"] >= 1
