"""How a node's report is put together: levels, sentences and figures."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_common.diagnostics import (
    Limits,
    Mishaps,
    Report,
    Statistics,
    Summary,
    age,
    error,
    figures,
    node_of,
    slowness,
    status_name,
    warn,
)
from fer_common.reason import Finding, Level
from fer_common.testing import FakeClock

findings = st.lists(
    st.builds(Finding, st.sampled_from(Level), st.sampled_from(["hot", "loud", "12 s late"]))
)


def test_a_report_without_findings_is_ok_and_tells_its_summary() -> None:
    report = Report("30 images/s", findings=[warn(None), error(None)])
    assert (report.level, report.message) == (Level.OK, "30 images/s")


def test_the_worst_comes_first_and_decides_the_level() -> None:
    report = Report("fine", findings=[warn("slow"), error("blind"), warn("late")])
    assert (report.level, report.message) == (Level.ERROR, "blind; slow; late")
    assert report.plus([error("deaf")]).message == "blind; deaf; slow; late"


@given(findings)
def test_no_finding_is_lost_or_told_twice(found: list[Finding | None]) -> None:
    report = Report("fine", findings=found)
    texts = {finding.text for finding in found if finding is not None}
    told = [finding.text for finding in report.found]
    assert set(told) == texts
    assert len(report.found) == len(set(report.found))
    assert report.level == max((f.level for f in found if f is not None), default=Level.OK)
    levels = [finding.level for finding in report.found]
    assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize(
    ("value", "above", "below"),
    [
        (0.0, Level.OK, Level.ERROR),
        (2.0, Level.OK, Level.WARN),
        (3.0, Level.OK, Level.OK),
        (4.0, Level.WARN, Level.OK),
        (9.0, Level.ERROR, Level.OK),
        (math.inf, Level.ERROR, Level.OK),
    ],
)
def test_limits(value: float, above: Level, below: Level) -> None:
    assert Report("", findings=[Limits(3.0, 5.0).above(value, "x")]).level == above
    assert Report("", findings=[Limits(3.0, 1.0).below(value, "x")]).level == below


def test_without_a_second_limit_nothing_is_an_error() -> None:
    assert Limits(3.0).above(math.inf, "x").level == Level.WARN
    assert Limits(3.0).below(-math.inf, "x").level == Level.WARN


def test_the_kind_of_a_finding_has_no_figures() -> None:
    assert warn("no images for 3 s").kind == warn("no images for 12.5 s").kind
    assert warn("no images for 3 s").kind != warn("no sound for 3 s").kind


def test_a_mishap_is_an_error_for_a_while_and_remembered_for_ever() -> None:
    clock = FakeClock()
    mishaps = Mishaps(clock, shown_s=5.0)
    assert (mishaps.recent, mishaps.values) == (None, {"errors": 0, "last error": "none"})
    mishaps.note("too hot")
    clock.now += 4
    assert mishaps.recent == "too hot"
    clock.now += 60
    assert mishaps.recent is None
    assert mishaps.values == {"errors": 1, "last error": "too hot (64 s ago)"}


def test_a_rate_is_judged_only_once_it_is_known() -> None:
    statistics = Statistics()
    for step in range(10):
        statistics.add(0.0, step * 0.5)
    early, late = statistics.summary(2.0), statistics.summary(4.5)
    assert slowness(early, Limits(100.0), "images") is None
    text = "only 2.2 images/s, expected at least 10: is it dark?"
    assert slowness(late, Limits(10.0), "images", "is it dark?") == warn(text)
    assert slowness(late, Limits(2.0), "images") is None
    assert slowness(statistics.summary(100.0), Limits(10.0, 1.0), "images").level == Level.ERROR


def test_figures_are_named_as_every_reader_expects() -> None:
    summary = Summary(count=3, rate=29.96, median_s=0.0121, p99_s=0.0549, age_s=0.0, span_s=9.0)
    assert figures(summary) == {
        "rate [1/s]": "30.0",
        "latency, median [ms]": "12.1",
        "latency, 99th percentile [ms]": "54.9",
    }


def test_ages() -> None:
    assert (age(1.25), age(math.inf)) == ("1.2", "never")


@pytest.mark.parametrize("node", ["/fer_node", "/robot/left/fer_node"])
def test_the_name_of_a_status_leads_back_to_its_node(node: str) -> None:
    name = status_name(node, "expressions")
    assert name == f"{node[1:]}: expressions"
    assert node_of(name) == node


def test_words_and_figures_need_no_ros() -> None:
    check = (
        "import sys, fer_common.diagnostics, fer_common.topic_words, fer_common.diagnostics; "
        "sys.exit('rclpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


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
