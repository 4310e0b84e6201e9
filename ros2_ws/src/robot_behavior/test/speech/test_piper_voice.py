"""Voices of piper: a stand-in for the network, and the real one where it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_behavior.dialogue.sentences import Sentences
from robot_behavior.prosody import PLAIN, Prosody
from robot_behavior.speech.espeak import EspeakVoice
from robot_behavior.speech.loudness import LOUDNESS, TRUE_PEAK, levelled, loudness, true_peak
from robot_behavior.speech.piper import SLOW, STRIKES, NeuralVoice, installed_voices
from robot_behavior.speech.speaker import Speaker
from robot_behavior.speech.text import pieces, speakable
from robot_behavior.speech.voice import Sound, SpeechError, VoiceSettings
from ros2_ws.src.robot_behavior.test.speech.mock_piper import RATE, open_hum, write_voice

pytest.importorskip("espeakng_loader")

SENTENCES = Path(__file__).parents[2] / "config" / "sentences"
SENTENCE = "You look happy! That makes me want to dance."
Make = Callable[..., Path]


def neural(
    files: tuple[Path, ...],
    opens: Callable = open_hum,
    clock: Callable[[], float] = lambda: 0.0,
    **settings: Any,
) -> NeuralVoice:
    joined = os.pathsep.join(map(str, files))
    return NeuralVoice(VoiceSettings(piper_voice=joined, **settings), opens, clock)


def wanted() -> bool:
    return False


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return partial(write_voice, tmp_path)


class Machine:
    """A computer with a clock of its own; opens networks that take a share of what they say."""

    def __init__(self, share: float) -> None:
        self.share, self.now = share, 0.0

    def clock(self) -> float:
        return self.now

    def _work(self, lasts_s: float) -> None:
        self.now += self.share * lasts_s

    def open(self, path: Path) -> Callable:
        return open_hum(path, self._work)


def speaks_as_espeak(sound: Sound, text: str, rate: int = RATE) -> bool:
    theirs = EspeakVoice().synthesise(text, "en-us", PLAIN, wanted)
    return sound.rate == rate and abs(sound.duration - theirs.duration) < 0.01


def test_the_voice_that_speaks_the_language_is_used_and_espeak_for_the_others(make: Make) -> None:
    voice = neural((make("en_US"), make("de_DE"), make("zh_CN")))
    assert voice.language("en") == voice.language("en-GB") == "en-us"
    assert voice.language("de-AT") == "de-de" and voice.language("zh") == "zh-cn"
    assert voice.synthesise("Hello there.", "en-us", PLAIN, wanted).duration > 0.3
    assert voice.remarks == []
    french = voice.language("fr")
    for _ in range(3):
        sound = voice.synthesise("Bonjour à tous.", french, PLAIN, wanted)
        assert sound.rate == voice.rate and sound.samples.any()
    assert voice.remarks == ["no piper voice speaks 'fr': eSpeak speaks it"]  # said once
    with pytest.raises(SpeechError, match="no voice speaks 'klingon'"):
        voice.language("klingon")


def test_an_older_description_names_its_language_for_espeak(make: Make) -> None:
    file = make("en_GB", language={}, espeak={"voice": "cmn"})
    assert neural((file,)).language("zh-TW") == "zh"


def test_rate_and_volume_are_obeyed(make: Make) -> None:
    file = make("en_US", inference={"length_scale": 1.5})

    def say(wpm: int, prosody: Prosody) -> tuple[float, float]:
        voice = neural((file,), rate_wpm=wpm)
        sound = voice.synthesise("You look happy.", "en-us", prosody, wanted)
        as_heard = levelled(sound, prosody.gain).samples / 32768
        return sound.duration, loudness(as_heard, sound.rate)

    length, loud = say(160, PLAIN)
    assert loud == pytest.approx(LOUDNESS, abs=0.5)
    assert say(320, PLAIN) == pytest.approx((length / 2, loud), rel=0.1)
    assert say(160, Prosody(0.8, -2.0, -6.0)) == pytest.approx((length / 0.8, loud - 6.0), rel=0.1)


def test_a_network_that_is_too_loud_is_not_clipped(make: Make) -> None:
    def loud(path: Path) -> Callable:
        network = open_hum(path)
        return lambda numbers, scales: 30.0 * network(numbers, scales)  # of 0.1

    sound = neural((make("en_US"),), loud).synthesise("Hello there.", "en-us", PLAIN, wanted)
    assert (np.abs(sound.samples) > 32000).mean() < 0.25  # a sine; clipped it would be 0.8


def test_it_tells_which_file_speaks_and_how_to_get_another_language(make: Make) -> None:
    file = make("en_US")
    voice = neural((file,))
    assert voice.described("en-us") == f"piper, en_US, {file}" and voice.better("en-us") is None
    assert voice.described(voice.language("de")).startswith("eSpeak NG 1.")
    assert "piper voice for 'de' as piper_voice" in (voice.better(voice.language("de")) or "")
    machine = Machine(20.0)
    slow = neural((file,), machine.open, machine.clock)
    slow.synthesise(SENTENCE, "en-us", PLAIN, wanted)
    assert slow.described("en-us").startswith("eSpeak NG 1.")


def test_the_silence_around_a_piece_is_left_to_the_speaker(make: Make) -> None:
    sound = neural((make("en_US"),)).synthesise("Hello.", "en-us", PLAIN, wanted)
    loud = np.flatnonzero(np.abs(sound.samples) > 300) / sound.rate
    assert loud[0] < 0.06 and sound.duration - loud[-1] < 0.06


@pytest.mark.parametrize("text", ["...", ", "])
def test_where_there_is_nothing_to_say_it_is_silent(make: Make, text: str) -> None:
    assert neural((make("en_US"),)).synthesise(text, "en-us", PLAIN, wanted).duration == 0.0


def test_what_nobody_wants_to_hear_is_not_made(make: Make) -> None:
    voice = neural((make("en_US"),))
    assert voice.synthesise("One two.", "en-us", PLAIN, lambda: True).duration == 0.0


@pytest.mark.parametrize("share", [SLOW * 1.2, 20.0])
def test_on_a_machine_that_is_too_slow_espeak_speaks_and_it_is_said(
    make: Make, share: float
) -> None:
    machine = Machine(share)
    voice = neural((make("en_US"),), machine.open, machine.clock)
    for _ in range(3):
        sound = voice.synthesise(SENTENCE, voice.language("en"), PLAIN, wanted)
        assert speaks_as_espeak(sound, SENTENCE)
    (remark,) = voice.remarks
    assert remark.startswith("this machine is too slow for piper: a sentence would begin after ")
    assert remark.endswith(" times as long as it lasts; eSpeak speaks instead")


def test_a_fast_machine_says_nothing_of_it(make: Make) -> None:
    machine = Machine(0.1)
    voice = neural((make("en_US"),), machine.open, machine.clock)
    sound = voice.synthesise(SENTENCE, "en-us", PLAIN, wanted)
    assert not speaks_as_espeak(sound, SENTENCE) and voice.remarks == []


def test_a_busy_moment_is_forgiven_and_a_machine_that_stays_busy_is_not(make: Make) -> None:
    machine = Machine(0.1)
    voice = neural((make("en_US"),), machine.open, machine.clock)

    def speak(share: float) -> bool:
        machine.share = share
        return speaks_as_espeak(voice.synthesise(SENTENCE, "en-us", PLAIN, wanted), SENTENCE)

    for _ in range(3):
        assert not speak(0.1)
        assert not any(speak(3.0) for _ in range(STRIKES - 1))
    assert not speak(0.1) and voice.remarks == []
    assert not any(speak(3.0) for _ in range(STRIKES))
    assert speak(0.1) and len(voice.remarks) == 1
    assert voice.remarks[0].startswith("piper has become too slow")


def test_espeak_stands_in_at_the_rate_of_the_voice(make: Make) -> None:
    for rate in (8000, 48000):
        machine = Machine(9.0)
        voice = neural((make("en_US", rate),), machine.open, machine.clock)
        sound = voice.synthesise(SENTENCE, "en-us", PLAIN, wanted)
        assert speaks_as_espeak(sound, SENTENCE, rate)
        as_heard = levelled(sound).samples / 32768
        assert loudness(as_heard, rate) == pytest.approx(LOUDNESS, abs=1.0)


def test_a_network_that_fails_is_told_with_the_sentence(make: Make) -> None:
    calls = count()

    def opens(path: Path) -> Callable:
        network = open_hum(path)

        def fails(numbers: np.ndarray, scales: np.ndarray) -> np.ndarray:
            return network(numbers, scales) * (np.nan if next(calls) else 1.0)

        return fails

    voice = neural((make("en_US"),), opens)
    with pytest.raises(SpeechError, match="piper cannot say 'Hello.' .ValueError: its sound"):
        voice.synthesise("Hello.", "en-us", PLAIN, wanted)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"audio": {}}, "is not the description of a piper voice .KeyError: 'sample_rate'"),
        ({"audio": {"sample_rate": 0}}, "sample_rate is 0"),
        ({"inference": {"length_scale": 0}}, "length_scale is 0"),
        ({"inference": {"length_scale": "1e999"}}, "length_scale is inf"),
        ({"phoneme_type": "pinyin"}, "'pinyin', expected espeak or text, which need no network"),
        ({"language": 7}, "is not the description of a piper voice"),
        ({"phoneme_id_map": {"a": [1]}}, "is not the description of a piper voice .KeyError: '_'"),
        ({"phoneme_id_map": {"_": 1}}, "is not the description of a piper voice"),
    ],
)
def test_an_unusable_description_is_named(
    make: Make, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SpeechError, match=f"en_US.onnx.json: .*{complaint}|{complaint}"):
        neural((make("en_US", **changes),))


def test_files_that_are_missing_or_do_not_go_together_are_named(make: Make) -> None:
    with pytest.raises(SpeechError, match=r"/no/voice.onnx is missing \(parameter piper_voice\)"):
        neural((Path("/no/voice.onnx"),))
    with pytest.raises(SpeechError, match="expected one or more voices of the same rate"):
        neural((make("en_US"), make("de_DE", 22050)))
    with pytest.raises(SpeechError, match="already a voice for 'en-us'"):
        neural((make("en_US"), make("en_US")))
    Path(f"{make('en_US')}.json").unlink()
    with pytest.raises(SpeechError, match=r"en_US.onnx.json is missing"):
        neural((make("de_DE").with_name("en_US.onnx"),))


def test_without_onnx_runtime_it_says_what_to_install(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SpeechError, match="ONNX Runtime.* is missing.*make setup VOICE=piper"):
        NeuralVoice(VoiceSettings(piper_voice=str(make("en_US"))))


def install(site: Path, package: str, *codes: str) -> None:
    """As pip does, with the files of voices."""
    folder, info = (
        site / package.replace("-", "_"),
        site / f"{package.replace('-', '_')}-1.0.dist-info",
    )
    folder.mkdir()
    info.mkdir()
    files = [file for code in codes for file in (write_voice(folder, code),)]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    listed = [f"{folder.name}/{file.name}{end},," for file in files for end in ("", ".json")]
    (info / "RECORD").write_text("\n".join(listed))


def test_installed_voices_are_found_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert list(installed_voices()) == []
    with pytest.raises(SpeechError, match="no piper voice is installed: .*VOICE=piper"):
        NeuralVoice(VoiceSettings(), open_hum)
    install(tmp_path, "ann-us-piper-voice", "en_US")
    install(tmp_path, "Bert_DE_Piper_Voice", "de_DE")
    install(tmp_path, "another-voice", "fr_FR")
    voice = NeuralVoice(VoiceSettings(), open_hum)
    assert {voice.language("en"), voice.language("de")} == {"en-us", "de-de"}
    assert {path.name for path in installed_voices()} == {"en_US.onnx", "de_DE.onnx"}
    assert "en_US" in voice.name


def test_espeak_speaks_where_a_file_is_no_network(make: Make) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    voice = NeuralVoice(VoiceSettings(piper_voice=str(make("en_US"))))
    sound = voice.synthesise(SENTENCE, "en-us", PLAIN, wanted)
    assert speaks_as_espeak(sound, SENTENCE)
    assert "en_US.onnx: is not a piper voice" in voice.remarks[0] and "\n" not in voice.remarks[0]


# The voice of requirements/piper.txt.


@pytest.fixture(scope="module")
def joe() -> NeuralVoice:
    pytest.importorskip("onnxruntime", reason="needs requirements/piper.txt")
    if not list(installed_voices()):
        pytest.skip("needs requirements/piper.txt")
    return NeuralVoice(VoiceSettings())


def said(voice: Any, text: str, language: str) -> np.ndarray:
    """All pieces, without pauses, full scale 1."""
    parts = pieces(speakable(text), voice.hurries)
    sounds = [voice.synthesise(part, language, PLAIN, wanted) for part in parts]
    return np.concatenate([levelled(sound).samples for sound in sounds]) / 32768


def test_every_english_sentence_is_as_loud_as_the_others_and_does_not_clip(
    joe: NeuralVoice,
) -> None:
    espeak, language = EspeakVoice(), joe.language("en")
    sentences = Sentences.load(SENTENCES, "en")
    texts = [
        sentences.words(template, key, 8).text
        for key, templates in sentences.templates.items()
        for template in templates
    ]
    assert len(texts) > 30
    for text in texts[::3]:
        neural_sound, plain = said(joe, text, language), said(espeak, text, "en")
        for samples, voice in ((neural_sound, joe), (plain, espeak)):
            assert loudness(samples, voice.rate) == pytest.approx(LOUDNESS, abs=1.5), text
            assert true_peak(samples) <= TRUE_PEAK and np.abs(samples).max() > 0.3, text
        assert 0.5 < len(neural_sound) / joe.rate / (len(plain) / espeak.rate) < 1.3, text
    assert joe.remarks == [] or "too slow" in joe.remarks[0]


def test_a_piece_is_pronounced_with_the_pauses_that_are_written(joe: NeuralVoice) -> None:
    one = said(joe, "You look happy I want to dance", "en-us")
    two = said(joe, "You look happy. I want to dance.", "en-us")
    assert not np.array_equal(one, two) and len(two) > 0.8 * len(one)


def test_the_speaker_says_it_in_short_pieces(joe: NeuralVoice) -> None:
    speaker = Speaker(joe, None, None, lambda _warning: None)
    try:
        speaker.warm_up("en-us")
        utterance = speaker.say(SENTENCE, "en-us")
        assert utterance.over.wait(30.0) and utterance.error is None
        assert utterance.progress(np.inf) == 1.0
    finally:
        speaker.close()
