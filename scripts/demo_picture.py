#!/usr/bin/env python3
"""Makes the moving picture of the README from a recording of ``make demo``.

    python scripts/demo_picture.py demo_output docs/demo.webp

It shows the first answer to each expression, one after the other, and begins again at its end.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
from PIL import Image

from ec_rfernet.errors import InputError
from fer_bringup.film import SUMMARY, VIDEO

WIDTH = 640  # pixels
RATE_HZ = 10.0
BEFORE_S, AFTER_S = 1.0, 3.6
"""What is shown of an answer: so long before it begins, and so long from then on."""


def answers(summary: Path) -> list[float]:
    """When the first answer to each expression begins, seconds.

    Raises:
        InputError: this is no summary of a recording, or no expression was answered.
    """
    try:
        told = json.loads(summary.read_text(encoding="utf-8"))["answers"]
        # The last one wins, so the first answers come last.
        begins = {each["emotion"]: float(each["at_s"]) for each in reversed(told)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{summary}: no summary of make demo ({error})") from None
    begins.pop(None, None)
    if not begins:
        raise InputError(f"{summary}: no expression was answered; record the clip with make demo")
    return sorted(begins.values())


def frames(video: Path, begins: Sequence[float]) -> list[Image.Image]:
    """The frames around these moments, `RATE_HZ` a second and `WIDTH` wide.

    Raises:
        InputError: the video cannot be read, or it ends before the first of these moments.
    """
    reader = cv2.VideoCapture(str(video))
    found, rate = [], reader.get(cv2.CAP_PROP_FPS)
    index = due = 0
    while rate > 0 and reader.grab():
        time = index / rate
        index += 1
        if any(begin - BEFORE_S <= time < begin + AFTER_S for begin in begins):
            if due <= 0:
                due += rate
                image = reader.retrieve()[1]
                size = WIDTH, round(WIDTH * image.shape[0] / image.shape[1])
                small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
                found.append(Image.fromarray(small[..., ::-1]))
            due -= RATE_HZ
    reader.release()
    if not found:
        raise InputError(f"{video}: shows none of the answers")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the picture and tells how large it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recording", type=Path, help="folder that make demo leaves")
    parser.add_argument("picture", type=Path, help="ends in .webp or .gif")
    values = parser.parse_args(arguments)
    try:
        if values.picture.suffix not in (".webp", ".gif"):
            raise InputError(f"{values.picture}: expected a name that ends in .webp or .gif")
        shown = frames(values.recording / VIDEO, answers(values.recording / SUMMARY))
        shown[0].save(
            values.picture, save_all=True, append_images=shown[1:], loop=0,
            duration=round(1000 / RATE_HZ), quality=70, method=4,
        )  # fmt: skip
    except (InputError, OSError) as error:
        print(f"demo_picture: {error}", file=sys.stderr)
        return 2
    size = values.picture.stat().st_size / 1e6
    print(f"{values.picture}: {len(shown) / RATE_HZ:.1f} s, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
