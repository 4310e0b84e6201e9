"""Where the sound goes: the sound card, through ALSA's C library, and a WAV file.

Needs no package beyond ``libasound2``.
"""

from __future__ import annotations

import ctypes
import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ec_rfernet.files import open_private
from robot_behavior.speech.voice import Sound, SpeechError

_PLAYBACK, _NONBLOCKING = 0, 1  # snd_pcm_stream_t, mode
_S16, _INTERLEAVED = 2, 3  # SND_PCM_FORMAT_S16_LE, SND_PCM_ACCESS_RW_INTERLEAVED
_LATENCY_US = 100_000
_WAIT_MS = 20
_PATIENCE_S = 1.0
_BUSY = -11  # EAGAIN

_Quiet = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)
_SAY_NOTHING = _Quiet(lambda *_: None)  # ALSA would write to the terminal by itself


class SoundStream(Protocol):
    """An open sound device."""

    @property
    def delay_s(self) -> float:
        """How long it takes until the sample that is written next is heard."""

    def write(self, samples: np.ndarray) -> int:
        """Takes samples, int16 [N], as many as fit in within some hundredths of a second.

        Returns:
            How many it has taken.

        Raises:
            SpeechError: the device does not work any more.
        """

    def finish(self) -> None:
        """Tells it that nothing will follow; returns at once."""

    def close(self) -> None:
        """Falls silent at once and frees the device."""


class Silence:
    """Stands in for a device where there is none: takes everything, plays nothing."""

    delay_s = 0.0

    def write(self, samples: np.ndarray) -> int:
        """See `SoundStream.write`."""
        return len(samples)

    def finish(self) -> None:
        """See `SoundStream.finish`."""

    def close(self) -> None:
        """See `SoundStream.close`."""


class Loudspeaker:
    """Opens an ALSA device per utterance, so that others can use it in between.

    Args:
        device: an ALSA name; ``default`` is the desktop's (PulseAudio, PipeWire) or the
            first card.
        alsa: the library, or a stand-in for it; None: that of the system.

    Raises:
        SpeechError: there is no such device, or no ALSA.
    """

    def __init__(self, device: str = "default", alsa: Any = None) -> None:
        self._device = device.encode()
        self._alsa = alsa or load_alsa()
        self._alsa.snd_pcm_close(self._open())

    def open(self, rate: int) -> SoundStream:
        """Opens the device for sound of one channel.

        Args:
            rate: samples per second.

        Raises:
            SpeechError: it is not there, is held by another program, or refuses the sound.
        """
        pcm = self._open()
        status = self._alsa.snd_pcm_set_params(pcm, _S16, _INTERLEAVED, 1, rate, 1, _LATENCY_US)
        if status < 0:
            self._alsa.snd_pcm_close(pcm)
        self._checked(status)
        return _AlsaStream(self._alsa, pcm, rate, self._checked)

    def _open(self) -> ctypes.c_void_p:
        pcm = ctypes.c_void_p()
        # Not blocking: neither a device that another program holds nor one that has stopped
        # to take sound may make this one wait.
        self._checked(
            self._alsa.snd_pcm_open(ctypes.byref(pcm), self._device, _PLAYBACK, _NONBLOCKING)
        )
        return pcm

    def _checked(self, status: int) -> None:
        if status < 0:
            reason = self._alsa.snd_strerror(status).decode(errors="replace")
            raise SpeechError(f"sound device '{self._device.decode()}': {reason}")


def load_alsa() -> ctypes.CDLL:
    """ALSA's library.

    Raises:
        SpeechError: it is not installed.
    """
    try:
        alsa = ctypes.CDLL("libasound.so.2")
    except OSError as error:
        raise SpeechError(
            "libasound.so.2 is not installed: apt install libasound2, or libasound2t64"
        ) from error
    alsa.snd_strerror.restype = ctypes.c_char_p
    alsa.snd_pcm_writei.restype = ctypes.c_long
    alsa.snd_pcm_writei.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong)
    alsa.snd_lib_error_set_handler(_SAY_NOTHING)
    return alsa


