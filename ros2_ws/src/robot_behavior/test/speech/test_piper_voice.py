"""Voices of piper, played by its stand-in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_behavior.prosody import PLAIN, Prosody
from robot_behavior.speech.piper import NeuralVoice
from robot_behavior.speech.voice import SpeechError, VoiceSettings

MOCK = "ros2_ws.src.robot_behavior.test.speech.mock_piper"
Make = Callable[..., Path]


def neural(files: tuple[Path, ...], module: str = "piper", **settings: Any) -> NeuralVoice:
    joined = os.pathsep.join(map(str, files))
    return NeuralVoice(VoiceSettings(piper_voice=joined, **settings), module)


def wanted() -> bool:
    return False


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes the files of a voice."""

    def write(code: str, rate: int = 16000, **changes: Any) -> Path:
        file = tmp_path / f"{code}.onnx"
        file.touch()
        description = {
            "audio": {"sample_rate": rate},
            "espeak": {"voice": code.lower().replace("_", "-")},
            "language": {"code": code},
            "inference": {"length_scale": 1.0},
        } | changes
        Path(f"{file}.json").write_text(json.dumps(description))
        return file

    return write


def test_the_voice_that_speaks_the_language_is_used(make: Make) -> None:
    voice = neural(
        (
            make("en_US"),
            make("de_DE"),
            make("zh_CN"),
        ),
        MOCK,
    )
    assert voice.language("en") == voice.language("en-GB") == "en-us"
    assert voice.language("de-AT") == "de-de" and voice.language("zh") == "zh-cn"
    with pytest.raises(SpeechError, match="no voice speaks 'fr', expected one of de, de-de, en"):
        voice.language("fr")
    assert voice.synthesise("Hello there.", "en-us", PLAIN, wanted).duration > 0.3


def test_its_espeak_finds_its_data_far_down_in_a_project(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / ("x" * 150) / "far_away_piper"
    (package / "espeak-ng-data").mkdir(parents=True)
    (package / "__init__.py").write_text(
        f"from {MOCK} import *\nfrom {MOCK} import PiperVoice as Mock\nfrom pathlib import Path\n"
        "class PiperVoice:\n"
        "    @staticmethod\n"
        "    def load(file, espeak_data_dir):\n"
        "        assert len(espeak_data_dir) < 90 and Path(espeak_data_dir).is_dir()\n"
        "        return Mock.load(file)\n"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    voice = neural((make("en_US"),), package.name)
    assert voice.synthesise("Hello there.", "en-us", PLAIN, wanted).duration > 0.3


def test_an_older_description_names_its_language_for_espeak(make: Make) -> None:
    file = make("en_GB", language={}, espeak={"voice": "cmn"})
    assert neural((file,), MOCK).language("zh-TW") == "zh"


def test_rate_and_volume_are_obeyed(make: Make) -> None:
    file = make("en_US", inference={"length_scale": 1.5})

    def say(wpm: int, volume: int, prosody: Prosody) -> tuple[float, int]:
        voice = neural((file,), MOCK, rate_wpm=wpm, volume=volume)
        sound = voice.synthesise("You look happy.", "en-us", prosody, wanted)
        return sound.duration, int(np.abs(sound.samples).max())

    normal = say(160, 100, PLAIN)
    assert say(320, 50, PLAIN) == pytest.approx((normal[0] / 2, normal[1] / 2), rel=0.01)
    slow = say(160, 100, Prosody(0.8, -2.0, -6.0))
    assert slow == pytest.approx((normal[0] / 0.8, normal[1] / 2), rel=0.01)


def test_it_stops_between_sentences_when_nobody_wants_to_hear_more(make: Make) -> None:
    voice = neural((make("en_US"),), MOCK)
    whole = voice.synthesise("One two. Three four.", "en-us", PLAIN, wanted)
    part = voice.synthesise("One two. Three four.", "en-us", PLAIN, lambda: True)
    assert 0 < part.duration < 0.7 * whole.duration


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"audio": {}}, "is not the description of a piper voice .KeyError: 'sample_rate'"),
        ({"audio": {"sample_rate": 0}}, "sample_rate is 0"),
        ({"inference": {"length_scale": 0}}, "length_scale is 0"),
        ({"phoneme_type": "pinyin"}, "'pinyin', expected espeak or text, which need no network"),
        ({"language": 7}, "is not the description of a piper voice"),
    ],
)
def test_an_unusable_description_is_named(
    make: Make, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SpeechError, match=f"en_US.onnx.json: .*{complaint}|{complaint}"):
        neural((make("en_US", **changes),), MOCK)


def test_files_that_are_missing_or_do_not_go_together_are_named(make: Make) -> None:
    with pytest.raises(SpeechError, match=r"/no/voice.onnx is missing \(parameter piper_voice\)"):
        neural((Path("/no/voice.onnx"),), MOCK)
    with pytest.raises(SpeechError, match="expected one or more voices of the same rate"):
        neural(
            (
                make("en_US"),
                make("de_DE", 22050),
            ),
            MOCK,
        )
    with pytest.raises(SpeechError, match="already a voice for 'en-us'"):
        neural(
            (
                make("en_US"),
                make("en_US"),
            ),
            MOCK,
        )
    Path(f"{make('en_US')}.json").unlink()
    with pytest.raises(SpeechError, match=r"en_US.onnx.json is missing"):
        neural((make("de_DE").with_name("en_US.onnx"),), MOCK)


def test_a_missing_piper_says_what_to_install(make: Make) -> None:
    with pytest.raises(SpeechError, match="pip install piper-tts.*backend:=espeak"):
        neural((make("en_US"),), "no_such_piper")


def test_a_file_that_is_no_network_is_named(make: Make) -> None:
    pytest.importorskip("piper", reason="piper-tts is not installed")
    with pytest.raises(SpeechError, match=r"en_US.onnx: is not a piper voice"):
        neural((make("en_US"),))
