"""Our own kernels, those of the package ec_rfernet_native, made for the layers of these networks.

They run a *program*: words of 32 bits, little-endian, that say which operation reads and writes
which planes of memory, with the weights among them. It is made of a network when a bundle is
exported (see `ec_rfernet.runtimes.native.lowering`) and is the same for every processor: how the
weights are packed for it is decided when the program is opened. So nothing here reads ONNX.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import check_file

PORTABLE = "portable"
"""The path that every processor has; general runtimes may be faster there."""

MAGIC, VERSION = 0x45435246, 1
"""The first two words of every program; ``parser.cpp`` has the same."""

_NAME = "libec_rfernet_native.so"
_ERROR_SIZE = 200
_SIZE, _LABELS = 5, 6  # where they are among the words
_HEAD = 8  # words before the first operation
_MOST_WORDS = 1 << 24
_MOST_SHRINK = 256
_WORD = np.dtype("<i4")


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


@dataclass(frozen=True)
class KernelProgram:
    """What the kernels compute.

    Attributes:
        words: int32 [N], as ``parser.cpp`` of ec_rfernet_native reads and checks them.
    """

    words: np.ndarray

    @property
    def size(self) -> int:
        """Side of the square input, pixels."""
        return int(self.words[_SIZE])

    @property
    def labels(self) -> int:
        """Number of logits."""
        return int(self.words[_LABELS])

    @classmethod
    def read(cls, path: Path) -> KernelProgram:
        """A program from its file.

        Raises:
            InputError: the file is unreadable, no program, or one for other kernels.
        """
        if flaw := problem(path):
            raise InputError(flaw)
        return cls(np.fromfile(path, _WORD))

    def write(self, path: Path) -> None:
        """Writes the file that `read` reads."""
        path.write_bytes(self.words.astype(_WORD).tobytes())


def problem(path: Path) -> str | None:
    """What is wrong with a program's file, as far as its size and its first words tell."""
    try:
        check_file(path, _MOST_WORDS * _WORD.itemsize)
        words, rest = divmod(path.stat().st_size, _WORD.itemsize)
        head = np.fromfile(path, _WORD, _HEAD)
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"{path}: cannot be read ({error})"
    if rest or words <= _HEAD or head[0] != MAGIC:
        return f"{path}: not a program of our kernels"
    if head[1] != VERSION:
        return (
            f"{path}: a program for version {head[1]} of our kernels, these are version "
            f"{VERSION}; {remedy(path.parent)}"
        )
    return None


def remedy(folder: Path) -> str:
    """What to do about a bundle whose programs are of no use."""
    return f"'ec-rfernet export --bundle {folder} --programs' makes a new one"


@dataclass(frozen=True)
class Head:
    """One part of the results of a program, pixels of planes.

    Attributes:
        begin: index of its first value.
        planes, height, width: of the values.
        block: side of the squares of pixels that the planes are to be spread over; 1: none.
    """

    begin: int
    planes: int
    height: int
    width: int
    block: int

    @property
    def end(self) -> int:
        """Index behind its last value."""
        return self.begin + self.planes * self.height * self.width

    def rows(self, values: np.ndarray, columns: int) -> np.ndarray:
        """The part of the values as [anchors, columns]."""
        block, parts = self.block, self.planes // self.block**2 // columns
        cube = values[self.begin : self.end].reshape(
            block, block, parts, columns, self.height, self.width
        )
        return cube.transpose(4, 0, 5, 1, 2, 3).reshape(-1, columns)

    def anchors(self) -> np.ndarray:
        """The anchor of each value, of a head with one column."""
        return np.argsort(self.rows(np.arange(self.end), 1)[:, 0])

    def of(self, places: np.ndarray, values: np.ndarray, columns: int) -> np.ndarray:
        """Some rows [N, columns]: those whose anchors have these places in a head of one column."""
        pixels = self.height * self.width
        blocks, pixel = np.divmod(places, pixels)
        first = self.begin + blocks * (columns * pixels) + pixel
        found: np.ndarray = values[first[:, None] + np.arange(0, columns * pixels, pixels)]
        return found


