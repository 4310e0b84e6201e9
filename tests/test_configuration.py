"""What is generated from the code, by ``make docs``, is not stale, and can be read by the nodes."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

from ec_rfernet import bundle
from ec_rfernet.errors import InputError
from fer_common.testing import spinning
from fer_node.nodes.fer_node import FerNode
from robot_behavior.nodes.behavior_node import BehaviorNode
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot
from robot_behavior.nodes.speech_node import SpeechNode

ROOT = Path(__file__).parents[1]
INSTALLED = Path(get_package_share_directory("fer_bringup"), "config", "robot.yaml")


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    """``scripts/generate_docs.py``."""
    path = ROOT / "scripts" / "generate_docs.py"
    spec = spec_from_file_location("generate_docs", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules["generate_docs"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_generated_is_stale(docs: ModuleType) -> None:
    stale = [str(path.relative_to(ROOT)) for path in docs.stale()]
    assert stale == [], "run `make docs`"


def test_a_page_that_was_changed_by_hand_is_stale(docs: ModuleType) -> None:
    text = (ROOT / "docs" / "parameters.md").read_text()
    assert docs.page(text) == text
    assert docs.page(text.replace("`640`", "`641`")) == text


def test_the_parameter_file_has_what_nodes_declare(docs: ModuleType) -> None:
    written = yaml.safe_load(INSTALLED.read_text())
    with spinning(FerNode, BehaviorNode, MotionPlayer, SimRobot, SpeechNode) as (_, nodes):
        for node in nodes:
            name = node.get_name()
            block = written[f"/**/{name}"]["ros__parameters"]
            declared = {p.name: p.value for p in node.get_parameters_by_prefix("").values()}
            ours = set(declared) - {"use_sim_time", "start_type_description_service"}
            assert ours - set(docs.set_by_bringup()[name]) == set(block)
            assert {key: declared[key] for key in block} == block


def test_what_is_set_elsewhere_is_not_in_the_parameter_file(docs: ModuleType) -> None:
    written = yaml.safe_load(INSTALLED.read_text())
    for node, names in docs.set_by_bringup().items():
        assert not set(names) & set(written[f"/**/{node}"]["ros__parameters"] or ())
    assert "model" in docs.set_by_bringup()["fer_node"]


def test_every_parameter_has_a_meaning_that_is_a_sentence(docs: ModuleType) -> None:
    for node, parameters in docs.nodes().items():
        assert parameters, node
        for each in parameters:
            assert each.meaning.endswith("."), (node, each.name)


def test_a_table_that_there_is_not_is_named_with_those_that_there_are(docs: ModuleType) -> None:
    page = "<!-- made by make docs: parameters of dog -->\n<!-- end -->"
    with pytest.raises(InputError, match=r"about 'parameters of dog', expected .* of camera_node"):
        docs.page(page)


def test_a_figure_is_that_of_the_bundle(docs: ModuleType) -> None:
    values = json.loads((ROOT / "models" / "ec_rfernet" / "bundle.json").read_text())
    right = values["metrics"]["public"]["single_crop"]["accuracy"]
    text = "right in <!-- figure: accuracy of ec_rfernet -->1 %<!-- / --> of them"
    assert docs.page(text) == text.replace(">1 %<", f">{100 * right:.1f} %<")
    with pytest.raises(InputError, match="there is no figure 'taste'"):
        docs.page("<!-- figure: taste -->1<!-- / -->")


def test_one_model_has_one_accuracy(docs: ModuleType) -> None:
    """In the table of the models, that of their speed, the chart and the sentences."""
    told = docs.figures()["accuracy of ec_rfernet"]
    (model,) = (line for line in docs.table("models") if "`ec_rfernet`" in line)
    speeds = [line for line in docs.table("speed of networks") if "**ec_rfernet**" in line]
    assert model.split(" | ")[4] == told
    assert {line.split(" | ")[-1] for line in speeds if " fp32 |" in line} == {f"{told} |"}
    assert f"ms, {told} right" in docs.networks_chart()


def test_every_field_and_every_option_is_told(docs: ModuleType) -> None:
    text = "\n".join(docs.table("interfaces msg") + docs.table("interfaces action"))
    for path in (ROOT / "ros2_ws" / "src" / "fer_interfaces").glob("*/*.[ma][sc][gt]*"):
        assert f"/{path.stem}`" in text
        for line in path.read_text().splitlines():
            words = line.replace("=", " ").split()
            if words and words[0] not in ("---", "#"):
                assert f"| `{words[1]}` | {words[0]}" in text
    assert "| `priority` | uint8 | 0..255, 128 unless set." in text and "Default: 128." in text
    commands = "\n".join(line for name in docs.PROGRAMS for line in docs.table(f"program {name}"))
    assert "| `--participant CODE` | such as 07 or P12: never a name (required) |" in commands
    assert "| `--priority N` |" in commands and "### ec-rfernet analyze" in commands
    assert "==SUPPRESS==" not in commands


def test_the_last_benchmark_is_taken_over(
    docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "FIGURES", tmp_path / "figures")
    docs.FIGURES.mkdir()
    (docs.FIGURES / "pipeline.json").write_text('{"before": {}}')
    docs.measured.cache_clear()
    with pytest.raises(InputError, match=r"benchmark.json: No such file .* run `make bench` first"):
        docs.take_over(tmp_path)
    timing = {"threads": 1, "p99_ms": 3.0, "share_of_ceiling": 0.5, "times_faster_than_eager": 9.0}
    timings = [timing | {"batch": 1, "median_ms": 2.0}, timing | {"batch": 16, "median_ms": 20.0}]
    subject = {"network": "ec_rfernet", "runtime": "native", "precision": "int8", "peak_mb": 60}
    machine = {"processor": "Z80", "cores": 1, "date": "2030-01-02"}
    speed = {"machine": machine, "subjects": [subject | {"start_s": 0.4, "timings": timings}]}
    (tmp_path / "benchmark.json").write_text(json.dumps(speed))
    row = {"median_ms": 6.0, "p99_ms": 9.0, "cpu_s_per_1000": 5.0, "rate": 30.0, "cores": 0.16}
    case = {"figures": row | {"resident_mb": 120.0, "peak_mb": 130.0}}
    nodes = {"cases": {"one face": case}, "start_s": [1.0, 1.5, 1.2]}
    (tmp_path / "pipeline.json").write_text(json.dumps(nodes))
    sound = {"machine": machine, "behaviour_ms": {"goal to the first sound": [99.6, 200.2]}}
    (tmp_path / "first_sound.json").write_text(json.dumps(sound))
    docs.take_over(tmp_path)
    try:
        assert docs.figures()["first sound, ms"] == "100"
        assert docs.figures()["milliseconds of ec_rfernet, native int8"] == "2.00"
        assert docs.figures()["start of perception, s"] == "1.20"
        assert docs.table("speed of networks")[2].startswith(
            "| **ec_rfernet** | native int8 | 2.00 | 3.00 | 9.0 | 50 % | 10.0 | 0.40 | 60 |"
        )
        assert (
            docs.table("speed of the pipeline")[2] == "| one face | 6.0 | 9.0 | 5.0 | 30 | 0.16 |"
        )
        assert docs.table("source of networks") == [
            "*Measured on 2030-01-02, by `make bench`, on Z80, 1 cores.*"
        ]
    finally:
        docs.measured.cache_clear()
        docs.figures.cache_clear()
    (tmp_path / "benchmark.json").unlink()
    occasions = {"nao, is noticed": [8.04, 21.2, 26.0], "nao, smiles": [80.2, 100.4, 26.0]}
    (tmp_path / "contact.json").write_text(
        json.dumps({"machine": machine, "contact_ms": occasions})
    )
    docs.take_over(tmp_path)
    try:
        assert docs.table("first sign")[2:] == ["| `nao` | 8.0, 21 | 80, 100 |"]
        (source,) = docs.table("source of contact")
        assert "by `python -m tests.benchmarks --only contact`, on Z80" in source
    finally:
        docs.measured.cache_clear()
        docs.figures.cache_clear()
    (tmp_path / "contact.json").write_text("{}")
    with pytest.raises(InputError, match="not what `make bench` writes"):
        docs.take_over(tmp_path)


def test_no_picture_shows_a_model_of_before() -> None:
    """Which model a picture shows is noted beside it; another one ships: take it anew."""
    shown = json.loads((ROOT / "docs" / "figures" / "pictures.json").read_text())
    now = bundle.load(ROOT / "models" / "ec_rfernet").short_hash
    assert {name: model for name, model in shown.items() if model != now} == {}
    assert [name for name in shown if not (ROOT / "docs" / name).is_file()] == []