class _AlsaStream:
    """An open ALSA device; see `SoundStream`."""

    def __init__(
        self, alsa: Any, pcm: ctypes.c_void_p, rate: int, checked: Callable[[int], None]
    ) -> None:
        self._alsa, self._pcm, self._rate, self._checked = alsa, pcm, rate, checked
        self._alive = time.monotonic()  # when it has last taken something

    @property
    def delay_s(self) -> float:
        frames = ctypes.c_long(0)
        if self._alsa.snd_pcm_delay(self._pcm, ctypes.byref(frames)) < 0:
            return 0.0  # it is not running: nothing waits
        return max(frames.value, 0) / self._rate

    def write(self, samples: np.ndarray) -> int:
        written = int(self._alsa.snd_pcm_writei(self._pcm, samples.tobytes(), len(samples)))
        now = time.monotonic()
        if written > 0:
            self._alive = now
            return written
        if written not in (0, _BUSY):  # an underrun after a pause of this process
            self._checked(self._alsa.snd_pcm_recover(self._pcm, written, 1))
        if now - self._alive > _PATIENCE_S:
            self._checked(-110)  # ETIMEDOUT
        self._alsa.snd_pcm_wait(self._pcm, _WAIT_MS)
        return 0

    def finish(self) -> None:
        self._alsa.snd_pcm_drain(self._pcm)  # also starts what is shorter than the buffer

    def close(self) -> None:
        self._alsa.snd_pcm_drop(self._pcm)
        self._alsa.snd_pcm_close(self._pcm)


# ----------------------------------------------------------------------
# Writes what was said into one WAV file, each sentence at its time.

LARGEST = (2**32 - 1000) // 2
"""Samples that the header of a WAV file can count."""

_DAY_S = 86_400
_BEGIN = struct.Struct("<256s32s32s10s8sQH254x")
"""What a broadcast WAV file tells of its beginning (EBU Tech 3285, chunk ``bext``)."""


class Recorder:
    """A WAV file that is complete after every sentence, however the program ends.

    It tells when it began, in UTC, so that it can be put beside pictures.

    Args:
        file: is overwritten; its folder is made.
        rate: samples per second.
        began: when it begins, seconds since 1970; None: now.

    Raises:
        SpeechError: the file cannot be written.
    """

    def __init__(self, file: Path, rate: int, began: float | None = None) -> None:
        self._rate, self._written = rate, 0
        self._began = time.time() if began is None else began
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = open_private(file)
        except OSError as error:
            raise SpeechError(f"cannot record to {file}: {error.strerror}") from error
        self._write(b"", 0)

    def add(self, sound: Sound, at_s: float) -> None:
        """Adds a sound; there is silence between the last one and this one.

        Args:
            sound: of this recorder's rate.
            at_s: when it began, s from the beginning of the file.

        Raises:
            SpeechError: the file cannot be written, for instance because the disk is full.
        """
        silence = max(round(at_s * self._rate) - self._written, 0)
        if self._written + silence + len(sound.samples) > LARGEST:
            raise SpeechError("the recording has reached the largest size of a WAV file")
        while silence:
            count = min(silence, self._rate)
            self._write(bytes(2 * count), count)
            silence -= count
        self._write(sound.samples.astype("<i2").tobytes(), len(sound.samples))

    def close(self) -> None:
        """Closes the file."""
        with suppress(OSError):  # of what a full disk did not take
            self._file.close()

    @property
    def _header(self) -> bytes:
        """All before the samples."""
        day, size = time.gmtime(self._began), 2 * self._written
        dated = [time.strftime(pattern, day).encode() for pattern in ("%Y-%m-%d", "%H:%M:%S")]
        begin = _BEGIN.pack(b"", b"", b"", *dated, round(self._began % _DAY_S * self._rate), 0)
        form = struct.pack("<HHIIHH", 1, 1, self._rate, 2 * self._rate, 2, 16)
        parts = [
            b"WAVE", b"bext", struct.pack("<I", len(begin)), begin,
            b"fmt ", struct.pack("<I", len(form)), form, b"data", struct.pack("<I", size),
        ]  # fmt: skip
        head = b"".join(parts)
        return b"RIFF" + struct.pack("<I", len(head) + size) + head

    def _write(self, samples: bytes, count: int) -> None:
        """Adds so many samples, and brings the header up to date."""
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(samples)
            self._written += count
            self._file.seek(0)
            self._file.write(self._header)
            self._file.flush()
        except OSError as error:
            self.close()
            raise SpeechError(f"cannot record: {error}") from error
