from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_monitor.report.analysis import (
    about,
    durations,
    gaps,
    latencies,
    losses,
    problems,
    responses,
    seconds_by_label,
    seconds_by_state,
    thinned,
)
from fer_monitor.report.charts import clock, signs
from fer_monitor.report.session import NodeReport, RecordedState

TIMES = st.lists(st.floats(0, 1000), max_size=60).map(lambda times: np.array(sorted(times)))


# Time


@given(TIMES, st.floats(0, 2000))
def test_gaps_are_where_nothing_was(times, end):
    found = gaps(times, end)
    for gap in found:
        assert gap.length > 1.0
        assert not ((times > gap.start) & (times < gap.end)).any()
    covered = sum(gap.length for gap in found)
    whole = max(end, times[-1] if len(times) else 0.0)
    steps = np.diff(np.concatenate(([0.0], times, [whole])))
    assert covered == pytest.approx(steps[steps > 1.0].sum())


def test_gaps_before_between_and_after():
    found = gaps(np.array([3.0, 3.5, 4.5, 9.0]), 11.0)
    assert [(gap.start, gap.end) for gap in found] == [(0.0, 3.0), (4.5, 9.0), (9.0, 11.0)]
    assert [(gap.start, gap.end) for gap in gaps(np.array([]), 5.0)] == [(0.0, 5.0)]
    assert gaps(np.array([0.1, 1.0]), 1.9) == []


@given(TIMES)
def test_a_message_holds_until_the_next_one_but_not_through_a_gap(times):
    held = durations(times)
    assert len(held) == len(times) and (held >= 0).all() and (held <= 1.0).all()
    if len(times):
        gap_seconds = sum(gap.length for gap in gaps(times - times[0], 0.0))
        assert held.sum() == pytest.approx(times[-1] - times[0] - gap_seconds, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 7), st.floats(0, 1)), max_size=50))
def test_shares_add_up(pairs):
    label = np.array([pair[0] for pair in pairs], np.int8)
    held = np.array([pair[1] for pair in pairs])
    seconds = seconds_by_label(label, held, 8)
    assert seconds.shape == (8,)
    assert seconds.sum() == pytest.approx(held.sum())


@settings(deadline=None)
@given(TIMES, st.integers(1, 200), st.floats(0.1, 1000))
def test_thinned_curves_stay_within_what_was_measured(times, bins, duration):
    values = np.sin(times)[:, None]
    means = thinned(times, values, durations(times), duration, bins)
    assert means.shape == (bins, 1)
    known = means[~np.isnan(means)]
    if len(times):
        assert len(known) and known.min() >= values.min() - 1e-9
        assert known.max() <= values.max() + 1e-9
    else:
        assert not len(known)


def test_a_curve_thinned_to_half_is_the_mean_of_pairs():
    times, values = np.arange(8) * 0.5, np.arange(8.0)[:, None]
    means = thinned(times, values, np.full(8, 0.5), 4.0, 4)
    assert means[:, 0].tolist() == pytest.approx([0.5, 2.5, 4.5, 6.5])


def test_points_finer_than_the_images_are_filled_but_gaps_stay_open():
    times = np.array([0.0, 0.5, 8.0])
    means = thinned(times, np.array([[1.0], [2.0], [3.0]]), durations(times), 10.0, 100)
    assert means[:5, 0].tolist() == [1.0] * 5 and means[5, 0] == 2.0
    assert np.isnan(means[6:80, 0]).all() and means[80, 0] == 3.0


def test_what_was_shown_longest_has_a_sign_also_of_a_dozen_labels():
    strips = np.zeros((4, 12))
    strips[0, 3] = strips[1, 9] = strips[2, 11] = 1.0
    strips[3] = np.nan
    assert [ord(sign) - ord("0") for sign in signs(strips)[:3]] == [3, 9, 11]
    assert signs(strips)[3] == "."


# Responses


def state(time: float, name: str, motion: str = "", speech: str = "", emotion: str = "sad"):
    return RecordedState(time, name, emotion, motion, speech, f"because of {motion}")


def test_a_response_is_told_once_however_its_parts_end():
    told = [
        state(0, "idle"),
        state(1, "responding", "nod", "hello"),
        state(2, "responding", "nod", "hello"),
        state(3, "responding", "nod", ""),
        state(4, "cooldown"),
        state(6, "responding", "bow", "bye", ""),
        state(7, "responding", "", "bye", ""),
        state(8, "responding", "jump", "oh", "surprised"),
    ]
    found = responses(told, 10.0)
    assert [(r.start, r.end, r.emotion, r.motion, r.speech) for r in found] == [
        (1, 4, "sad", "nod", "hello"),
        (6, 8, "", "bow", "bye"),
        (8, 10.0, "surprised", "jump", "oh"),
    ]


def test_going_to_rest_answers_nobody():
    assert responses([state(0, "responding", "rest"), state(1, "disabled", "bow")], 2.0) == []


def test_time_in_each_state():
    told = [state(0, "idle"), state(2, "attending"), state(3, "idle")]
    assert seconds_by_state(told, 10.0) == {"idle": 9.0, "attending": 1.0}


# Latency


def test_percentiles_and_bars():
    figures = latencies(np.array([0.010] * 98 + [0.050, 0.200]))
    assert figures.median == pytest.approx(0.010) and figures.longest == 0.2
    assert 0.01 <= figures.p95 <= figures.p99 <= 0.2
    assert figures.counts.sum() == 100
    assert latencies(np.array([])) is None


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=50))
def test_every_latency_is_in_a_bar(values):
    figures = latencies(np.array(values))
    assert figures.counts.sum() == len(values)
    assert figures.median <= figures.p95 <= figures.p99 <= figures.longest
    assert (np.diff(figures.edges) > 0).all()


# Health


def report(time: float, level: int, text: str = "", **values: str) -> NodeReport:
    return NodeReport(time, "/fer_node", level, text, values)


def test_the_same_warning_with_other_numbers_is_one_problem():
    told = [
        report(0, 0, "30 images/s"),
        report(3, 1, "no images for 3 s"),
        report(4, 1, "no images for 4.5 s"),
        report(5, 2, "no images for 5 s"),
        report(6, 1, "too dark"),
    ]
    found = [(p.text, p.level, p.first, p.last, p.count) for p in problems(told)]
    assert found == [
        ("no images for 4.5 s", 1, 3, 4, 2),
        ("no images for 5 s", 2, 5, 5, 1),
        ("too dark", 1, 6, 6, 1),
    ]


def test_losses_are_those_of_this_recording():
    told = [report(t, 0, **{"dropped, busy": str(n), "faces": "3"}) for t, n in
            enumerate((100, 104, 104, 2, 5))]  # fmt: skip
    assert losses(told) == {("/fer_node", "dropped, busy"): 9}, "+4, a restart +2, +3"


def test_model_and_versions_are_the_last_known():
    told = [report(0, 0, model="none"), report(1, 0, model="a"), report(2, 0, model="none")]
    assert about(told) == {"model": "a"}


@pytest.mark.parametrize(
    ("seconds", "tenths", "text"),
    [
        (0, False, "0:00"),
        (59.6, False, "1:00"),
        (59.96, True, "1:00.0"),
        (61.25, True, "1:01.2"),
        (3723.4, False, "1:02:03"),
        (3600, True, "1:00:00.0"),
    ],
)
def test_the_clock(seconds, tenths, text):
    assert clock(seconds, tenths) == text
