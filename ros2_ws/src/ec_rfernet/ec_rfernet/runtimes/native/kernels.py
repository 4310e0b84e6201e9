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
from typing import ClassVar

import numpy as np

from ec_rfernet.bundle import INT8, INT8_PROGRAM, ONNX, PROGRAM, Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.classifier import Classifier

PORTABLE = "portable"
"""The path that every processor has; general runtimes may be faster there."""

MAGIC, VERSION = 0x45435246, 1
"""The first two words of every program; ``parser.cpp`` has the same."""

NETWORKS = {"fp32": ONNX, "int8": INT8}
"""The bundle's file that a program is made of, by precision."""

_NAME = "libec_rfernet_native.so"
_ERROR_SIZE = 200
_SIZE, _LABELS = 5, 6  # where they are among the words
_HEAD = 8  # words before the first operation
_MOST_WORDS = 1 << 26
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
        if problem := _problem(path):
            raise InputError(problem)
        return cls(np.fromfile(path, _WORD))

    def write(self, path: Path) -> None:
        """Writes the file that `read` reads."""
        path.write_bytes(self.words.astype(_WORD).tobytes())


def _problem(path: Path) -> str | None:
    """What is wrong with a program's file, as far as its size and its first words tell."""
    try:
        words, rest = divmod(path.stat().st_size, _WORD.itemsize)
        head = np.fromfile(path, _WORD, _HEAD)
    except OSError as error:
        return f"{path}: cannot be read ({error})"
    if rest or not _HEAD < words <= _MOST_WORDS or head[0] != MAGIC:
        return f"{path}: not a program of our kernels"
    if head[1] != VERSION:
        return (
            f"{path}: a program for version {head[1]} of our kernels, these are version "
            f"{VERSION}; {_remedy(path.parent)}"
        )
    return None


def _remedy(folder: Path) -> str:
    return f"'ec-rfernet export --bundle {folder} --programs' makes a new one"


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


class NativeClassifier(Classifier):
    """See `Classifier`. Threads share the images of a batch; one image takes one of them.

    Args:
        bundle: a loaded bundle.
        threads: at most so many at once; 0 is all cores.
        precision: fp32 or int8.
        path: one of `paths`; without it the fastest.
    """

    runtime = "native"
    files: ClassVar = {"fp32": PROGRAM, "int8": INT8_PROGRAM}

    def __init__(
        self,
        bundle: Bundle,
        threads: int = 1,
        precision: str = "fp32",
        path: str | None = None,
    ) -> None:
        self._path = path
        super().__init__(bundle, threads, precision)

    @classmethod
    def missing(cls, bundle: Bundle, precision: str) -> str | None:
        """See `Classifier.missing`; networks of other layers have no program."""
        if cls.files[precision] in bundle.sha256:
            return _problem(bundle.file(cls.files[precision]))
        network = bundle.file(NETWORKS[precision])
        if precision in bundle.not_lowered:
            reason = bundle.not_lowered[precision]
            return f"{network}: runtime 'native' does not compute it ({reason})"
        if not network.is_file():
            return super().missing(bundle, precision)
        return (
            f"{bundle.folder}: has no program for our kernels, as of an older export; "
            f"{_remedy(bundle.folder)}"
        )

    def _load(self, path: Path, threads: int) -> bool:
        program = KernelProgram.read(path)
        if program.size != self.bundle.input_size:
            raise InputError(
                f"{path}: takes {program.size} pixels a side, expected {self.bundle.input_size}"
            )
        try:
            count = threads or len(os.sched_getaffinity(0))
            self._networks = [KernelNetwork(program, self._path) for _ in range(count)]
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        if count > 1:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(count)  # starts no thread before it is needed
        return True

    def _run(self, batch: np.ndarray) -> np.ndarray:
        if len(batch) == 1 or len(self._networks) == 1:
            return self._networks[0].run(batch)
        parts = np.array_split(batch, min(len(batch), len(self._networks)))
        return np.concatenate(list(self._pool.map(KernelNetwork.run, self._networks, parts)))


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
            ("run", None, (pointer, pointer, count, pointer)),
            ("close", None, (pointer,)),
        ):
            function = getattr(library, f"ec_rfernet_{name}")
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise InputError(f"{path}: cannot be used ({error})") from error
    return library
