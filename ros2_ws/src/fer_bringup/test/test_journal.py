import tracemalloc

import numpy as np
import pytest

from fer_bringup.journal import Answered, Journal, LatencyHistogram, Screen

HAPPY = (0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.1)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Listener(Screen):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.answers: list[Answered] = []

    def seen(self, line: str) -> None:
        self.lines.append(line)

    def answered(self, answer: Answered) -> None:
        self.answers.append(answer)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def journal(clock: Clock, listener: Listener) -> Journal:
    return Journal(clock, listener)


def test_measures_rate_and_latency(journal: Journal, clock: Clock) -> None:
    for latency in (0.010, 0.020, 0.030, 0.020, 0.400):
        journal.image(1, latency)
        clock.now += 0.1
    summary = journal.summary()
    assert summary.frames == 5
    assert summary.rate == pytest.approx(10)
    assert summary.median_s == pytest.approx(0.020)
    assert 0.3 < summary.p99_s <= 0.4


def test_rate_and_latency_of_the_moment_are_those_of_the_last_seconds(
    journal: Journal, clock: Clock
) -> None:
    for latency, images in ((0.1, 100), (0.02, 200)):
        for _ in range(images):
            journal.image(1, latency)
            clock.now += 1 / 20
    assert journal.moment.rate == pytest.approx(20, rel=0.01)
    assert journal.moment.latency_s == pytest.approx(0.02)
    clock.now += 60
    assert journal.moment.rate == 0


def test_labels_are_those_of_the_model(journal: Journal) -> None:
    journal.image(1, 0.01, ("calm", "contempt"))
    journal.expression("contempt", 0.9, ("calm", "contempt"), (0.1, 0.9))
    assert journal.moment.labels == ("calm", "contempt")
    assert journal.moment.probabilities == pytest.approx((0.1, 0.9))
    journal.expression("contempt", 0.9)  # as by `ros2 topic pub`
    assert journal.moment.labels == ("calm", "contempt")
    assert journal.moment.probabilities == ()
    journal.expression("contempt", 0.9, ("calm", "contempt"), (0.1, 0.2, 0.7))  # malformed
    assert journal.moment.probabilities == ()
    journal.expression("contempt", 0.9, ("calm", "contempt"), (0.1, 0.9))
    journal.image(1, 0.01, ("calm", "happy", "sad"))  # of another model
    assert (journal.moment.labels, journal.moment.probabilities) == (("calm", "happy", "sad"), ())


def test_what_the_perception_complains_of(journal: Journal) -> None:
    assert journal.moment.problem is None
    journal.problem("too dark")
    assert journal.moment.problem == "too dark"
    journal.problem(None)
    assert journal.moment.problem is None


def test_a_run_without_images_has_a_summary(journal: Journal) -> None:
    summary = journal.summary()
    assert (summary.frames, summary.rate, summary.median_s) == (0, 0, 0)
    assert "nobody" in "\n".join(summary.lines())
    assert "nothing" in "\n".join(summary.lines())


def test_a_stopped_robot_says_so_at_the_end(journal: Journal) -> None:
    journal.stopped("stopped since 10:15:02, until 'release'")
    told = "robot      stopped since 10:15:02, until 'release'; a new start changes nothing"
    assert told in journal.summary().lines()
    journal.stopped(None)
    assert not any("stopped" in line for line in journal.summary().lines())


def test_adds_up_the_time_of_each_expression(journal: Journal, clock: Clock) -> None:
    for label, steps in (("happy", 20), ("sad", 10)):
        for _ in range(steps):
            journal.expression(label, 0.9, probabilities=HAPPY)
            clock.now += 0.1
    clock.now += 60  # nobody was there
    journal.expression("sad", 0.9, probabilities=HAPPY)
    summary = journal.summary()
    assert summary.seconds["happy"] == pytest.approx(2.0)
    assert summary.seconds["sad"] == pytest.approx(0.9)
    assert summary.images == {"happy": 20, "sad": 11}


def test_tells_changes_once(journal: Journal, listener: Listener) -> None:
    journal.image(0, 0.01)
    journal.image(0, 0.01)
    for _ in range(3):
        journal.image(1, 0.01)
        journal.expression("happy", 0.9, probabilities=HAPPY)
    journal.image(0, 0.01)
    assert listener.lines == ["nobody in view", "happy, 90%", "nobody in view"]


