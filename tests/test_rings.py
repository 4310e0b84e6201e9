"""What a process loads, which the sources do not tell; who may import whom is in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "ros2_ws" / "src"
HEAVY = {"torch", "jax", "onnx", "skimage", "tensorflow"}


def loaded_by(*names: str) -> set[str]:
    """All modules in memory after an import, in a fresh process."""
    lines = "\n".join(f"import {name}" for name in names)
    program = f"{lines}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    return set(done.stdout.split())


def test_the_robot_loads_neither_torch_nor_jax() -> None:
    robot = (
        "fer_bringup.robot",
        "fer_bringup.application",
        "fer_node.nodes.fer_node",
        "fer_node.nodes.camera_node",
        "robot_behavior.nodes.behavior_node",
        "robot_behavior.nodes.motion_player",
        "robot_behavior.nodes.speech_node",
        "robot_behavior.nodes.sim_robot",
    )
    assert not HEAVY & loaded_by(*robot)


def test_the_entry_point_loads_nothing_before_it_hears_ctrl_c() -> None:
    assert not {"rclpy", "numpy", "cv2"} & loaded_by("fer_bringup.robot")


def test_who_sees_no_panel_does_not_load_what_draws_it() -> None:
    assert "rich" not in loaded_by("fer_bringup.application")


def test_no_class_has_the_name_of_another_one() -> None:
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for path in SOURCES.glob("*/*/**/*.py")
        if "test" not in path.relative_to(SOURCES).parts[:2]
    ]
    names = Counter(n.name for tree in trees for n in tree.body if isinstance(n, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []
