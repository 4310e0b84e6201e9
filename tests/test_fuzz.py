"""A short run of `tests.fuzz`: the same some hundred inputs for every reader, each time."""

import random
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from tests.fuzz import TARGETS, check, mutations


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name: str, tmp_path: Path) -> None:
    for seed in TARGETS[name].seeds():
        if name == "bundle":  # of which only the manifest is there
            with pytest.raises(InputError, match=r"model\.onnx: cannot be read"):
                TARGETS[name].read(seed, tmp_path)
        else:
            assert TARGETS[name].read(seed, tmp_path) is not None


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_nearly_right_is_read_or_refused(name: str, tmp_path: Path) -> None:
    inputs = mutations(TARGETS[name].seeds(), random.Random(5))
    for _, data in zip(range(150), inputs, strict=False):
        check(TARGETS[name], data, tmp_path)
