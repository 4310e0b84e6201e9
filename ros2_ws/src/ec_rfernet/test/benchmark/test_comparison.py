import dataclasses
import json

import cv2
import pytest

from ec_rfernet.benchmark import comparison
from ec_rfernet.benchmark.ceiling import Ceiling, Product, ceilings, products
from ec_rfernet.benchmark.comparison import EAGER, USUAL, Case, Result
from ec_rfernet.benchmark.subject import Footprint, Subject
from ec_rfernet.benchmark.timing import Machine, Neighbours, Timing, TimingSettings
from ec_rfernet.errors import InputError

MACS = 60_000_000
EAGER_OWN = Subject("own", "torch", "fp32", 44, 552_613, MACS, 0.68)
USUAL_OWN = Subject("own", "onnxruntime", "fp32", 44, 552_613, MACS, 0.68)
INT8_OWN = Subject("own", "onnxruntime", "int8", 44, 552_613, MACS, 0.679)
PEER = Subject("peer", "onnxruntime", "fp32", 224)


def timing(milliseconds, energy_j=None):
    return Timing(300, milliseconds / 1e3, 1.2 * milliseconds / 1e3, energy_j)


@pytest.fixture
def result():
    timings = {}
    for subject, milliseconds in ((EAGER_OWN, 8), (USUAL_OWN, 2), (INT8_OWN, 1), (PEER, 30)):
        timings[Case(subject, 1, 1)] = timing(milliseconds, 0.01)
        timings[Case(subject, 1, 16)] = timing(10 * milliseconds, 0.16)
        if subject != EAGER_OWN:
            timings[Case(subject, 4, 1)] = timing(milliseconds / 2)
    return Result(
        Machine.this(),
        TimingSettings(),
        {
            "fp32": Ceiling(Product("fp32", "mm", 512), 40.0, {"other": 30.0}),
            "int8": Ceiling(Product("int8", "mm", 512), 200.0, {}),
        },
        timings,
        {USUAL_OWN: Footprint(0.25, 85.0)},
        ("energy: nobody knows",),
        neighbours=0.0,
    )


def test_what_follows_from_the_times(result):
    case = Case(INT8_OWN, 1, 1)
    assert result.gmacs_per_s(case) == pytest.approx(60)
    assert result.share(case) == pytest.approx(0.3)
    assert result.speedup(case, EAGER) == pytest.approx(8)
    assert result.speedup(case, USUAL) == pytest.approx(2)
    assert result.share(Case(USUAL_OWN, 4, 1)) == pytest.approx(60 / 40 / 4)
    assert result.gmacs_per_s(Case(USUAL_OWN, 1, 16)) == pytest.approx(48)


def test_what_does_not_follow(result):
    """Neither from a network of unknown size nor from one that was not run in PyTorch."""
    case = Case(PEER, 1, 1)
    assert result.gmacs_per_s(case) is None
    assert result.share(case) is None
    assert result.speedup(case, EAGER) is None
    assert result.speedup(Case(INT8_OWN, 4, 1), EAGER) is None


def test_the_block_that_people_send(result):
    result = dataclasses.replace(result, pictures={"faces in 640x480": timing(4)})
    assert [(speed.name, speed.per_second) for speed in result.speeds()] == [
        (INT8_OWN.title, pytest.approx(1000)),  # where it is fastest, and nobody else's network
        ("faces in 640x480", pytest.approx(250)),
    ]
    *_, block = comparison.render(result).rpartition("\n\n")
    lines = block.splitlines()
    assert "please send" in lines[0] and lines[-1] == "----"
    assert result.machine.processor in lines[1] and "cores" in lines[1] and "kernels" in lines[1]
    assert f"Python {result.machine.python}" in lines[2] and "numpy" in lines[3]
    assert lines[-2].split()[-3:] == ["4.00", "4.80", "250.0"]
    assert len(lines) < 20 and max(map(len, lines)) <= 120
    assert result.as_dict()["speeds"][1]["p99_ms"] == pytest.approx(4.8)


