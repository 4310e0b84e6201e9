import dataclasses
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from ec_rfernet import networks, runtimes
from ec_rfernet.bundle import INT8, INT8_PROGRAM, ONNX, Bundle, save
from ec_rfernet.errors import InputError
from ec_rfernet.export import write_bundle
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.kernels import network as kernels
from ec_rfernet.runtimes import RUNTIMES, available, cpu, open_classifier
from ec_rfernet.runtimes.classifier import PRECISIONS
from ec_rfernet.runtimes.torch_runtime import load_network

needs_openvino = pytest.mark.skipif(not find_spec("openvino"), reason="openvino is not installed")
needs_native = pytest.mark.skipif(kernels.find() is None, reason="ec_rfernet_native is not built")
NEEDS = {"openvino": needs_openvino, "native": needs_native}

TOLERANCE = {"fp32": 1e-4, "bf16": 0.05, "int8": 0.2}
"""Of a logit, as a share of the range of all."""


def noise(count):
    return np.random.default_rng(count).integers(0, 256, (count, 44, 44)).astype(np.uint8)


@pytest.fixture(scope="module")
def bundle(trusted):
    torch.manual_seed(0)
    draft = Bundle(
        folder=trusted / "tiny", name="tiny",
        architecture="emotionnet_nano_b", input_size=44, mean=0.5, std=0.25, framing=FER2013,
        temperature=1.5,
    )  # fmt: skip
    pictures = np.random.default_rng(0).integers(0, 256, (16, 48, 48)).astype(np.uint8)
    return write_bundle(draft, networks.create("emotionnet_nano_b"), pictures)


@pytest.fixture(scope="module")
def expected(bundle):
    return open_classifier(bundle, 1, "onnxruntime", "fp32").logits(noise(21))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(pair, id=" ".join(pair), marks=NEEDS.get(pair[0], ()))
        for pair in (
            ("onnxruntime", "fp32"), ("onnxruntime", "int8"),
            ("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8"),
            ("torch", "fp32"), ("torch", "bf16"), ("native", "fp32"), ("native", "int8"),
        )
    ],
)  # fmt: skip
def opened(request, bundle):
    if request.param[1] == "bf16" and request.param not in available(bundle):
        pytest.skip(f"{cpu.name()} has no {request.param[1]}")
    return open_classifier(bundle, 1, *request.param)


def test_all_answer_the_same(opened, expected):
    found = opened.logits(noise(21))
    assert found.dtype == np.float32
    bound = TOLERANCE[opened.precision] * np.ptp(expected)
    np.testing.assert_allclose(found, expected, atol=bound)
    assert opened.precision == "fp32" or np.abs(found - expected).max() > 1e-4


@pytest.mark.parametrize("count", [0, 1, 5, 16])
def test_any_number_of_faces(opened, count):
    crops = noise(count)
    together = opened.probabilities(crops)
    assert together.shape == (count, 7)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for crop, row in zip(crops, together, strict=True):
        np.testing.assert_allclose(opened.probabilities(crop[None])[0], row, atol=0.02)


class FromPixels(nn.Module):
    """A network that scales the pixels itself."""

    def __init__(self, network, bundle):
        super().__init__()
        self.network, self.mean, self.std = network, bundle.mean, bundle.std

    def forward(self, faces):
        return self.network(((faces.float() / 255 - self.mean) / self.std).expand(-1, 3, -1, -1))


@pytest.mark.parametrize("runtime", ["onnxruntime", pytest.param("openvino", marks=needs_openvino)])
def test_a_network_that_takes_pixels(bundle, expected, tmp_path, runtime):
    torch.onnx.export(
        FromPixels(load_network(bundle), bundle), (torch.zeros(1, 1, 44, 44, dtype=torch.uint8),),
        str(tmp_path / ONNX), input_names=["faces"], opset_version=17, dynamo=False,
        dynamic_axes={"faces": {0: "n"}},
    )  # fmt: skip
    found = open_classifier(dataclasses.replace(bundle, folder=tmp_path), 1, runtime, "fp32")
    np.testing.assert_allclose(found.logits(noise(21)), expected, atol=1e-4)
    turned = np.asfortranarray(noise(21))
    np.testing.assert_allclose(found.logits(turned), expected, atol=1e-4)


def test_an_answer_stays_when_the_next_comes(opened):
    first = opened.logits(noise(1))
    before = first.copy()
    opened.logits(noise(2)[:1])
    assert (first == before).all()


def test_crops_that_are_cut_out_of_something_larger(opened):
    wide = np.repeat(noise(2), 2, axis=2)
    expected = opened.logits(np.ascontiguousarray(wide[:, :, ::2]))
    np.testing.assert_allclose(opened.logits(wide[:, :, ::2]), expected, atol=1e-5)


def test_crops_of_another_size(opened):
    with pytest.raises(ValueError, match=r"expected \[N, 44, 44\]"):
        opened.logits(np.zeros((1, 48, 48), np.uint8))


@pytest.mark.parametrize("threads", [0, 2])
def test_threads_change_no_answer(bundle, expected, threads):
    before = torch.get_num_threads()
    for runtime, precision in available(bundle):
        if precision == "fp32":
            found = open_classifier(bundle, threads, runtime, precision).logits(noise(21))
            np.testing.assert_allclose(found, expected, atol=1e-4)
    torch.set_num_threads(before)


