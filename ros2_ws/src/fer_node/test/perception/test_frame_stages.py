from __future__ import annotations

import pytest

from fer_common.testing import FakeClock
from fer_node.perception.frame import Stages, table


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_stage_within_a_stage_counts_for_itself(clock):
    stages = Stages(clock)
    stages.begin()
    with stages("follow"):
        clock.now += 0.002
        with stages("decode"):
            clock.now += 0.010
        clock.now += 0.001
    clock.now += 5.0
    with stages("follow"):
        clock.now += 0.004
    stages.finish()
    times = {row.stage: row.median_s for row in stages.figures()}
    assert times == {"decode": pytest.approx(0.010), "follow": pytest.approx(0.007)}


def test_what_takes_place_in_some_images_only(clock):
    stages = Stages(clock)
    for image in range(10):
        stages.begin()
        stages.add("wait", 0.001)
        if image % 5 == 0:
            with stages("detect"):
                clock.now += 0.006
        stages.finish()
    wait, detect = stages.figures()
    assert (wait.stage, wait.images, detect.stage, detect.images) == ("wait", 10, "detect", 2)
    assert detect.median_s == pytest.approx(0.006)
    assert detect.mean_s == pytest.approx(0.0012)


def test_an_image_that_failed_leaves_nothing_behind(clock):
    stages = Stages(clock)
    stages.begin()
    with pytest.raises(RuntimeError), stages("decode"):
        clock.now += 9.0
        raise RuntimeError
    stages.begin()
    with stages("decode"):
        clock.now += 0.001
    stages.finish()
    assert [row.p99_s for row in stages.figures()] == [pytest.approx(0.001)]


def test_only_the_last_images_count(clock):
    stages = Stages(clock)
    for image in range(1000):
        stages.begin()
        stages.add("align", 1.0 if image < 500 else 0.0)
        stages.finish()
    (align,) = stages.figures()
    assert (align.images, align.mean_s) == (300, 0.0)


def test_the_table_names_each_stage_and_its_milliseconds(clock):
    stages = Stages(clock)
    stages.begin()
    stages.add("detect", 0.006)
    stages.add("publish", 0.002)
    stages.finish()
    lines = table(stages.figures()).splitlines()
    assert [line.split() for line in lines] == [
        ["stage", "images", "median", "ms", "p99", "ms", "mean", "ms", "share"],
        ["detect", "1", "6.00", "6.00", "6.00", "75%"],
        ["publish", "1", "2.00", "2.00", "2.00", "25%"],
        ["all", "8.00"],
    ]
    assert len(table([]).splitlines()) == 2
