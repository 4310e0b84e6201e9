"""The benchmark of the pipeline: its figures, its cases, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.faces.blazeface import BlazeFaceDetector
from tests.benchmarks import against, report
from tests.benchmarks.__main__ import read
from tests.benchmarks.crew import MeasurementError, cpu_seconds, crew, memory
from tests.benchmarks.report import FACES, SIZES, Observation, figures, short_matrix, whole_matrix
from tests.benchmarks.scene import frames, heads


def seen(latencies, faces=1, rate=10.0, skipped=()) -> Observation:
    """Images at a rate, all of which the camera published, and some more."""
    stamps = tuple(100 + index / rate for index in range(len(latencies)))
    return Observation(
        stamps=stamps,
        heard=tuple(s + latency for s, latency in zip(stamps, latencies, strict=True)),
        published=(*stamps, *skipped),
        faces=(faces,) * len(stamps),
        cpu_s=2.0,
        duration_s=8.0,
        resident_mb=100.0,
        peak_mb=120.0,
    )


def test_figures_of_a_steady_node() -> None:
    found = figures(seen([0.010] * 40), faces=1)
    assert found.images == 40
    assert found.median_ms == pytest.approx(10)
    assert found.p999_ms == pytest.approx(10)
    assert found.rate == found.camera_rate == pytest.approx(10)
    assert found.dropped == 0
    assert found.cpu_s_per_1000 == pytest.approx(50)
    assert found.cores == pytest.approx(0.25)
    assert found.faults() == []


def test_images_between_the_first_and_the_last_without_an_emotion_are_dropped() -> None:
    found = figures(seen([0.010] * 40, skipped=(99.0, 101.05, 101.15, 200.0)), faces=1)
    assert found.dropped == 2
    assert found.camera_rate > found.rate


def test_a_face_that_is_not_found_is_a_fault() -> None:
    observation = seen([0.010] * 10, faces=10)
    assert figures(observation, faces=10).faults() == []
    some = figures(replace(observation, faces=(10,) * 9 + (9,)), faces=10)
    assert some.faults() == ["all faces were found in 90.0% of the images only"]


def test_latency_that_grows_is_a_fault() -> None:
    found = figures(seen(np.linspace(0.01, 0.5, 60)), faces=1)
    assert found.faults() == [f"latency grew from {found.first_ms:.1f} to {found.last_ms:.1f} ms"]


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=50))
def test_figures_are_ordered(latencies: list[float]) -> None:
    found = figures(seen(latencies), faces=1)
    assert found.median_ms <= found.p99_ms <= found.p999_ms <= 1000 * max(latencies) + 1e-6


def test_an_observation_travels_as_json() -> None:
    observation = seen([0.01, 0.02])
    text = json.dumps(observation.to_dict())
    assert Observation.from_dict(json.loads(text)) == observation


def test_the_short_run_is_a_part_of_the_whole() -> None:
    names = [case.name for case in whole_matrix()]
    assert len(set(names)) == len(names) == 2 * 2 * 2 * 3 + 4
    assert {case.name for case in short_matrix()} < set(names)
    assert short_matrix()[0].name == "640x480, raw, 1 face, separate"


def test_the_use_of_a_process_that_is_called_oddly(tmp_path: Path) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    ticks = os.sysconf("SC_CLK_TCK")
    fields = ["0"] * 11 + [str(2 * ticks), str(3 * ticks)] + ["0"] * 30
    (folder / "stat").write_text("7 (a (b) c) S " + " ".join(fields[1:]) + "\n")
    (folder / "status").write_text("Name:\ta\nVmHWM:\t 2000 kB\nVmRSS:\t 1000 kB\nThreads:\t1\n")
    assert cpu_seconds(7, tmp_path) == pytest.approx(5)
    assert memory(7, tmp_path).resident == pytest.approx(1.024)
    assert memory(7, tmp_path).peak == pytest.approx(2.048)


def test_the_use_of_this_process() -> None:
    assert cpu_seconds(os.getpid()) > 0
    assert 10 < memory(os.getpid()).resident <= memory(os.getpid()).peak


@pytest.mark.parametrize("size", SIZES)
def test_every_person_of_a_film_is_found(size: tuple[int, int]) -> None:
    detector, people = BlazeFaceDetector(), heads()
    for faces in FACES:
        film = frames(people, *size, faces, 3)
        assert [len(detector.detect(frame)) for frame in film] == [faces] * 3
        assert all(np.any(film[i] != film[i - 1]) for i in range(3))
    detector.close()


def test_programs_end_with_the_crew() -> None:
    with pytest.raises(KeyboardInterrupt), crew(domain=77, grace_s=0.2) as running:
        deaf = "import signal; signal.signal(2, signal.SIG_IGN); print('up'); signal.pause()"
        process = running.start([sys.executable, "-uc", deaf], ready="up")
        raise KeyboardInterrupt
    assert process.has_ended
    assert not process.left()


def test_an_answer_comes_from_a_program_that_may_live_on() -> None:
    program = """
