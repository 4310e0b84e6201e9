"""A film of the simulated robot: MP4 with its voice, or GIF."""

from __future__ import annotations

import io
import math
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ec_rfernet.errors import InputError
from ec_rfernet.files import write_bytes
from ec_rfernet.video_file import VideoFile
from robot_behavior.body import figure as robot_figure
from robot_behavior.body.eyes import light
from robot_behavior.body.face import LivingFace, Look, expression
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.dialogue.response import Activity
from robot_behavior.dialogue.sentences import Words
from robot_behavior.motion.library import Motion
from robot_behavior.simulator.stage import SimulatedMoment, describe, speaking_time
from robot_behavior.speech.loudness import levelled
from robot_behavior.speech.loudspeaker import Recorder
from robot_behavior.speech.text import pause_after, pieces, speakable
from robot_behavior.speech.voice import Sound, SpeechError, Voice
from robot_behavior.yaml_file import ConfigError

KINDS = (".mp4", ".gif")
RATE_HZ = 10.0
SIZE = (480, 480)

_STRIP_PX = 96
_LETTERS = 52  # of a line of speech
_DARK, _LIGHT, _DIM = (24, 26, 30), (255, 255, 255), (170, 176, 186)


class Soundtrack:
    """What the robot says in a film, each sentence at its time.

    Args:
        voice: says it.

    Attributes:
        file: a WAV file.

    Raises:
        SpeechError: there is no place for the file.
    """

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._folder = tempfile.TemporaryDirectory()
        self.file = Path(self._folder.name, "speech.wav")
        self._recorder = Recorder(self.file, voice.rate, began=0.0)
        self._next = self._now = Sound(np.zeros(0, np.int16), voice.rate)
        self._saying: str | None = None
        self._since = 0.0

    def speak(self, words: Words) -> float:
        """Prepares a sentence; how long it takes, seconds.

        Raises:
            SpeechError: the voice cannot say it.
        """
        voice, parts = self._voice, list[np.ndarray]()
        language = voice.language(words.locale)
        for part in pieces(speakable(words.text), voice.hurries):
            pause_s = pause_after(part) / words.prosody.rate
            sound = voice.synthesise(part, language, words.prosody, lambda: False)
            parts.append(levelled(sound, words.prosody.gain).samples)
            parts.append(np.zeros(round(pause_s * voice.rate), np.int16))
        self._next = Sound(np.concatenate(parts[:-1]), voice.rate)
        return self._next.duration

    def hear(self, sentence: str | None, time: float) -> None:
        """What is being said from this moment on, None for nothing; what was said ends.

        Raises:
            SpeechError: the file cannot be written.
        """
        if sentence == self._saying:
            return
        if self._saying is not None:
            heard = self._now.samples[: round((time - self._since) * self._now.rate)]
            self._recorder.add(Sound(heard, self._now.rate), self._since)
        self._saying, self._since, self._now = sentence, time, self._next

    def close(self) -> None:
        """Removes the file."""
        self._recorder.close()
        self._folder.cleanup()


class Film:
    """Draws the robot and what it does.

    Args:
        path: ends in ``.mp4`` or ``.gif``; a file that is there is replaced.
        model: the robot.
        motions: that it plays, by name: the face shows what they express.
        voice: is heard in an ``.mp4``; None: nobody is.

    Raises:
        ConfigError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        model: RobotModel,
        motions: Mapping[str, Motion],
        voice: Voice | None = None,
    ) -> None:
        if path.suffix.lower() not in KINDS:
            raise ConfigError(
                f"{path}: ends in {path.suffix!r}, expected one of {', '.join(KINDS)}"
            )
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: cannot be written (there is no such folder)")
        self._path, self._model, self._motions = path, model, motions
        self._face = LivingFace()
        self._speech: str | None = None
        self._speaks_until = -math.inf
        self._small, self._large = ImageFont.load_default(14), ImageFont.load_default(17)
        self._due = 0.0
        self._frames: list[Image.Image] = []
        self._video: VideoFile | None = None
        self._sound: Soundtrack | None = None
        if path.suffix.lower() == ".mp4":
            try:
                self._video = VideoFile(path, RATE_HZ, (SIZE[0], SIZE[1] + _STRIP_PX))
                self._sound = Soundtrack(voice) if voice is not None else None
            except (InputError, SpeechError) as error:
                self.discard()
                raise ConfigError(str(error)) from error

    def speaking_time(self, words: Words) -> float:
        """How long it takes to say something: with its voice, or about."""
        try:
            return self._sound.speak(words) if self._sound is not None else speaking_time(words)
        except SpeechError as error:
            raise ConfigError(str(error)) from error

    def show(self, moment: SimulatedMoment) -> None:
        """Draws a moment, if a frame is due."""
        if self._sound is not None:
            self._sound.hear(moment.status.speech, moment.time)
        if moment.time < self._due - 1e-9:
            return
        self._due += 1.0 / RATE_HZ
        face = self._look(moment)
        figure = robot_figure.render(self._model, moment.pose, SIZE, face)
        robot_figure.inset(figure, face)
        picture = np.vstack([figure, self._text(moment)])
        if self._video is not None:
            self._video.write(picture)
        else:
            image = Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            self._frames.append(image.quantize(64))

    def _look(self, moment: SimulatedMoment) -> Look:
        """The face; nothing is heard, so that the mouth moves as in talking."""
        status, now = moment.status, moment.time
        mood = "idle" if moment.view.attended is None else "attending"
        if status.speech != self._speech:
            self._speech = status.speech
            self._speaks_until = now + moment.speech_s if status.speech else -math.inf
        motion = self._motions.get(status.motion or "")
        answers = status.emotion if status.activity is Activity.RESPONDING else None
        speaks = now < self._speaks_until
        shown = expression(
            mood,
            motion.usage if motion is not None else "",
            answers or "",
            speaks,
            status.activity is not Activity.DISABLED,
        )
        self._face.show(shown, now)
        syllable = abs(math.sin(13.0 * now)) * (0.6 + 0.4 * math.sin(4.1 * now))
        return Look(self._face.shape(now), light(now, mood), syllable if speaks else 0.0)

    def discard(self) -> None:
        """Leaves nothing of a film that is not complete."""
        if self._video is not None:
            self._video.discard()
        if self._sound is not None:
            self._sound.close()

    def complete(self) -> None:
        """Writes the file.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            if self._video is not None:
                if self._sound is not None:
                    self._sound.hear(None, self._due)
                self._video.complete(self._sound.file if self._sound is not None else None)
                return
            first, *rest = self._frames
            data, duration = io.BytesIO(), 1000 / RATE_HZ
            first.save(data, "gif", save_all=True, append_images=rest, duration=duration, loop=0)
            write_bytes(self._path, data.getvalue())
        except (InputError, SpeechError) as error:
            raise ConfigError(str(error)) from error
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written ({error.strerror})") from error

    def _text(self, moment: SimulatedMoment) -> np.ndarray:
        """The strip below the robot, BGR uint8."""
        strip = Image.new("RGB", (SIZE[0], _STRIP_PX), _DARK)
        draw, status = ImageDraw.Draw(strip), moment.status
        doing = " ".join(filter(None, (status.activity.value, status.motion)))
        draw.text(
            (12, 8), f"{moment.time:5.1f} s   sees {describe(moment.view)}", _DIM, self._small
        )
        draw.text((12, 27), doing, _DIM, self._small)
        speech = "\n".join(textwrap.wrap(status.speech or "", _LETTERS))
        draw.text((12, 47), speech, _LIGHT, self._large)
        return np.asarray(strip)[:, :, ::-1]