def test_a_response_counts_once_while_its_parts_end(journal: Journal, listener: Listener) -> None:
    journal.behaviour("attending", "happy", None, None, "happy for 0.3 s of 0.8 s")
    journal.behaviour("responding", "happy", "nod", "Hi!", "because")
    journal.behaviour("responding", "happy", "nod", "Hi!", "because; sad waits")
    journal.behaviour("responding", "happy", None, "Hi!", "because; the motion failed")
    assert journal.responding
    journal.behaviour("cooldown", "happy", None, None, "answered")
    assert not journal.responding
    journal.behaviour("responding", "happy", "nod", "Hi!", "again")
    assert [answer.reason for answer in listener.answers] == ["because", "again"]
    assert journal.summary().emotions_answered == ("happy",)


def test_a_preempting_response_counts(journal: Journal, listener: Listener) -> None:
    journal.behaviour("responding", "happy", "nod", "Hi!", "one")
    journal.behaviour("responding", "sad", "comfort", "Oh.", "two")
    assert [answer.emotion for answer in listener.answers] == ["happy", "sad"]


def test_going_to_rest_is_no_answer(journal: Journal, listener: Listener) -> None:
    journal.behaviour("responding", None, "rest", None, "stopped")
    journal.behaviour("disabled", None, "rest", None, "shutting down")
    assert listener.answers == []


def test_a_face_that_left_is_not_shown(journal: Journal, clock: Clock) -> None:
    journal.expression("happy", 0.9, probabilities=HAPPY)
    assert journal.moment.label == "happy"
    clock.now += 5
    assert journal.moment.label is None
    assert journal.moment.probabilities == ()


def test_the_summary_is_plain_data(journal: Journal, clock: Clock) -> None:
    journal.image(1, 0.0123456)
    journal.behaviour("responding", "happy", "nod", "Hi!", "because")
    journal.said("Hi!")
    clock.now += 1.23456
    values = journal.summary().as_dict()
    assert values["duration_s"] == 1.23
    assert values["answers"][0]["motion"] == "nod"
    assert values["said"] == ("Hi!",)
    assert values["emotions_answered"] == ["happy"]


def test_a_long_run_takes_no_more_memory(clock: Clock) -> None:
    journal = Journal(clock, Screen())

    def answers(count: int) -> int:
        for number in range(count):
            clock.now += 1.0
            journal.image(1, 0.005 + 0.0001 * (number % 200))
            journal.expression(f"made up {number}" if number % 2 else "happy", 0.9)
            journal.behaviour("responding", "happy", "nod", f"sentence {number}", "because")
            journal.behaviour("cooldown", "happy", None, None, f"answer {number}")
            journal.said(f"sentence {number}")
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = answers(1200)
        assert answers(4000) - before < 10_000
    finally:
        tracemalloc.stop()
    summary = journal.summary()
    assert summary.frames == 5200
    assert summary.answers[-1].speech == summary.said[-1] == "sentence 3999"
    assert summary.emotions_answered == ("happy",)


def test_percentiles_are_those_of_all_latencies_to_one_percent() -> None:
    rng = np.random.default_rng(0)
    latencies = rng.lognormal(-5, 1, 20_000)
    histogram = LatencyHistogram()
    for latency in latencies:
        histogram.add(latency)
    for percent in (1, 50, 99):
        expected = np.percentile(latencies, percent)
        assert histogram.percentile(percent) == pytest.approx(expected, rel=0.011)


@pytest.mark.parametrize("latency", [-0.5, 0.0, 1e-6, 500.0])
def test_a_latency_out_of_the_ordinary_is_told_as_it_is(journal: Journal, latency: float) -> None:
    journal.image(1, latency)
    assert journal.summary().p99_s == pytest.approx(latency)


def test_stamps_of_another_clock_are_no_latency(journal: Journal, clock: Clock) -> None:
    for latency in (0.02, 1.8e9, -1.8e9, 0.02, float("inf")):
        clock.now += 0.1
        journal.image(1, latency)
    summary = journal.summary()
    assert (summary.frames, summary.odd_stamps) == (5, 3)
    assert summary.p99_s == pytest.approx(0.02)
    assert journal.moment.latency_s < 1
    assert summary.lines()[1].endswith(
        "20 ms 99th percentile; 3 images have stamps of another clock"
    )
    assert summary.rate == pytest.approx(10.0)


def test_without_any_latency_none_is_told(journal: Journal) -> None:
    journal.image(1, 1.8e9)
    told = journal.summary().lines()[1]
    assert told == "latency    not known; 1 images have stamps of another clock"


def test_nothing_is_less_than_nothing(journal: Journal, listener: Listener) -> None:
    journal.expression("happy", -0.0, ("happy", "sad"), (-0.0, 1.0))
    assert listener.lines[-1] == "happy, 0%"
    assert f"{journal.moment.probabilities[0]:.0%}" == "0%"
