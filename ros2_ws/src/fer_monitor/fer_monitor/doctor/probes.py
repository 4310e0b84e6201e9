"""Things to try out in the robot's own interpreter, each in a process of its own.

``python -m fer_monitor.doctor.probes NAME SECONDS ...`` prints a line of JSON. A crash, or a
driver that hangs, is that process's alone; it ends itself when its time is up.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import importlib
import importlib.metadata
import json
import math
import os
import signal
import statistics
import struct
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str]) -> None:
    """Runs one probe and prints what came of it.

    Args:
        arguments: name of the probe, time limit in seconds, and what it is given.
    """
    name, limit_s, *rest = arguments
    signal.alarm(math.ceil(float(limit_s)) + 1)  # also when nobody is left to end it
    try:
        values = PROBES[name](*rest)
    except ImportError as error:
        values = {"missing": _line(error)}
    except Exception as error:  # of whatever kind: the doctor says it
        values = {"error": f"{type(error).__name__}: {_line(error)}"}
    print(f"\n{json.dumps(values)}", flush=True)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def imports(*names: str) -> dict[str, Any]:
    """The errors by name of the module; a module that kills the process is named beforehand."""
    errors: dict[str, str] = {}
    for name in names:
        crash = {**errors, name: "importing it killed the process (a processor too old for it?)"}
        print(json.dumps({"errors": crash}), flush=True)
        try:
            importlib.import_module(name)
        except Exception as error:  # of whatever kind a broken package raises
            errors[name] = f"{type(error).__name__}: {_line(error)}"[:200]
    return {"errors": errors}


def versions(*names: str) -> dict[str, Any]:
    """What is installed of each distribution; None where it is missing."""
    found: dict[str, str | None] = dict.fromkeys(names)
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return {"versions": found}


def requirements(*files: str) -> dict[str, Any]:
    """What requirement files ask for that is not there, or is there in another version."""
    from packaging.requirements import Requirement

    count, absent, others = 0, [], []
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            text = line.partition("#")[0].partition(" --")[0].strip()
            asked = Requirement(text) if text else None
            if asked is None or (asked.marker is not None and not asked.marker.evaluate()):
                continue
            count += 1
            version = versions(asked.name)["versions"][asked.name]
            if version is None:
                absent.append(asked.name)
            elif version not in asked.specifier:
                others.append(f"{asked.name} is {version}, expected {asked.specifier}")
    return {"count": count, "absent": absent, "others": others}


def registries() -> dict[str, Any]:
    """What other packages have registered for the robot, and which robots have a serial port."""
    from ec_rfernet.errors import InputError
    from ec_rfernet.faces import DETECTORS
    from ec_rfernet.runtimes import RUNTIMES
    from robot_behavior.robots import ROBOTS
    from robot_behavior.speech import VOICES

    foreign, errors, with_port = [], [], []
    for registry in (DETECTORS, RUNTIMES, VOICES, ROBOTS):
        for name in registry.names:
            if name not in registry.built_in:
                foreign.append(f"{registry.kind} {name}")
            elif registry is not ROBOTS:
                continue
            try:
                if "port" in getattr(registry.get(name), "arguments", ()):
                    with_port.append(name)
            except InputError as error:
                errors.append(_line(error))
    return {"foreign": foreign, "errors": errors, "with_port": with_port}


def unitree() -> dict[str, Any]:
    """The interfaces on which a G1 may be, none without its maker's SDK."""
    import socket

    from ec_rfernet.errors import InputError
    from robot_behavior.robots.unitree_g1.link import sdk

    try:
        sdk()
    except InputError:
        return {"interfaces": []}
    return {"interfaces": [name for _, name in socket.if_nameindex()]}


# ROS.


def ros() -> dict[str, Any]:
    """Starts ROS and stops it again; version and middleware, and who could reach the robot.

    ``open``: None where nobody outside this machine can, or it cannot be told yet.
    """
    from rclpy.utilities import get_rmw_implementation_identifier

    told = None
    with _node("fer_doctor"):
        from ament_index_python.packages import PackageNotFoundError

        from fer_common.runner import OPEN, why_open

        with contextlib.suppress(PackageNotFoundError):  # not built yet
            told = (reason := why_open()) and f"{OPEN}: {reason}"
    own, wheel = versions("rclpy", "ros-rclpy")["versions"].values()
    version = own or wheel or "of unknown version"
    if wheel and wheel != version:  # a wheel of PyPI may hold an earlier rclpy
        version = f"{version} in ros-rclpy {wheel}"
    return {"rclpy": version, "rmw": get_rmw_implementation_identifier(), "open": told}