def test_the_block_begins_with_what_the_robot_runs(result):
    def names(*robot):
        found = dataclasses.replace(result, robot={"own": robot} if robot else {})
        return [speed.name for speed in found.speeds()]

    usual = f"{USUAL_OWN.title} (the robot's)"
    assert names("onnxruntime", "fp32") == [usual, INT8_OWN.title]
    assert names("onnxruntime", "int8") == [f"{INT8_OWN.title} (the robot's)"]


def test_tables(result):
    text = comparison.render(result)
    lines = text.splitlines()
    first = [line.split() for line in lines if line.startswith(("own", "peer"))]
    fastest, *others, slowest = (words for words in first if words[-1] == "10.0")
    numbers = ["1.00", "1.20", "60.0", "30%", "8.00", "2.00", "67.90%", "10.0"]
    assert fastest == ["own", "onnxruntime", "int8", *numbers]
    numbers = ["30.00", "36.00", "-", "-", "-", "1.00", "-", "10.0"]
    assert slowest == ["peer", "onnxruntime", "fp32", *numbers]
    assert len(others) == 2
    numbers = ["44", "0.55", "60.0", "2.00", "20.00", "1.00", "-", "10.0", "0.25", "85"]
    assert ["own", "onnxruntime", "fp32", *numbers] in first
    assert "energy: nobody knows" in text
    assert "fp32 40.0 (mm, 512)" in text
    assert max(map(len, lines)) <= 120


def test_columns_are_aligned():
    text = comparison.aligned(("name", "ms"), [("a", "1.00"), ("longer", "10.00")], words=1)
    assert text.splitlines() == [
        "name       ms",
        "-------------",
        "a        1.00",
        "longer  10.00",
    ]


def test_doubt_is_spoken(result):
    assert comparison.warning(result) is None
    assert "1.5 cores" in comparison.warning(dataclasses.replace(result, neighbours=1.5))


def test_json(result):
    values = result.as_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["ceilings"]["fp32"]["other_methods"] == {"other": 30.0}
    eager, usual, *_ = values["subjects"]
    assert (usual["network"], usual["start_s"], usual["peak_mb"]) == ("own", 0.25, 85.0)
    assert eager["start_s"] is None
    assert usual["timings"][1] == {
        "threads": 1,
        "batch": 16,
        "runs": 300,
        "median_ms": 20.0,
        "p99_ms": 24.0,
        "gmacs_per_s": 48.0,
        "share_of_ceiling": 1.2,
        "times_faster_than_eager": 4.0,
        "times_faster_than_onnxruntime_fp32": 1.0,
        "energy_mj_per_image": 10.0,
    }


def test_chart(result, tmp_path):
    comparison.draw(result, {"own"}, tmp_path / "chart.png")
    assert cv2.imread(str(tmp_path / "chart.png")).shape[1] > 600
    with pytest.raises(InputError, match="not a picture"):
        comparison.draw(result, {"own"}, tmp_path / "chart.xyz")


def test_ceiling_is_the_fastest_method_at_its_best_size():
    timings = {
        Product("fp32", "a", 100): timing(1),
        Product("fp32", "a", 200): timing(4),
        Product("fp32", "b", 100): timing(2),
        Product("int8", "b", 100): timing(0.1),
    }
    found = ceilings(timings)
    assert found["fp32"].product == Product("fp32", "a", 200)
    assert found["fp32"].gmacs_per_s == pytest.approx(2.0)
    assert found["fp32"].others == {"b": pytest.approx(0.5)}
    assert found["int8"].gmacs_per_s == pytest.approx(10.0)


def test_products_multiply():
    works, left_out = products(sizes=(8,))
    assert left_out == ()
    assert {product.precision for product in works} == {"fp32", "bf16", "int8"}
    for work in works.values():
        assert tuple(work().shape) == (8, 8)


def test_neighbours_are_what_is_left_of_the_cores_time(tmp_path):
    stat, now, own = tmp_path / "stat", [100.0], [5.0]
    stat.write_text("cpu 1000 0 0 9000 0 0 0 0 0 0\ncpu0 0\n")
    neighbours = Neighbours(stat, lambda: now[0], lambda: own[0])
    now[0], own[0] = 110.0, 15.0
    stat.write_text("cpu 2000 300 100 9100 50 0 0 100 0 0\ncpu0 0\n")  # 15 s in all, 10 of them own
    assert neighbours.cores() == pytest.approx(0.5)
