"""The examples of docs/extending.md: a package outside of the workspace, used as the page says."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import pytest
from ament_index_python.packages import get_package_prefix

from ec_rfernet.labels import LABELS
from tests.processes import Process, wait_for

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
BLOCK = re.compile(r"^```(?:toml|python|yaml) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EIGHT = (*LABELS, "contempt")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the page's files, the package among them installed beside them."""
    folder = tmp_path_factory.mktemp("extending")
    for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        file = folder / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    command = [*pip, *offline, "--target", str(folder / "installed"), str(folder / "source")]
    subprocess.run(command, check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def environment(package: Path) -> dict[str, str]:
    paths = [str(package / "installed"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture
def arm() -> Iterator[socket.socket]:
    """The board of the arm: what it is told arrives here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as board:
        board.bind(("127.0.0.1", 0))
        board.setblocking(False)
        yield board


def told(board: socket.socket) -> list[Mapping[str, float]]:
    messages = []
    while True:
        try:
            messages.append(json.loads(board.recv(4096)))
        except BlockingIOError:
            return messages


def test_every_name_is_known_everywhere(environment: Mapping[str, str]) -> None:
    program = (
        "from robot_behavior.robots import ROBOTS\n"
        "from robot_behavior.speech import VOICES\n"
        "from ec_rfernet.faces import DETECTORS\n"
        "from fer_bringup.arguments import ARGUMENTS\n"
        "choices = {argument.name: argument.choices for argument in ARGUMENTS}\n"
        "assert 'my_arm' in ROBOTS and 'my_arm' in choices['robot']\n"
        "assert 'beeps' in VOICES and 'beeps' in choices['speech']\n"
        "assert 'passport' in DETECTORS\n"
    )
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)


def test_the_robot_runs_with_all_of_it(
    package: Path, environment: Mapping[str, str], arm: socket.socket, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="a model with eight labels is trained here")
    pytest.importorskip("onnx", reason="a model with eight labels is exported here")
    from ec_rfernet.testing import picture, tiny_bundle

    model = tiny_bundle(tmp_path / "tiny", EIGHT)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    size = round(480 * 0.6)
    scene = cv2.resize(picture(EIGHT.index("contempt"), len(EIGHT)), (size, size))
    border = (480 - size) // 2
    scene = cv2.copyMakeBorder(scene, *[border] * 4, cv2.BORDER_CONSTANT, value=120)
    cv2.imwrite(str(pictures / "contempt.png"), scene)
    for name in ("my_robot.yaml", "my_behaviors.yaml"):
        text = (package / "source" / name).read_text()
        text = text.replace("5005", str(arm.getsockname()[1]))
        (tmp_path / name).write_text(text.replace("my_behav", f"{tmp_path}/my_behav"))
    settings = tmp_path / "my_robot.yaml"
    settings.write_text(
        settings.read_text() + "/**/camera_node:\n  ros__parameters: {period: 60.0, loop: true}\n"
    )
    robot = Process(
        [
            str(Path(get_package_prefix("fer_bringup"), "lib", "fer_bringup", "robot")),
            *("--robot", "my_arm", "--speech", "beeps", "--model", str(model.folder)),
            *("--camera", str(pictures), "--params_file", str(settings), "--view", "lines"),
        ],
        environment,
    )
    try:
        robot.wait_for("You do not look convinced.")
        wait_for(lambda: any(abs(p["head_yaw_joint"]) > 0.05 for p in told(arm)), "the arm")
        robot.interrupt()
        assert robot.end() == 0, robot.output
        assert "Traceback" not in robot.output
    finally:
        robot.kill()
