"""The sound card, through ALSA's C library; needs no package beyond ``libasound2``."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from robot_behavior.speech.sound import Sound
from robot_behavior.speech.voice import SpeechError

_PLAYBACK, _NONBLOCKING = 0, 1  # snd_pcm_stream_t, mode
_S16, _INTERLEAVED = 2, 3  # SND_PCM_FORMAT_S16_LE, SND_PCM_ACCESS_RW_INTERLEAVED
_LATENCY_US = 100_000

_Quiet = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)


class Loudspeaker:
    """Plays sounds on an ALSA device.

    The device is opened per sound, so that other programs can use it in between.

    Args:
        device: an ALSA name; ``default`` is the desktop's (PulseAudio, PipeWire) or the
            first card.

    Raises:
        SpeechError: there is no such device, or no ALSA.
    """

    def __init__(self, device: str = "default") -> None:
        self._device = device.encode()
        try:
            self._alsa = ctypes.CDLL("libasound.so.2")
        except OSError as error:
            raise SpeechError("libasound.so.2 is not installed") from error
        self._alsa.snd_strerror.restype = ctypes.c_char_p
        self._alsa.snd_pcm_writei.restype = ctypes.c_long
        self._alsa.snd_pcm_writei.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong)
        self._quiet = _Quiet(lambda *_: None)  # ALSA would write to the terminal by itself
        self._alsa.snd_lib_error_set_handler(self._quiet)
        self._alsa.snd_pcm_close(self._open())

    def play(self, sound: Sound, unwanted: Callable[[], bool]) -> None:
        """Plays a sound to its end, or until ``unwanted()``; blocks.

        Raises:
            SpeechError: the device does not take it.
        """
        pcm = self._open()
        try:
            self._checked(
                self._alsa.snd_pcm_set_params(
                    pcm, _S16, _INTERLEAVED, 1, sound.rate, 1, _LATENCY_US
                )
            )
            step, position = sound.rate // 50, 0
            while position < len(sound.samples):
                if unwanted():
                    self._alsa.snd_pcm_drop(pcm)
                    return
                chunk = sound.samples[position : position + step]
                written = int(self._alsa.snd_pcm_writei(pcm, chunk.tobytes(), len(chunk)))
                if written < 0:  # an underrun after a pause of this process
                    self._checked(self._alsa.snd_pcm_recover(pcm, written, 1))
                position += max(written, 0)
            self._alsa.snd_pcm_drain(pcm)
        finally:
            self._alsa.snd_pcm_close(pcm)

    def _open(self) -> ctypes.c_void_p:
        pcm = ctypes.c_void_p()
        # A device that another program holds must not make this one wait: hence not blocking,
        # which is taken back once it is open.
        self._checked(
            self._alsa.snd_pcm_open(ctypes.byref(pcm), self._device, _PLAYBACK, _NONBLOCKING)
        )
        self._checked(self._alsa.snd_pcm_nonblock(pcm, 0))
        return pcm

    def _checked(self, status: int) -> None:
        if status < 0:
            reason = self._alsa.snd_strerror(status).decode(errors="replace")
            raise SpeechError(f"sound device '{self._device.decode()}': {reason}")
