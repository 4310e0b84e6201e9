"""The memory of a freed image is used for the next one."""

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from fer_common.runner import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
def image():
    return [bytearray(920_000) for _ in range(3)]
for _ in range(5):
    image()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    image()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


def faults(how: str) -> float:
    """Pages that are fetched from the system for each image."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is meant")
def test_images_are_not_fetched_from_the_system_again_and_again() -> None:
    pages_of_an_image = 3 * 920_000 / resource.getpagesize()
    assert faults("kept") < 0.05 * pages_of_an_image < 0.5 * faults("left")
