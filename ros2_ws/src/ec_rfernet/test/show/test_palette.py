from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.labels import CONTEMPT, LABELS, UNKNOWN
from ec_rfernet.show.palette import COLOURS, colour_of, contrast, ink


def simulated(colour, matrix):
    """A colour as someone with a colour blindness sees it, linear RGB 0..1."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.clip(np.array(matrix) @ linear, 0, 1)


# Machado, Oliveira and Fernandes (2009), severity 1.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "none": np.eye(3),
}


@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_colours_are_told_apart_by_the_colour_blind(kind):
    seen = {label: simulated(colour, BLINDNESS[kind]) ** (1 / 2.2) for label, colour in
            COLOURS.items()}  # fmt: skip
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.18, f"{one} and {other}"


def test_every_label_has_a_colour_and_text_on_it_is_read():
    assert list(COLOURS) == [*LABELS, CONTEMPT, UNKNOWN]
    assert all(contrast(colour, ink(colour)) >= 4.5 for colour in COLOURS.values())


@given(st.text())
def test_any_other_label_has_a_colour_too_and_text_on_it_is_read(label):
    shade = colour_of(label)
    assert all(0 <= part <= 255 for part in shade)
    assert contrast(shade, ink(shade)) >= 4.5


def test_a_label_that_nobody_knows_has_the_same_colour_in_every_program():
    program = "from ec_rfernet.show.palette import colour_of; print(colour_of('bored'))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == str(colour_of("bored"))
    assert colour_of("bored") != colour_of("amazed")
