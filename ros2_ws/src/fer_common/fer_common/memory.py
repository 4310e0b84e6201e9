"""Memory of a process through which images pass."""

from __future__ import annotations

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of <malloc.h>
_LARGEST = 32 * 2**20  # bytes, more than glibc does not allow; a 4K picture has 24 MiB


def keep_memory() -> None:
    """Tells glibc's malloc to keep freed blocks of the size of an image.

    It would give each back to the system and fetch the next one page by page, each page
    zeroed by the kernel: of the time to receive a picture of 640x480 that was half. Up to
    64 MiB more stay with the process. Another C library is left as it is.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST)
    mallopt(_TRIM_THRESHOLD, 2 * _LARGEST)


def settle_memory() -> None:
    """Tells the garbage collector that what is there now will stay.

    To be called when everything is loaded. Every now and then the collector walks through
    all that lives, which took 80 ms of perception: two images late.
    """
    gc.collect()
    gc.freeze()
