"""The container: what its files promise, and, where there is root and debootstrap, that it runs.

    CONTAINER_FOLDER=/var/tmp/robot python -m pytest tests/test_container.py

builds the image there by the steps of the Dockerfile (3 GB, minutes), and runs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.container import COMPOSE, DOCKERFILE, ROOT, build, context, ignored, read, service

STAGES = read(DOCKERFILE.read_text())
FIRST, LAST = STAGES[0], STAGES[-1]


def test_a_dockerfile_is_read() -> None:
    text = """
# a comment
FROM debian:13-slim AS build
RUN one \\
    # said in between
    && two
COPY --from=other /a /b
FROM debian:13-slim
ENV A=1 B="two words"
CMD ["x", "y z"]
"""
    build, last = read(text)
    assert (build.base, build.name, last.name) == ("debian:13-slim", "build", None)
    assert build.last("RUN").text == "one && two"
    assert build.last("COPY").flags == {"from": "other"}
    assert build.last("COPY").words == ["/a", "/b"]
    assert last.variables() == {"A": "1", "B": "two words"}
    assert last.last("CMD").words == ["x", "y z"]


@pytest.mark.parametrize("line", ["ADD http://x /x", "RUN <<EOF", "RUN too soon"])
def test_what_is_not_understood_is_refused(line: str) -> None:
    before = "" if "soon" in line else "FROM debian:13-slim\n"
    with pytest.raises(ValueError, match="not understood"):
        read(f"{before}{line}\n")


def test_the_context_is_what_docker_would_take(tmp_path: Path) -> None:
    for name in ("a/keep.py", "a/test/x.py", "a/b/__pycache__/x.pyc", "secret", "c/d/keep", "c/e"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    patterns = ["*", "!a", "!c/d", "**/test", "**/__pycache__"]
    assert sorted(map(str, context(tmp_path, patterns))) == ["a/keep.py", "c/d/keep"]


def test_the_image_is_a_release_and_nobody_is_root() -> None:
    for stage in STAGES:
        assert re.fullmatch(r"debian:\d+-slim", stage.base)
        for step in stage.steps:
            if step.name == "RUN" and "apt-get" in step.text:
                assert "--no-install-recommends" in step.text
                assert "rm -rf /var/lib/apt/lists/*" in step.text
    user = LAST.last("USER").text
    assert user not in ("root", "0")
    runs = " ".join(step.text for step in LAST.steps if step.name == "RUN")
    assert f"useradd --create-home --uid 1000 --groups audio,video {user}" in runs
    after = LAST.steps[LAST.steps.index(LAST.last("USER")) :]
    assert not [step for step in after if step.name in ("RUN", "COPY", "USER")][1:]


def test_it_is_set_up_as_anywhere_else_and_without_tools_to_build() -> None:
    assert "scripts/setup.sh robot" in FIRST.last("RUN").text
    tools = [step.text for step in LAST.steps if step.name == "RUN"]
    assert not re.search(r"g\+\+|-dev\b|make\b", " ".join(tools))
    assert LAST.last("COPY").flags == {"from": FIRST.name}


def test_the_clip_is_in_the_image() -> None:
    place = LAST.last("WORKDIR").text
    assert FIRST.last("WORKDIR").text == place
    cache = FIRST.variables()["XDG_CACHE_HOME"]
    assert LAST.variables()["XDG_CACHE_HOME"] == cache and cache.startswith(f"{place}/")


def test_nothing_private_goes_into_the_image() -> None:
    patterns = ignored(ROOT)
    taken = set(map(str, context(ROOT, patterns)))
    for needed in (
        "scripts/setup.sh", "scripts/env.sh", "models/ec_rfernet/bundle.json",
        "ros2_ws/src/fer_models", "ros2_ws/src/fer_bringup/setup.py",
    ):  # fmt: skip
        assert needed in taken
    tops = {path.split("/")[0] for path in taken}
    assert tops == {"models", "requirements", "ros2_ws", "scripts"}
    for private in (
        ".git/",
        ".venv/",
        "demo_output/",
        "bench_output/",
        "runs/",
        "ros2_ws/install/",
    ):
        assert not [path for path in taken if path.startswith(private)]
    assert not [path for path in taken if "/test/" in path or path.endswith(".pyc")]


@pytest.mark.parametrize("name", ["robot", "live"])
def test_a_service_has_no_rights(name: str) -> None:
    robot = service(name)
    assert robot["network_mode"] == "none" and "ports" not in robot
    assert robot["read_only"] is True and robot["tmpfs"] == ["/tmp"]
    assert robot["cap_drop"] == ["ALL"] and "cap_add" not in robot
    assert robot["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in robot and "pid" not in robot and "ipc" not in robot
    assert str(robot["user"]).startswith("${ROBOT_UID:-1")


def test_only_the_live_robot_has_devices() -> None:
    assert "devices" not in service("robot")
    live = service("live")
    assert live["devices"] == ["/dev/video0", "/dev/snd"] and live["profiles"] == ["live"]
    assert live["group_add"] == ["audio", "video"]


def test_compose_and_dockerfile_fit_together() -> None:
    robot = service("robot")
    assert (COMPOSE.parent / robot["build"]["context"]).resolve() == ROOT
    assert ROOT / robot["build"]["dockerfile"] == DOCKERFILE
    (volume,) = robot["volumes"]
    folder = robot["command"][robot["command"].index("--video") + 1]
    assert volume["target"] == f"{LAST.last('WORKDIR').text}/{folder}"
    assert volume["type"] == "bind" and volume["bind"] == {"create_host_path": False}
    assert LAST.last("ENTRYPOINT").words[0] == "bash"
    text = COMPOSE.read_text()
    for name in yaml.safe_load(text)["services"]:
        assert f"run --build --rm {name}" in text


FOLDER = os.environ.get("CONTAINER_FOLDER")
can_build = pytest.mark.skipif(
    not FOLDER or os.geteuid() != 0 or shutil.which("debootstrap") is None,
    reason="CONTAINER_FOLDER names no folder to build in, or there is no root or debootstrap",
)


@pytest.fixture(scope="module")
def image() -> Path:
    assert FOLDER is not None
    return build(Path(FOLDER)).parent


@can_build
@pytest.mark.parametrize("user", [[], ["--user", "12345"]], ids=["user of the image", "-u 12345"])
def test_it_records_its_demo(image: Path, user: list[str]) -> None:
    shutil.rmtree(image / "demo_output", ignore_errors=True)
    command = [sys.executable, "-m", "tests.container", str(image), "--built", *user]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    made = sorted(path.name for path in (image / "demo_output").iterdir())
    assert made == ["demo.mp4", "demo.png", "speech.wav", "summary.json"]
    summary = json.loads((image / "demo_output" / "summary.json").read_text())
    assert summary["frames"] > 100 and summary["answers"]
