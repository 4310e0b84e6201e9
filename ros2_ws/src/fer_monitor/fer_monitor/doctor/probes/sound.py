"""Says a sentence into memory, and opens the loudspeaker, as the robot would."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_monitor.doctor.probes.reply import reply

LOCALES = ("en", "zh", "de", "fr", "es")


def work(arguments: Sequence[str]) -> dict[str, Any]:
    """What the voice and the loudspeaker answer.

    Args:
        arguments: path of the ``robot.yaml`` to go by; may be left out.
    """
    from robot_behavior.speech.loudspeaker import Loudspeaker
    from robot_behavior.speech.voice import SpeechError

    settings = _settings(Path(arguments[0]) if arguments else _installed())
    device = str(settings.get("audio_device") or "default")
    answer = {"device": device, "loudspeaker_error": "", **_espeak()}
    try:
        Loudspeaker(device)
    except SpeechError as error:
        answer["loudspeaker_error"] = str(error)
    return {**answer, **_piper(str(settings.get("piper_voice") or ""))}


def _espeak() -> dict[str, Any]:
    from robot_behavior.speech.espeak import EspeakVoice
    from robot_behavior.speech.text import Prosody
    from robot_behavior.speech.voice import SpeechError

    missing: list[str] = []
    try:
        voice = EspeakVoice(160, 100)
        for locale in LOCALES:
            try:
                voice.language(locale)
            except SpeechError:
                missing.append(locale)
        start = time.monotonic()
        sound = voice.synthesise("Hello there.", voice.language("en"), Prosody(), lambda: False)
        took = time.monotonic() - start
        error = "" if sound.samples.any() else "eSpeak NG says nothing"
    except SpeechError as failure:
        error, took = str(failure), 0.0
    return {"voice_error": error, "voice_ms": 1e3 * took, "languages_missing": missing}


def _piper(voice: str) -> dict[str, Any]:
    from robot_behavior.speech.piper import NeuralVoice
    from robot_behavior.speech.voice import SpeechError

    error = ""
    if voice:
        try:
            NeuralVoice([Path(file).expanduser() for file in voice.split(os.pathsep)], 160, 100)
        except SpeechError as failure:
            error = str(failure)
    return {"piper_voice": voice, "piper_error": error}


def _installed() -> Path | None:
    """The installed parameter file, where the workspace is sourced."""
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    try:
        return Path(get_package_share_directory("fer_bringup"), "config", "robot.yaml")
    except PackageNotFoundError:
        return None


def _settings(file: Path | None) -> dict[str, Any]:
    """The parameters of the speech node."""
    import yaml

    if file is None:
        return {}
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    return dict(values["/**/speech_node"]["ros__parameters"])


if __name__ == "__main__":
    reply(work)