_WIDTH, _HEIGHT, _RATE_HZ, _ENOUGH = 640, 480, 30.0, 20
_LISTEN_S, _TALK_S = 4.5, 5.0
_HEARD_S = 0.5  # the last listener is gone for so long: it has heard enough


@contextlib.contextmanager
def _node(name: str) -> Any:
    import rclpy
    from ament_index_python.packages import PackageNotFoundError

    from fer_common.runner import make_room_for_logs, set_up_dds

    with contextlib.suppress(PackageNotFoundError):  # not built yet; ROS's own settings will do
        set_up_dds()
    make_room_for_logs()
    rclpy.init()
    node = rclpy.create_node(name)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown()


def talk(topic: str) -> dict[str, Any]:
    """Sends pictures until the listener has left."""
    start = time.monotonic()
    with _node("fer_doctor_talk") as node:
        from sensor_msgs.msg import Image

        from fer_common.qos import STREAM

        publisher = node.create_publisher(Image, topic, STREAM)
        data = array.array("B", bytes(3 * _WIDTH * _HEIGHT))
        message = Image(width=_WIDTH, height=_HEIGHT, encoding="bgr8", step=3 * _WIDTH, data=data)
        count, was_heard = 0, 0.0
        while time.monotonic() - start < _TALK_S:
            now = time.monotonic()
            if publisher.get_subscription_count():
                was_heard = now
            elif was_heard and now - was_heard > _HEARD_S:
                break
            # Both processes read the same monotonic clock.
            message.data[:8] = array.array("B", struct.pack("d", now))
            publisher.publish(message)
            count += 1
            time.sleep(1 / _RATE_HZ)
    return {"count": count}


def listen(topic: str) -> dict[str, Any]:
    """Times the pictures that come: when the first one came, and how old they were."""
    start, arrivals, ages = time.monotonic(), [], []
    with _node("fer_doctor_listen") as node:
        import rclpy
        from sensor_msgs.msg import Image

        from fer_common.qos import NEWEST

        def hear(message: Any) -> None:
            arrivals.append(time.monotonic())
            ages.append(arrivals[-1] - struct.unpack("d", bytes(message.data[:8]))[0])

        node.create_subscription(Image, topic, hear, NEWEST)
        while len(ages) < _ENOUGH and time.monotonic() - start < _LISTEN_S:
            rclpy.spin_once(node, timeout_sec=0.1)
    if not ages:
        return {"count": 0}
    first_s, median_ms = arrivals[0] - start, 1e3 * statistics.median(ages)
    return {"count": len(ages), "first_s": first_s, "median_ms": median_ms}


# A camera.

_QUERYCAP, _SIZE = 0x80685600, 104  # VIDIOC_QUERYCAP and its struct v4l2_capability
_CAPTURE, _DEVICE_CAPS = 0x1, 0x80000000
_LOOK_S, _MOST = 1.2, 40
_SETTLED = 3  # pictures until the exposure has settled somewhat


def camera(index: str) -> dict[str, Any]:
    """Looks through a Video4Linux camera for a moment; the picture stays in memory."""
    node = Path(f"/dev/video{index}")
    if not _captures(str(node)):
        return {"kind": "other"}
    import cv2

    from fer_node.camera.webcam import open_device

    device = open_device(node, 640, 480, 30.0)
    if device is None:
        return {"kind": "capture", "width": 0}
    try:
        return {"kind": "capture", **look(device, cv2.meanStdDev)}
    finally:
        device.release()


def look(
    device: Any, statistics: Callable[[Any], Any], clock: Callable[[], float] = time.monotonic
) -> dict[str, Any]:
    """Size, rate and brightness of what a device gives.

    Args:
        device: a ``cv2.VideoCapture``.
        statistics: mean and standard deviation of a picture's channels, ``cv2.meanStdDev``.
        clock: monotonic, seconds.
    """
    picture, count, start = None, 0, clock()
    while count < _MOST and clock() - start < _LOOK_S:
        found, frame = device.read()
        if not found:
            break
        picture, count = frame, count + 1
        if count == _SETTLED:
            start = clock()
    if picture is None:
        return {"width": 0}
    timed, took_s = count - _SETTLED, clock() - start
    mean, spread = statistics(picture)
    return {
        "width": picture.shape[1],
        "height": picture.shape[0],
        "rate": timed / took_s if timed > 0 and took_s > 0 else 0.0,
        "mean": float(mean.mean()),
        "spread": float(spread.mean()),
    }


def _captures(name: str) -> bool:
    """Whether a device gives pictures; webcams have another one for metadata."""
    answer = bytearray(_SIZE)
    descriptor = os.open(name, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, _QUERYCAP, answer)
    finally:
        os.close(descriptor)
    capabilities, of_device = struct.unpack_from("II", answer, 84)
    return bool((of_device if capabilities & _DEVICE_CAPS else capabilities) & _CAPTURE)


