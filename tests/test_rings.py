"""What may import what."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "ros2_ws" / "src"
PACKAGES = ("ec_rfernet", "fer_node", "robot_behavior", "fer_bringup", "fer_monitor")
MIDDLE = (
    "rclpy",
    "ament_index_python",
    "fer_common",
    "fer_interfaces",
    "_msgs",
    "std_srvs",
    "launch",
)


def modules(package: str) -> list[Path]:
    folder = SOURCES / package / package
    return [path for path in sorted(folder.rglob("*.py")) if path.name != "__init__.py"]


def imported_by(*names: str) -> set[str]:
    """All modules in memory after an import, in a fresh process."""
    lines = "\n".join(f"import {name}" for name in names)
    program = f"{lines}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def dotted(package: str, path: Path) -> str:
    return ".".join((package, *path.relative_to(SOURCES / package / package).with_suffix("").parts))


def inner(package: str) -> list[str]:
    """Modules that name nothing of ROS in their imports."""
    found = []
    for path in modules(package):
        lines = [line.split() for line in path.read_text().splitlines()]
        sources = [words[1] for words in lines if words[:1] in (["import"], ["from"])]
        if not any(part in source for source in sources for part in MIDDLE):
            found.append(dotted(package, path))
    return found


def test_the_library_needs_no_ros() -> None:
    names = inner("ec_rfernet")
    assert len(names) == len(modules("ec_rfernet"))
    if find_spec("openvino") is None:  # the only package that is not installed with the others
        names.remove("ec_rfernet.runtimes.open_vino")
    assert "rclpy" not in imported_by(*names)


@pytest.mark.parametrize(
    "names",
    [
        [
            "fer_node.perception.tracker",
            "fer_node.perception.smoother",
            "fer_node.perception.pipeline",
            "fer_node.perception.attention",
        ],
        [
            "robot_behavior.dialogue.policy",
            "robot_behavior.dialogue.arbiter",
            "robot_behavior.dialogue.conductor",
        ],
        ["robot_behavior.motion.library", "robot_behavior.body.figure", "robot_behavior.body.urdf"],
        ["fer_bringup.journal", "fer_bringup.terminal", "fer_bringup.film"],
        ["fer_bringup.clip.make_clip", "fer_bringup.arguments", "fer_bringup.assembly"],
    ],
    ids=lambda names: names[0],
)
def test_pure_logic_needs_no_ros(names: list[str]) -> None:
    assert not {"rclpy", "sensor_msgs"} & imported_by(*names)


def test_the_robot_needs_neither_torch_nor_jax() -> None:
    loaded = imported_by(
        "fer_bringup.robot",
        "fer_bringup.application",
        "fer_node.nodes.fer_node",
        "fer_node.nodes.camera_node",
        "robot_behavior.nodes.behavior_node",
        "robot_behavior.nodes.motion_player",
        "robot_behavior.nodes.speech_node",
        "robot_behavior.nodes.sim_robot",
    )
    assert not {"torch", "jax", "onnx", "skimage", "tensorflow"} & loaded


def test_the_entry_point_loads_nothing_before_it_hears_ctrl_c() -> None:
    assert not {"rclpy", "numpy", "cv2"} & imported_by("fer_bringup.robot")