def test_what_is_available_can_be_opened(bundle):
    for runtime, precision in available(bundle):
        found = open_classifier(bundle, 1, runtime, precision)
        assert (found.runtime, found.precision, found.warning) == (runtime, precision, None)
        assert found.bundle is bundle


def test_a_bundle_without_int8(bundle, tmp_path):
    folder = tmp_path / "fp32"
    folder.mkdir()
    for name in bundle.sha256:
        if name not in (INT8, INT8_PROGRAM):
            (folder / name).write_bytes(bundle.file(name).read_bytes())
    plain = save(dataclasses.replace(bundle, folder=folder))
    assert "int8" not in {precision for _, precision in available(plain)}
    assert open_classifier(plain).precision == "fp32"


@pytest.mark.parametrize(
    ("runtime", "precision", "message"),
    [
        ("tensorrt", "auto", "runtime is 'tensorrt', expected auto or one of: onnxruntime, open"),
        ("auto", "fp16", "precision is 'fp16', expected auto or one of: fp32, bf16, int8"),
        ("onnxruntime", "bf16", "'onnxruntime' computes in fp32 or int8, not in bf16"),
        ("torch", "int8", "'torch' computes in fp32 or bf16, not in int8"),
        pytest.param(
            "native", "bf16", "'native' computes in fp32 or int8, not in bf16", marks=needs_native
        ),
    ],
)
def test_what_cannot_be_had(bundle, runtime, precision, message):
    with pytest.raises(InputError, match=message):
        open_classifier(bundle, 1, runtime, precision)


def test_a_runtime_that_is_not_installed(bundle, monkeypatch):
    monkeypatch.setattr(runtimes, "installed", lambda name: name == "onnxruntime")
    assert {runtime for runtime, _ in available(bundle)} == {"onnxruntime"}
    with pytest.raises(InputError, match="'openvino' is not installed: pip install openvino"):
        open_classifier(bundle, 1, "openvino", "fp32")
    with pytest.raises(InputError, match="'native' is not installed: build ec_rfernet_native"):
        open_classifier(bundle, 1, "native", "fp32")


def test_a_processor_without_bf16(bundle, monkeypatch):
    monkeypatch.setattr(cpu, "has_bf16", lambda: False)
    assert ("torch", "bf16") not in available(bundle)
    with pytest.raises(InputError, match="'torch' has no bf16 on this processor"):
        open_classifier(bundle, 1, "torch", "bf16")


def test_a_processor_whose_int8_onnxruntime_gets_wrong(bundle, expected, monkeypatch):
    monkeypatch.setattr(cpu, "has_int8_tiles", lambda: True)
    classifier = open_classifier(bundle, 1, "onnxruntime", "int8")
    found = classifier.logits(noise(21))
    np.testing.assert_array_equal(found, classifier.logits(noise(21)))
    np.testing.assert_allclose(found, expected, atol=TOLERANCE["int8"] * np.ptp(expected))


@pytest.mark.parametrize(
    "runtime",
    ["onnxruntime", *(pytest.param(name, marks=needed) for name, needed in NEEDS.items())],
)
def test_a_file_that_is_no_network(bundle, tmp_path, runtime):
    for name in bundle.sha256:
        (tmp_path / name).write_bytes(b"no network")
    problem = "model.program: not a program of our kernels"
    if runtime != "native":
        problem = "model.onnx: not a network that can be run"
    with pytest.raises(InputError, match=problem):
        open_classifier(dataclasses.replace(bundle, folder=tmp_path), 1, runtime, "fp32")


def test_a_network_of_other_labels(bundle):
    fewer = dataclasses.replace(bundle, labels=bundle.labels[:-1])
    with pytest.raises(InputError, match=r"model.onnx: 7 outputs, expected 6"):
        open_classifier(fewer, 1, "onnxruntime", "fp32")


@pytest.mark.parametrize(
    "asked",
    [
        ("auto", "auto"),
        ("auto", "int8"),
        ("onnxruntime", "auto"),
        pytest.param(("openvino", "fp32"), marks=needs_openvino),
        pytest.param(("native", "int8"), marks=needs_native),
    ],
)
def test_only_what_is_asked_for_is_imported(bundle, asked):
    others = {*RUNTIMES, "onnx", "matplotlib", "openvino_telemetry"} - {"onnxruntime", asked[0]}
    code = (
        "import sys; from pathlib import Path; from ec_rfernet import bundle, runtimes;"
        f"runtimes.open_classifier(bundle.load(Path({str(bundle.folder)!r})), 1, *{asked!r});"
        f"print(sorted({others!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


@needs_openvino
def test_openvino_tells_nobody_that_it_is_used(bundle, tmp_path):
    """Left alone it writes into ~/intel and reports to the network from a process of its own."""
    code = (
        "import sys, threading; from pathlib import Path;"
        "told = {'os.fork', 'socket.connect'};"
        "sys.addaudithook(lambda event, _: event in told and print(event));"
        "from ec_rfernet import bundle, runtimes;"
        f"runtimes.open_classifier(bundle.load(Path({str(bundle.folder)!r})), 1, 'openvino');"
        "[t.join() for t in threading.enumerate() if t is not threading.main_thread()]"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, timeout=120, env=environment,
    )  # fmt: skip
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_every_precision_is_somewhere(bundle):
    assert {precision for _, precision in available(bundle)} <= set(PRECISIONS)
    assert {("onnxruntime", "fp32"), ("onnxruntime", "int8")} <= set(available(bundle))
