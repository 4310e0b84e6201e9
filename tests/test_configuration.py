"""What is generated from the code, by ``make docs``, is not stale, and can be read by the nodes."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

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