import json, os, signal
print("words")
print(json.dumps({"domain": os.environ["ROS_DOMAIN_ID"]}))
signal.pause()
"""
    with crew(domain=77) as running:
        assert running.answer(running.start([sys.executable, "-uc", program]), 20) == {
            "domain": "77"
        }


def test_a_program_that_fails_is_told_with_what_it_wrote() -> None:
    with crew(domain=77) as running, pytest.raises(MeasurementError, match="no camera here"):
        failed = running.start([sys.executable, "-c", "import sys; sys.exit('no camera here')"])
        running.answer(failed, 20)


def test_the_table_and_the_comparison() -> None:
    slow, fast = figures(seen([0.02] * 9), 1), figures(seen([0.01] * 9), 1)
    before = {"cases": {"a": {"figures": slow.to_dict(), "faults": []}}}
    after = {
        "cases": {
            "a": {"figures": fast.to_dict(), "faults": []},
            "new": {"figures": fast.to_dict(), "faults": []},
            "broken": {"faults": ["no emotion came"]},
        }
    }
    table = report.table(after["cases"])
    assert table[1].split()[:2] == ["a", "10.0"]
    assert table[-1].strip() == "FAILED: no emotion came"
    ratios = report.comparison(before, after)
    assert [line.split()[0] for line in ratios[1:]] == ["a"]
    assert ratios[1].split()[1] == "0.50"


def test_what_went_wrong_is_told_and_counts() -> None:
    found = {
        "machine": {"processor": "p", "cores": 4, "load": 0.5},
        "cases": {"a": {"faults": ["no emotion came"]}},
        "faults": ["lost: a program ended"],
        "start_s": [1.0, 2.0, 4.0],
        "lost": {"profile": 0.0, "default": 0.5},
    }
    told = "\n".join(report.lines(found))
    assert "start to the first /emotion: 2.00 s, at most 4.00 s" in told
    assert "raw images lost between processes, default: 50.0%" in told
    assert told.count("FAILED") == 2
    assert len(report.faults(found)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seconds", "0"], "--seconds is 0, expected 0.2 to 600"),
        (["--core", "4711"], "--core is 4711"),
        (["--against", "nowhere.json"], "nowhere.json: No such file"),
        (["--against", __file__], "test_benchmark_parts.py was not written by --json"),
        (["--networks", __file__], "was not written by `ec-rfernet benchmark --json`"),
        (["--networks", "/nowhere"], "/nowhere: No such file or directory"),
        (["--only", "everything"], "invalid choice: 'everything'"),
    ],
)
def test_bad_arguments_are_told(arguments, message, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        read(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def round_of(**changed: float) -> against.Round:
    usual = {"median_ms": 5.0, "p99_ms": 20.0, "cpu_s_per_1000": 3.0, "resident_mb": 200.0}
    return usual | {"start_s": 2.0} | changed


def test_checkouts_are_compared_by_the_median_of_their_rounds() -> None:
    other = [round_of(), round_of(median_ms=50.0), round_of()]
    this = [round_of(median_ms=5.4), round_of(median_ms=5.4), round_of(p99_ms=99.0)]
    told = against.table(other, this)
    assert told[1].split()[-6:] == ["5.00", "5.40", "1.08", "0.11", "to", "1.08"]
    assert against.worse(other, this) == []
    assert against.worse(other, [round_of(start_s=2.3)] * 3) == ["start to the first /emotion"]


def test_the_block_has_the_networks_and_the_nodes(tmp_path: Path) -> None:
    networks = tmp_path / "networks.json"
    row = {"name": "a network", "median_ms": 2.0, "p99_ms": 3.0, "per_second": 500.0}
    networks.write_text(json.dumps({"speeds": [row]}))
    found = figures(seen([0.010] * 40), faces=1).to_dict()
    alone, together = short_matrix()[0], replace(short_matrix()[0], layout="together")
    cases = {case.name: {"case": case.to_dict(), "figures": found} for case in (alone, together)}
    *_, network, node, _ = report.block(cases, read(["--networks", str(networks)]).networks).split(
        "\n"
    )
    assert network.split() == ["a", "network", "2.00", "3.00", "500.0"]
    assert alone.name in node and node.split()[-3:] == ["10.00", "10.00", "10.0"]


def test_a_round_is_read_from_the_report_of_a_benchmark() -> None:
    cases = {
        name: {"figures": figures(seen([latency] * 9), 1).to_dict(), "faults": []}
        for name, latency in (("a", 0.02), ("a, camera 240/s", 0.05))
    }
    cases["broken"] = {"faults": ["no emotion came"]}
    report = {"cases": cases, "faults": [], "start_s": [1, 2, 4]}
    assert against.figures_of(report, "a")["start_s"] == 2
    assert against.figures_of(report, "a")["median_ms"] == pytest.approx(20)
    with pytest.raises(against.ComparisonError, match=r"no median_ms, .*: no emotion came"):
        against.figures_of(report, "broken")


def test_a_checkout_that_is_none_is_named(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        against.read([str(tmp_path)])
    assert f"{tmp_path} is no checkout of this project" in capsys.readouterr().err


def test_a_checkout_without_a_benchmark_is_named(tmp_path: Path, capsys) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "env.sh").write_text("echo no workspace here >&2; return 1\n")
    assert against.main([str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path} was not measured" in told and "no workspace here" in told