class KernelNetwork:
    """A program that is ready to run, in one thread at a time.

    Args:
        program: what to compute.
        path: one of `paths`; without it the fastest.

    Raises:
        InputError: the library is not there, or does not take the program.
    """

    def __init__(self, program: KernelProgram, path: str | None = None) -> None:
        self._library = _library()
        words = np.ascontiguousarray(program.words, np.int32)
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        self._handle = self._library.ec_rfernet_open(
            (path or paths()[0]).encode(), words.ctypes.data, len(words), error, _ERROR_SIZE
        )
        if not self._handle:
            raise InputError(f"{_NAME}: {error.value.decode(errors='replace')}")
        side, self._labels = program.size, program.labels
        colours = self._library.ec_rfernet_colours(self._handle)
        self._shape = (1, side, side) if colours == 1 else (side, side, colours)
        weakref.finalize(self, self._library.ec_rfernet_close, self._handle)

    def run(self, pixels: np.ndarray, logits: np.ndarray | None = None) -> np.ndarray:
        """Results float32 [N, K] of pixels uint8, grey [N, 1, S, S] or in colour [N, S, S, 3].

        Args:
            pixels: the images.
            logits: where the results go, of an earlier call for as many images.
        """
        if pixels.dtype != np.uint8 or pixels.shape[1:] != self._shape:
            raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}")
        pixels = np.ascontiguousarray(pixels)
        if logits is None:
            logits = np.empty((len(pixels), self._labels), np.float32)
        elif logits.shape != (len(pixels), self._labels):
            raise ValueError(f"logits are {logits.shape}")
        self._library.ec_rfernet_run(
            self._handle, pixels.ctypes.data, len(pixels), logits.ctypes.data
        )
        return logits

    def look(
        self, picture: np.ndarray, shrink: int, logits: np.ndarray | None = None
    ) -> np.ndarray:
        """Results float32 [K] of a picture, averaged down, in the middle of a black square.

        Args:
            picture: BGR uint8 [H, W, 3]; rows may lie apart.
            shrink: pixels of a row that become one, 1..256, at most H and W. What is left over
                at the right and below is not looked at.
            logits: where the results go, of an earlier call.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2:] != self._shape[2:]:
            raise ValueError(f"the picture is {picture.dtype} {picture.shape}")
        if not 1 <= shrink <= min(_MOST_SHRINK, *picture.shape[:2]):
            raise ValueError(f"a picture of {picture.shape} shrinks by 1/{shrink}")
        height, width = picture.shape[0] // shrink, picture.shape[1] // shrink
        if picture.strides[1:] != (3, 1) or picture.strides[0] < 0:
            picture = np.ascontiguousarray(picture)
        if logits is None:
            logits = np.empty(self._labels, np.float32)
        elif logits.shape != (self._labels,):
            raise ValueError(f"logits are {logits.shape}")
        if not self._library.ec_rfernet_look(
            self._handle, picture.ctypes.data, picture.strides[0], height, width, shrink,
            logits.ctypes.data,
        ):  # fmt: skip
            raise MemoryError(f"a picture of {picture.shape}")
        return logits


def _library() -> ctypes.CDLL:
    path = find()
    if path is None:
        raise InputError(f"{_NAME} is in no folder of AMENT_PREFIX_PATH")
    return _opened(path)


@cache
def _opened(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
        pointer, count = ctypes.c_void_p, ctypes.c_int64
        for name, result, arguments in (
            ("paths", ctypes.c_char_p, ()),
            ("open", pointer, (ctypes.c_char_p, pointer, count, ctypes.c_char_p, count)),
            ("colours", count, (pointer,)),
            ("run", None, (pointer, pointer, count, pointer)),
            ("look", count, (pointer, pointer, count, count, count, count, pointer)),
            ("close", None, (pointer,)),
        ):
            function = getattr(library, f"ec_rfernet_{name}")
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise InputError(f"{path}: cannot be used ({error})") from error
    return library
