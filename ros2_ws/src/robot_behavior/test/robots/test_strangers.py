"""Packages of others that are broken: one sentence for the user, and nobody else is harmed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MODULE = """
from dataclasses import dataclass
from robot_behavior.robots import Robot, RobotNode
from robot_behavior.robots.backend import JointDriver, LinkHealth
from robot_behavior.speech.voice import Voice
from fer_common.settings import setting

def raises(*arguments):
    raise RuntimeError("two\\nlines")

NONSENSE = 42

@dataclass(frozen=True)
class Clash:
    urdf: str = setting("", "The bridge has it, too.")

class Fails(JointDriver):
    limits = property(lambda self: self._limits)
    problem = property(lambda self: None)
    health = property(lambda self: LinkHealth("nothing"))
    def __init__(self, node, model, settings):
        self._limits = {"head_yaw_joint": model.limits["head_yaw_joint"]}
    def update(self):
        raise OSError("unplugged")
    def move(self, positions): ...
    def stop(self): ...
    def release(self): ...
    def close(self): ...

class Mute(Voice):
    name, rate = "mute", 16000
    def __init__(self, settings): ...
    def language(self, locale):
        if locale == "de":
            raise KeyError(locale)
        return locale
    def synthesise(self, text, language, prosody, unwanted):
        raise RuntimeError("no sound")

constructor = Robot("100% of a robot", driver="strange:raises")
module = Robot("a robot", driver="nowhere.strange:Driver")
colon = Robot("a robot", driver="strange.Driver")
clash = Robot("a robot", driver="strange:raises", settings=Clash)
fails = Robot("a robot", driver="strange:Fails")
argument = Robot("a robot", driver="strange:Fails", arguments=("nope",))
node = Robot("a robot", node=RobotNode("strange", "strange:Nowhere"))
"""
ROBOTS = ("constructor", "module", "colon", "clash", "fails", "argument", "node")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment with such packages."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "strange.py").write_text(MODULE)
    (folder / "leaves.py").write_text("raise SystemExit('needs another Python')\n")
    info = folder / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    lines = ["[robot_behavior.robots]", "number = strange:NONSENSE", "leaves = leaves:ROBOT"]
    lines += [f"{name} = strange:{name}" for name in ROBOTS]
    lines += ["[robot_behavior.voices]", "raising = strange:raises", "mute = strange:Mute"]
    lines += ["number = strange:NONSENSE", "[ec_rfernet.detectors]", "raising = strange:raises"]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(strangers: dict[str, str], program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env=strangers, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def bridge(robot: str) -> str:
    return (
        f"import sys; sys.argv += ['--ros-args', '-p', 'robot:={robot}']\n"
        "from robot_behavior.nodes.executables import robot_bridge; sys.exit(robot_bridge())"
    )


def test_the_names_of_all_others_still_work(strangers: dict[str, str]) -> None:
    program = (
        "from pathlib import Path\n"
        "from fer_bringup.arguments import read\n"
        "try:\n    read(['--help'], Path('x'))\nexcept SystemExit as end:\n    print(end.code)\n"
    )
    done = run(strangers, program)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert "100% of a robot" in done.stdout and done.stdout.strip().endswith("0")


@pytest.mark.parametrize(
    ("robot", "complaint"),
    [
        ("number", "which is no robot: int"),
        ("leaves", "which cannot be imported: SystemExit: needs another Python"),
        ("constructor", "the driver of robot 'constructor': RuntimeError: two lines"),
        ("module", "driver nowhere.strange:Driver cannot be imported: ModuleNotFoundError"),
        ("colon", "driver strange.Driver cannot be imported"),
        ("clash", "robot 'clash' has settings of the bridge: urdf"),
    ],
)
def test_a_robot_that_cannot_be_made_is_one_sentence(
    strangers: dict[str, str], robot: str, complaint: str
) -> None:
    done = run(strangers, bridge(robot))
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("robot", "complaint"),
    [
        ("argument", "robot 'argument' asks for no argument: nope"),
        ("node", "node strange:Nowhere cannot be imported"),
    ],
)
def test_a_robot_that_does_not_fit_the_bringup_is_one_sentence(
    strangers: dict[str, str], robot: str, complaint: str
) -> None:
    program = (
        "import sys; sys.argv = ['robot', '--camera', 'none', '--speech', 'log', '--view', 'none',"
        f" '--robot', '{robot}']\nfrom fer_bringup.robot import main; sys.exit(main())"
    )
    done = run(strangers, program)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr and "Traceback" not in done.stderr


def test_a_driver_that_fails_while_it_runs_does_not_end_the_bridge(
    strangers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import rclpy\n"
        "from rclpy.executors import SingleThreadedExecutor\n"
        "from rclpy.parameter import Parameter\n"
        "from robot_behavior.nodes.robot_bridge import RobotBridge\n"
        "rclpy.init()\n"
        "node = RobotBridge(parameter_overrides=[Parameter('robot', value='fails')])\n"
        "executor = SingleThreadedExecutor(); executor.add_node(node)\n"
        "for _ in range(20): executor.spin_once(0.1)\n"
        "node.destroy_node(); rclpy.shutdown(); print('goes on')\n"
    )
    done = run(strangers, program)
    assert done.returncode == 0 and done.stdout.strip() == "goes on", done.stderr
    assert "the driver failed: OSError: unplugged" in done.stderr


@pytest.mark.parametrize(
    ("voice", "complaint"),
    [("raising", "voice 'raising': RuntimeError: two lines"), ("number", "is no voice: int")],
)
def test_a_voice_that_cannot_be_made_is_one_sentence(
    strangers: dict[str, str], voice: str, complaint: str
) -> None:
    program = (
        f"import sys; sys.argv += ['--ros-args', '-p', 'backend:={voice}']\n"
        "from robot_behavior.nodes.executables import speech_node; sys.exit(speech_node())"
    )
    done = run(strangers, program)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr and "Traceback" not in done.stderr


def test_a_voice_that_fails_is_told_each_time(strangers: dict[str, str]) -> None:
    program = (
        "from fer_common.testing import until\n"
        "from robot_behavior.speech import VOICES\n"
        "from robot_behavior.speech.speaker import Speaker\n"
        "from robot_behavior.speech.voice import VoiceSettings\n"
        "speaker = Speaker(VOICES.make('mute', VoiceSettings()), None, None, print)\n"
        "for text in ('one', 'two'):\n"
        "    said = speaker.say(text, 'en')\n"
        "    assert until(lambda: said.is_over)\n"
        "    print(said.error)\n"
        "speaker.close()\n"
    )
    done = run(strangers, program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the voice failed: RuntimeError: no sound"] * 2


def test_a_detector_that_cannot_be_made_is_one_sentence(strangers: dict[str, str]) -> None:
    done = run(
        strangers,
        "import ec_rfernet\n"
        "try:\n    ec_rfernet.load(detector='raising')\n"
        "except ec_rfernet.InputError as error:\n    print(error)\n",
    )
    assert done.stdout.strip() == "detector 'raising': RuntimeError: two lines", done.stderr
