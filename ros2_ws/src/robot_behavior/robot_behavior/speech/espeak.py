"""The voice of eSpeak NG, through its C library (``speak_lib.h``).

The library comes with the Python package ``espeakng-loader`` or with the system. It has
one state per process, which several voices share by taking turns.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from threading import Lock
from typing import Any

import numpy as np

from robot_behavior.prosody import Prosody
from robot_behavior.speech.voice import (
    Sound,
    SpeechError,
    Voice,
    VoiceSettings,
    best_language,
)

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples are handed to a callback, before Synth returns
_DONT_EXIT = 0x8000  # espeakINITIALIZE: report a missing voice folder instead of exit()
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_SLOWEST, _FASTEST = 80, 450
_CHARACTERS, _UTF8 = 1, 1  # espeak_POSITION_TYPE, espeakCHARS_UTF8
_IPA = 2  # phoneme_mode

# What the parameter "pitch" does to the fundamental frequency, as measured.
_PITCHES = (0, 25, 42, 50, 58, 75, 100)
_SEMITONES = (-5.3, -3.25, -1.0, 0.0, 1.0, 4.1, 8.6)

_MARK = re.compile(r"([.,;:!?])[\s\"'»”)\]]*$")

_TURN = Lock()
"""Held while the library works: it is not made for several threads."""

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _VoiceRecord(ctypes.Structure):
    """``espeak_VOICE``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class EspeakVoice(Voice):
    """Synthesises speech within the process, in some milliseconds per sentence.

    Args:
        settings: None: the defaults.

    Raises:
        SpeechError: the library or its data is missing; says what to install.
    """

    name = "espeak"

    def __init__(self, settings: VoiceSettings | None = None) -> None:
        with _TURN:
            self._library, self.rate = _initialised(*_find())
            self._voices, self._engine = dict(self._list_voices()), self._described_engine()
        self._take(settings or VoiceSettings())
        self._chunks: list[bytes] = []
        self._unwanted: Callable[[], bool] = lambda: False
        self._callback = _Callback(self._collect)  # the library keeps no reference

    def _take(self, settings: VoiceSettings) -> None:
        self._words_per_minute = settings.rate_wpm

    def adjust(self, settings: VoiceSettings) -> Callable[[], None]:
        """See `Voice.adjust`."""
        return partial(self._take, settings)

    def described(self, language: str) -> str:
        """See `Voice.described`."""
        return f"{self._engine}/lang/{self._voices[language].decode()}"

    def better(self, language: str) -> str | None:
        """See `Voice.better`: neural voices, of which one of English can be installed."""
        if language.split("-")[0] == "en":
            return "more natural: --speech piper, which make setup VOICE=piper installs"
        return (
            f"more natural: --speech piper with a piper voice for '{language}' as piper_voice, see "
            "docs/behavior.md"
        )

    def language(self, locale: str) -> str:
        """See `Voice.language`."""
        return best_language(locale, self._voices)

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """See `Voice.synthesise`."""
        self._chunks, self._unwanted = [], unwanted
        data = text.encode("utf-8", "replace")
        with _TURN:
            if self._library.espeak_SetVoiceByName(self._voices[language]) != 0:
                raise SpeechError(f"espeak-ng cannot load its voice for '{language}'")
            self._apply(prosody)
            self._library.espeak_SetSynthCallback(self._callback)  # the last may be another's
            status = self._library.espeak_Synth(
                data, ctypes.c_size_t(len(data) + 1), 0, _CHARACTERS, 0, _UTF8, None, None
            )
        if status != 0:
            raise SpeechError(f"espeak-ng failed with status {status}")
        return Sound(np.frombuffer(b"".join(self._chunks), np.int16), self.rate)

    def phonemes(self, text: str, language: str) -> str:
        """How a text is pronounced, in the letters of the International Phonetic Alphabet.

        Each clause ends with its punctuation mark, if it has one.
        """
        translate = self._library.espeak_TextToPhonemes
        translate.restype = ctypes.c_char_p
        data = ctypes.create_string_buffer(text.encode("utf-8", "replace"))
        place, found = ctypes.c_void_p(ctypes.addressof(data)), list[str]()
        with _TURN:
            self._library.espeak_SetVoiceByName(self._voices[language])
            while place.value is not None:  # one clause after the other
                begin = place.value - ctypes.addressof(data)
                clause = translate(ctypes.byref(place), _UTF8, _IPA).decode("utf-8", "replace")
                end = len(data) if place.value is None else place.value - ctypes.addressof(data)
                # It has read the first letter of the next clause.
                words = data.raw[begin:end].decode("utf-8", "ignore")
                words = words.rstrip("\0") if place.value is None else words[:-1]
                mark = _MARK.search(words)
                found.append(clause + (mark[1] if mark else ""))
        return " ".join(found)

    def _apply(self, prosody: Prosody) -> None:
        rate = min(max(self._words_per_minute * prosody.rate, _SLOWEST), _FASTEST)
        pitch = float(np.interp(prosody.pitch_st, _SEMITONES, _PITCHES))
        for parameter, value in ((_RATE, rate), (_PITCH, pitch)):
            self._library.espeak_SetParameter(parameter, round(value), 0)

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count:
            self._chunks.append(ctypes.string_at(samples, 2 * count))
        return int(self._unwanted())  # 1 tells the library to stop

    def _described_engine(self) -> str:
        """Its version, and where its voices are."""
        self._library.espeak_Info.restype = ctypes.c_char_p
        place = ctypes.c_char_p()
        version = self._library.espeak_Info(ctypes.byref(place)).decode()
        return f"eSpeak NG {version}, {os.path.realpath(place.value or b'').decode()}"

    def _list_voices(self) -> Iterator[tuple[str, bytes]]:
        """Language tags and the voice of each; the library sorts the preferred voice first."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
        records = self._library.espeak_ListVoices(None)
        found: dict[str, tuple[int, bytes]] = {}
        index = 0
        while records[index]:
            record = records[index].contents
            for priority, tag in _languages(record.languages):
                language = tag.lower()
                best = found.get(language)
                if best is None or priority < best[0]:
                    found[language] = (priority, record.identifier)
            index += 1
        return ((language, identifier) for language, (_, identifier) in found.items())


_ROOM = 90  # of eSpeak's 160 bytes for the path of a file; the rest is for what is below
_open_folders: dict[str, int] = {}  # eSpeak reads voices as long as this process lives


def short_path(data: str) -> bytes:
    """A path of a folder of voices that eSpeak has room for: it cuts off longer ones.

    Raises:
        SpeechError: there is no such folder.
    """
    if len(os.fsencode(data)) <= _ROOM:
        return os.fsencode(data)
    try:
        if data not in _open_folders:
            _open_folders[data] = os.open(data, os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        raise SpeechError(f"espeak-ng finds no voices in {data} ({error.strerror})") from error
    return f"/proc/self/fd/{_open_folders[data]}".encode()


def _languages(text: Any) -> Iterator[tuple[int, str]]:
    """Priority (small is good) and tag of each language: byte, tag, zero; in the end zero."""
    position = 0
    while text[position] != b"\0":
        priority, start = text[position][0], position + 1
        position = start
        while text[position] != b"\0":
            position += 1
        yield priority, text[start:position].decode()
        position += 1


@cache
def _initialised(path: str, data: str | None) -> tuple[ctypes.CDLL, int]:
    """The library and its samples per second; once per process, whoever asks.

    A second ``espeak_Initialize`` loads the phonemes anew while the library still points to
    the old ones: it then speaks from freed memory, and may crash.
    """
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise SpeechError(f"espeak-ng cannot be loaded: {error}") from error
    folder = None if data is None else short_path(data)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, folder, _DONT_EXIT)
    if rate <= 0:
        raise SpeechError(f"espeak-ng finds no voices in {data or 'its own folder'}")
    return library, rate


def _find() -> tuple[str, str | None]:
    """Where the library is, and the folder of its data; None: the one it was built with."""
    try:
        import espeakng_loader
    except ImportError:
        path, data = ctypes.util.find_library("espeak-ng"), None
    else:
        path, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    if path:
        return str(path), None if data is None else str(data)
    raise SpeechError(
        "espeak-ng is missing: install it with `pip install espeakng-loader` or "
        "`apt install libespeak-ng1`, or start with speech:=log (parameter backend:=log)"
    )
