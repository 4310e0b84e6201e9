"""The library of the package ec_rfernet_native, where it was built."""

from __future__ import annotations

import ctypes
import os
import weakref
from functools import lru_cache
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.native.lowering import Program

PORTABLE = "portable"
"""The path that every processor has; general runtimes may be faster there."""

_NAME = "libec_rfernet_native.so"
_ERROR_SIZE = 200


def find() -> Path | None:
    """The library: beside this file, or where ROS's workspaces are installed."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    folders = [Path(__file__).parent, *(Path(prefix, "lib") for prefix in prefixes if prefix)]
    return next((folder / _NAME for folder in folders if (folder / _NAME).is_file()), None)


def paths() -> tuple[str, ...]:
    """Kinds of processors that it was compiled for and that this one is, the fastest first.

    Raises:
        InputError: the library is not there, or not one.
    """
    return tuple(_library().ec_rfernet_paths().decode().split())


class Network:
    """A program that is ready to run, in one thread at a time.

    Args:
        program: what to compute.
        path: one of `paths`; without it the fastest.

    Raises:
        InputError: the library is not there, or does not take the program.
    """

    def __init__(self, program: Program, path: str = "") -> None:
        self._library = _library()
        words = np.ascontiguousarray(program.words, np.int32)
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        self._handle = self._library.ec_rfernet_open(
            (path or paths()[0]).encode(), words.ctypes.data, len(words), error, _ERROR_SIZE
        )
        if not self._handle:
            raise InputError(f"{_NAME}: {error.value.decode()}")
        self._size, self._labels = program.size, program.labels
        weakref.finalize(self, self._library.ec_rfernet_close, self._handle)

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 [N, K] of grey pixels uint8 [N, 1, S, S]."""
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (1, self._size, self._size):
            raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}")
        pixels = np.ascontiguousarray(pixels)
        logits = np.empty((len(pixels), self._labels), np.float32)
        self._library.ec_rfernet_run(
            self._handle, pixels.ctypes.data, len(pixels), logits.ctypes.data
        )
        return logits


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    path = find()
    if path is None:
        raise InputError(f"{_NAME} is in no folder of AMENT_PREFIX_PATH")
    try:
        library = ctypes.CDLL(str(path))
        pointer, count = ctypes.c_void_p, ctypes.c_int64
        for name, result, arguments in (
            ("paths", ctypes.c_char_p, ()),
            ("open", pointer, (ctypes.c_char_p, pointer, count, ctypes.c_char_p, count)),
            ("run", None, (pointer, pointer, count, pointer)),
            ("close", None, (pointer,)),
        ):
            function = getattr(library, f"ec_rfernet_{name}")
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise InputError(f"{path}: cannot be used ({error})") from error
    return library