# The voice and the loudspeaker.

LOCALES = ("en", "zh", "de", "fr", "es")


def sound(parameters: str | None = None) -> dict[str, Any]:
    """Makes the voices, lets the usual one say a sentence, and opens the loudspeaker.

    Args:
        parameters: the ``robot.yaml`` to go by; None for the installed one.
    """
    from ec_rfernet.errors import InputError
    from robot_behavior.prosody import Prosody
    from robot_behavior.speech import DEFAULT_VOICE, VOICES
    from robot_behavior.speech.loudspeaker import Loudspeaker
    from robot_behavior.speech.piper import installed_voices
    from robot_behavior.speech.voice import SpeechError, VoiceSettings

    def error_of(work: Callable[[], object]) -> str | None:
        try:
            work()
        except (SpeechError, InputError) as error:
            return str(error)
        return None

    missing: list[str] = []
    took_s = 0.0
    told: dict[str, str | None] = {"voice": None, "better_voice": None, "piper_voice": None}

    def speak() -> None:
        nonlocal took_s
        voice = VOICES.get(DEFAULT_VOICE)(settings)
        missing.extend(name for name in LOCALES if error_of(partial(voice.language, name)))
        language = voice.language("en" if error_of(partial(voice.language, locale)) else locale)
        told.update(voice=voice.described(language), better_voice=voice.better(language))
        start = time.monotonic()
        sound = voice.synthesise("Hello there.", language, Prosody(), lambda: False)
        took_s = time.monotonic() - start
        if not sound.samples.any():
            raise SpeechError("eSpeak NG says nothing")

    given = _speech_parameters(parameters)
    locale = str(given.get("locale") or "en")
    names = VoiceSettings.__dataclass_fields__.keys() & given.keys()
    settings = VoiceSettings(**{name: given[name] for name in names})
    device = str(given.get("audio_device") or "default")
    chosen = bool(settings.piper_voice) or given.get("backend") == "piper"
    if chosen or any(installed_voices()):
        told["piper_voice"] = settings.piper_voice or "the installed voice"

    def speak_like_people() -> None:
        voice = VOICES.get("piper")(settings)
        language = voice.language(locale)
        told["piper_voice"] = voice.described(language)
        if chosen:  # to open its network takes seconds
            voice.synthesise("Hello there.", language, Prosody(), lambda: False)
        for remark in voice.remarks:
            raise SpeechError(remark)

    return told | {
        "voice_error": error_of(speak),
        "voice_ms": 1e3 * took_s,
        "languages_missing": missing,
        "device": device,
        "loudspeaker_error": error_of(lambda: Loudspeaker(device)),
        "piper_error": error_of(speak_like_people) if told["piper_voice"] else None,
    }


def _speech_parameters(file: str | None) -> dict[str, Any]:
    """Those of the speech node."""
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    from ec_rfernet.files import read_yaml

    try:
        path = file or Path(get_package_share_directory("fer_bringup"), "config", "robot.yaml")
    except PackageNotFoundError:  # not built yet; the node's own settings will do
        return {}
    values = read_yaml(Path(path))
    return dict(values["/**/speech_node"]["ros__parameters"])


# A face.


def face(bundle_folder: str) -> dict[str, Any]:
    """Times what the robot does with one face, with the runtime that was chosen here."""
    import numpy as np

    from ec_rfernet import bundle as bundles
    from ec_rfernet.benchmark.timing import TimingSettings, measure
    from ec_rfernet.faces import DETECTORS
    from ec_rfernet.runtimes import open_classifier

    bundle = bundles.load(Path(bundle_folder))
    classifier, detector = open_classifier(bundle), DETECTORS.get(DETECTORS.names[0])(0.5)
    noise = np.random.default_rng(0)
    face = noise.integers(0, 256, (1, bundle.input_size, bundle.input_size), np.uint8)
    picture = noise.integers(0, 256, (480, 640, 3), np.uint8)
    works = {
        "face_ms": lambda: classifier.probabilities(face),
        "find_ms": lambda: detector.detect(picture),
    }
    timings = measure(works, TimingSettings(rounds=4, turn_s=0.05, most_s=0.8))
    detector.close()
    return {
        "runtime": classifier.runtime,
        "precision": classifier.precision,
        "warning": classifier.warning,
        **{name: 1e3 * timing.median_s for name, timing in timings.items()},
    }


PROBES: dict[str, Callable[..., dict[str, Any]]] = {
    work.__name__: work
    for work in (
        *(imports, versions, requirements, registries, unitree),
        *(ros, talk, listen, camera, sound, face),
    )
}

if __name__ == "__main__":
    main(sys.argv[1:])
