"""Voices by name, those of other packages among them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from robot_behavior.speech import DEFAULT_VOICE, VOICES
from robot_behavior.speech.voice import Voice

CELLO = """
import numpy as np
from robot_behavior.speech.voice import Sound, Voice

class Cello(Voice):
    name, rate = "cello", 16000

    def __init__(self, settings):
        self.seconds = 60.0 / settings.rate_wpm

    def language(self, locale):
        return locale

    def synthesise(self, text, language, prosody, unwanted):
        return Sound(np.zeros(round(self.seconds * self.rate), np.int16), self.rate)
"""
USE = """
from robot_behavior.nodes.speech_node import SpeechParams
from fer_common.settings import fields, read
from robot_behavior.speech import VOICES
params = read(SpeechParams, {"backend": "cello", "rate_wpm": 120})
voice = VOICES.get(params.backend)(params.voice)
assert voice.audible and voice.synthesise("One.", "en", None, None).duration == 0.5
print(*fields(SpeechParams)["backend"].metadata["choices"])
"""


@pytest.mark.parametrize("name", VOICES.built_in)
def test_every_voice_is_found(name: str) -> None:
    assert issubclass(VOICES.get(name), Voice)


def test_the_default_is_one_of_them() -> None:
    assert DEFAULT_VOICE in VOICES


def test_a_voice_of_another_package_can_be_chosen_and_is_made_like_ours(tmp_path: Path) -> None:
    (tmp_path / "orchestra.py").write_text(CELLO)
    info = tmp_path / "orchestra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: orchestra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{VOICES.group}]\ncello = orchestra:Cello\n")
    program = f"import sys; sys.path.append({str(tmp_path)!r}){USE}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*VOICES.built_in, "cello"]
