"""Arrays out of npz archives that may be anything."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError

_DAMAGED = (
    OSError, EOFError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    RuntimeError,  # encrypted, or compressed in a way that Python does not know
)  # fmt: skip


def read_arrays(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """Some arrays of an npz archive.

    Args:
        path: of the archive.
        names: of the arrays, in the order wanted.

    Raises:
        InputError: the file is damaged or no such archive, or an array is missing.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            missing = set(names) - set(archive.files)
            if missing:
                raise InputError(f"{path}: arrays missing: {', '.join(sorted(missing))}")
            return [archive[name] for name in names]
    except _DAMAGED as error:
        raise InputError(f"{path}: not a readable npz archive ({error})") from error
