"""The viewer over real topics, read back from what a browser gets."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image, JointState, RegionOfInterest
from std_msgs.msg import Header, String

from ec_rfernet.labels import LABELS
from fer_common.qos import EVENTS, LATCHED, STREAM
from fer_common.runner import StartError
from fer_common.testing import spin_until, spinning
from fer_monitor.page_server import HOST
from fer_monitor.viewer.viewer_node import ViewerNode
from fer_node.nodes.messages import to_message

rr = pytest.importorskip("rerun", reason="needs requirements/viewer.txt")

from rerun.chunk import RrdReader  # noqa: E402

from fer_monitor.viewer.screen import POSE  # noqa: E402

EIGHT = (*LABELS, "contempt")
PICTURE = np.full((48, 64, 3), (20, 200, 20), np.uint8)


def viewer(**parameters: object) -> ViewerNode:
    overrides = [Parameter(name, value=value) for name, value in {"port": 0, **parameters}.items()]
    return ViewerNode(parameter_overrides=overrides)


class Visitor:
    """A browser that only collects."""

    def __init__(self, url: str) -> None:
        connection = http.client.HTTPConnection(HOST, int(url.rstrip("/").rsplit(":", 1)[1]))
        connection.request("GET", "/live", headers={"Host": "localhost"})
        self._socket = connection.sock
        self._answer = connection.getresponse()
        self.data = b""
        self._thread = Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        with suppress(ConnectionError):
            while piece := self._answer.read1():
                self.data += piece

    def leave(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which waits in a read
        self._thread.join(5.0)

    def rows(self, file: Path) -> Counter[str]:
        """How many rows there are by entity."""
        found: Counter[str] = Counter()
        data = self.data
        while len(data) >= 4 and len(data) >= (end := 4 + int.from_bytes(data[:4], "big")):
            file.write_bytes(data[4:end])
            data = data[end:]
            for chunk in RrdReader(file).stream():
                found[chunk.entity_path] += 0 if chunk.is_static else chunk.num_rows
        return found


@contextmanager
def stage(image_type: type = Image, topic: str = "image", **parameters: object) -> Iterator:
    """A viewer, a robot that publishes, and someone who looks."""
    with spinning(lambda: viewer(**parameters), lambda: Node("robot")) as (executor, nodes):
        node, robot = nodes
        assert isinstance(node, ViewerNode)
        publishers = {
            "image": robot.create_publisher(image_type, topic, STREAM),
            "emotions": robot.create_publisher(EmotionArray, "emotions", EVENTS),
            "emotion": robot.create_publisher(Emotion, "emotion", EVENTS),
            "joints": robot.create_publisher(JointState, "joint_states", STREAM),
        }
        yield executor, node, robot, publishers


HEAD = f"{POSE}/head_yaw_joint"


def happy(header: Header) -> Emotion:
    return Emotion(
        header=header,
        face_id="anna",
        label="happy",
        confidence=0.9,
        labels=EIGHT,
        probabilities=[0.0, 0.0, 0.0, 0.8, 0.0, 0.0, 0.1, 0.1],
        valence=0.7,
        arousal=0.4,
        roi=RegionOfInterest(x_offset=10, y_offset=10, width=20, height=20),
    )


def image_of(header: Header) -> EmotionArray:
    return EmotionArray(
        header=header,
        image_width=64,
        image_height=48,
        labels=EIGHT,
        attended="anna",
        emotions=[happy(header)],
    )


def test_all_that_is_published_reaches_the_browser(tmp_path: Path) -> None:
    with stage() as (executor, node, robot, publishers):
        state = robot.create_publisher(BehaviorState, "behavior_state", LATCHED)
        speech = robot.create_publisher(String, "speech", EVENTS)
        both = (state, speech)
        assert spin_until(executor, lambda: all(p.get_subscription_count() for p in both))
        state.publish(BehaviorState(state="attending", reason="happy for 0.1 s of 0.8 s"))
        speech.publish(String(data="Hello!"))

        visitor = Visitor(node.url)
        assert spin_until(
            executor, lambda: all(p.get_subscription_count() for p in publishers.values())
        )
        expected = {
            "/camera/picture",
            "/camera/faces",
            "/expression/happy",
            "/expression/contempt",
            "/mood/valence",
            "/latency",
            "/rate",
            "/log/behaviour",
            "/log/voice",
            "/now",
            HEAD,
        }
        step = 0
        rows: Counter[str] = Counter()

        def publish() -> bool:
            nonlocal step, rows
            step += 1
            header = Header(stamp=robot.get_clock().now().to_msg(), frame_id="camera")
            publishers["image"].publish(to_message(PICTURE, header))
            publishers["emotions"].publish(image_of(header))
            publishers["emotion"].publish(happy(header))
            positions = JointState(name=["head_yaw_joint"], position=[0.01 * (step % 80)])
            publishers["joints"].publish(positions)
            if step % 40 == 0:
                rows = visitor.rows(tmp_path / "a.rrd")
            return expected <= set(+rows)

        assert spin_until(executor, publish), rows
        assert rows[HEAD] > 3
        assert rows["/camera/picture"] > 1
        visitor.leave()


def test_nothing_is_received_while_nobody_looks() -> None:
    with stage() as (executor, node, _robot, publishers):
        heavy = publishers.values()
        visitor = Visitor(node.url)
        assert spin_until(executor, lambda: all(p.get_subscription_count() for p in heavy))
        visitor.leave()
        assert spin_until(executor, lambda: not any(p.get_subscription_count() for p in heavy))


def test_takes_compressed_images_and_survives_damaged_ones(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", PICTURE)[1].tobytes()
    kind = {"image_type": CompressedImage, "topic": "image/compressed"}
    with stage(**kind, image_transport="compressed") as (executor, node, robot, publishers):
        visitor = Visitor(node.url)
        count = publishers["image"].get_subscription_count
        assert spin_until(executor, count)

        def publish() -> bool:
            for data in (b"no picture", b"\x89PNG\r\n\x1a\n", jpeg):
                header = Header(stamp=robot.get_clock().now().to_msg())
                publishers["image"].publish(CompressedImage(header=header, data=data))
            return jpeg in visitor.data or b"/camera/picture" in visitor.data

        assert spin_until(executor, publish)
        visitor.leave()


def test_a_port_in_use_is_one_line() -> None:
    with spinning(viewer) as (_, (first,)):
        port = int(first.url.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(StartError, match=f"'port' is {port}.*in use") as error:
            viewer(port=port)
        assert "\n" not in str(error.value)


def test_a_browser_without_a_display_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with spinning(), pytest.raises(StartError, match="'open_browser' is true.*no display"):
        viewer(open_browser=True)


def test_rerun_switched_off_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RERUN", "off")
    with spinning(), pytest.raises(StartError, match="RERUN is 'off'.*unset it"):
        viewer()


@pytest.mark.parametrize("arguments", [["port:=70000"], ["urdf:=/no/such.urdf"], ["port:=x"]])
def test_bad_parameters_end_with_one_line_and_exit_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    _, error = done.communicate(timeout=120)
    assert done.returncode == 2
    assert len(error.strip().splitlines()) == 1 and "Traceback" not in error


def test_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = run("port:=0", home=tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if "http://127.0.0.1:" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 0
    left = [path for path in tmp_path.rglob("*") if path.is_file() and ".ros" not in path.parts]
    assert left == []  # in the user's home


def run(*parameters: str, home: Path | None = None) -> subprocess.Popen[str]:
    program = "import sys; from fer_monitor.executables import viewer_node; "
    command = [sys.executable, "-c", program + "sys.exit(viewer_node())", "--ros-args"]
    for parameter in parameters:
        command += ["-p", parameter]
    environment = {**os.environ, **({"HOME": str(home)} if home else {})}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


def test_the_node_can_be_loaded_without_it() -> None:
    """So that it can tell what to install."""
    program = "import fer_monitor.viewer.viewer_node, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "rerun" not in done.stdout.split()


def test_says_when_rerun_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fer_monitor.viewer.screen", "fer_monitor.viewer.server"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rerun", None)
    with spinning(), pytest.raises(StartError, match=r"needs rerun-sdk.*scripts/setup\.sh viewer"):
        viewer()
