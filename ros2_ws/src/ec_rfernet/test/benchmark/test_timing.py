from collections import Counter

import pytest

from ec_rfernet.benchmark.timing import WARM_UP, Meter, Timing, TimingSettings, find_meter, measure


class Bench:
    """A clock that only work moves, and a log of who worked."""

    def __init__(self, counter=None):
        self.now, self.log, self.counter = 0.0, [], counter

    def clock(self):
        return self.now

    def work(self, name, seconds, watts=0):
        def run():
            self.log.append(name)
            self.now += seconds[len(self.log) % len(seconds)]
            if self.counter:
                used = int(self.counter.read_text()) + int(1e6 * watts * seconds[0])
                self.counter.write_text(f"{used % 5_000_000}\n")

        return run


def zone(folder, name, joules=0, limit=5_000_000):
    (folder / name).mkdir()
    (folder / name / "energy_uj").write_text(f"{joules}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{limit}\n")
    return folder / name / "energy_uj"


def test_median_and_99th_percentile():
    timing = Timing.of([0.001] * 990 + [0.1] * 10, energy_j=500)
    assert (timing.runs, timing.median_s) == (1000, 0.001)
    assert 0.001 < timing.p99_s < 0.1
    assert timing.energy_j == 0.5


def test_turns_last_as_long_as_they_should():
    bench = Bench()
    works = {"short": bench.work("short", [0.01]), "long": bench.work("long", [3.0])}
    found = measure(works, TimingSettings(rounds=4, turn_s=0.0951, most_s=99), clock=bench.clock)
    assert found["short"].runs == 40
    assert found["short"].median_s == pytest.approx(0.01)
    assert found["long"].runs == 4  # one in each turn, although it takes far longer
    assert Counter(bench.log) == {"short": 40 + 4 * WARM_UP, "long": 4 + 1}


def test_what_takes_long_pauses_now_and_then():
    bench = Bench()
    works = {"short": bench.work("short", [0.01]), "long": bench.work("long", [1.0])}
    settings = TimingSettings(rounds=10, turn_s=0.05, most_s=4.5)
    found = measure(works, settings, clock=bench.clock)
    assert found["long"].runs == 4
    assert found["short"].runs >= 50
    places = [place for place, name in enumerate(bench.log) if name == "long"]
    assert places[-1] > len(bench.log) / 2  # spread over the rounds, not all at the beginning


def test_the_warm_up_is_not_counted():
    bench = Bench()
    slow_at_first = iter([0.02, 0.005, *[0.001] * 100])

    def run():
        bench.now += next(slow_at_first)

    found = measure({"only": run}, TimingSettings(rounds=1, turn_s=0.05), clock=bench.clock)
    assert found["only"].p99_s == pytest.approx(0.001)


def test_everything_has_a_turn_in_each_round_in_changing_order():
    bench = Bench()
    names = "abcdef"
    works = {name: bench.work(name, [0.09]) for name in names}
    rounds = []
    found = measure(
        works, TimingSettings(rounds=5, turn_s=0.05), clock=bench.clock, progress=rounds.append
    )
    turns = bench.log[::2]  # each: one run to warm up, one that is timed
    orders = [tuple(turns[start : start + 6]) for start in range(0, 30, 6)]
    assert all(sorted(order) == list(names) for order in orders)
    assert len(set(orders)) > 1
    assert (list(found), rounds) == (list(names), [1, 2, 3, 4, 5])


def test_energy_of_one_run(tmp_path):
    """Also where the counter starts again in between."""
    bench = Bench(zone(tmp_path, "intel-rapl:0"))
    zone(tmp_path, "intel-rapl:0:1", joules=7)  # a part of package 0, not to be counted twice
    meter, reason = find_meter(tmp_path)
    assert (len(meter.counters), reason) == (1, "")
    works = {"little": bench.work("little", [0.01], 10), "much": bench.work("much", [0.01], 40)}
    found = measure(works, TimingSettings(rounds=3, turn_s=0.1), meter, clock=bench.clock)
    assert found["little"].energy_j == pytest.approx(0.1)
    assert found["much"].energy_j == pytest.approx(0.4)


def test_packages_add_up_and_wrap():
    meter = Meter(counters=(), ranges=(1_000_000, 2_000_000))
    assert meter.joules((900_000, 0), (100_000, 500_000)) == pytest.approx(0.7)


@pytest.mark.parametrize("content", ["", "many"])
def test_says_why_there_is_no_energy(tmp_path, content):
    assert "no energy counter" in find_meter(tmp_path / "none")[1]
    zone(tmp_path, "intel-rapl:0").write_text(content)
    meter, reason = find_meter(tmp_path)
    assert meter is None
    assert "energy_uj cannot be read" in reason


def test_energy_that_only_root_may_read(tmp_path, monkeypatch):
    counter = zone(tmp_path, "intel-rapl:0")
    original = type(counter).read_text

    def read_text(self, *arguments, **options):
        if self == counter:
            raise PermissionError(13, "Permission denied", str(self))
        return original(self, *arguments, **options)

    monkeypatch.setattr(type(counter), "read_text", read_text)
    meter, reason = find_meter(tmp_path)
    assert meter is None
    assert "root only" in reason
