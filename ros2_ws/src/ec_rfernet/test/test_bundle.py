import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec_rfernet import bundle, model, networks, runtimes
from ec_rfernet.errors import InputError
from ec_rfernet.export import PARITY, parity, write_bundle
from ec_rfernet.faces.framing import ANCHORS, FER2013
from ec_rfernet.kernels.network import KernelNetwork, KernelProgram
from ec_rfernet.runtimes import available, open_classifier
from ec_rfernet.runtimes.torch_runtime import load_network


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    torch.manual_seed(1)
    draft = bundle.Bundle(
        folder=tmp_path_factory.mktemp("bundles") / "tiny",
        name="tiny", architecture="ec_rfernet", input_size=44, mean=0.5, std=0.25,
        framing=FER2013, temperature=1.3, reject_threshold=0.4,
        provenance={"data": ["none"]}, metrics={"public": {"accuracy": 0.5}},
    )  # fmt: skip
    return write_bundle(draft, networks.create("ec_rfernet"))


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written.folder, tmp_path / "copy")


def edit(folder, **changes):
    path = folder / bundle.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_round_trip(written):
    assert bundle.load(written.folder) == written


def test_what_its_training_found_unfit_is_not_used_unless_forced(copy, tmp_path):
    edit(copy, unfit="it has collapsed", verdict=["3 of 9."])
    unfit = bundle.load(copy)
    assert unfit.verdict == ("3 of 9.",)
    with pytest.raises(InputError, match=r"unfit for use: it has collapsed; .*--force"):
        bundle.require_fit(unfit)
    with pytest.raises(InputError, match="it has collapsed"):
        model.load(copy)
    model.load(copy, force=True).close()
    edit(copy, unfit="", verdict=None)
    with pytest.raises(InputError, match="wrong type"):
        bundle.load(copy)


def test_only_the_four_files_are_left(written):
    names = sorted(path.name for path in written.folder.iterdir())
    assert names == ["bundle.json", "model.onnx", "model.program", "weights.safetensors"]


def test_onnx_computes_what_torch_does(written):
    assert parity(written, load_network(written)) <= PARITY


def test_classifier(written):
    classifier = open_classifier(written)
    crops = np.random.default_rng(0).integers(0, 256, (5, 44, 44)).astype(np.uint8)
    together = classifier.probabilities(crops)
    assert together.shape == (5, 7)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    alone = np.concatenate([classifier.probabilities(crop[None]) for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert classifier.probabilities(crops[:0]).shape == (0, 7)
    with pytest.raises(ValueError, match="expected \\[N, 44, 44\\]"):
        classifier.probabilities(np.zeros((1, 48, 48), np.uint8))


def test_temperature_softens(written, copy):
    crops = np.random.default_rng(0).integers(0, 256, (1, 44, 44)).astype(np.uint8)
    edit(copy, temperature=20.0)
    soft = open_classifier(bundle.load(copy)).probabilities(crops)
    assert soft.max() < open_classifier(written).probabilities(crops).max()


@pytest.mark.parametrize("name", ["model.onnx", "model.program", "weights.safetensors"])
def test_a_damaged_file_is_refused(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name}: sha256 is .* damaged or was replaced"):
        bundle.load(copy)


@pytest.mark.parametrize("name", ["model.onnx", "model.program"])
def test_a_missing_file_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(InputError, match=f"{name}: cannot be read"):
        bundle.load(copy)


def test_a_bundle_runs_without_the_weights_that_it_was_exported_from(copy):
    (copy / "weights.safetensors").unlink()
    model = bundle.load(copy)
    assert open_classifier(model).labels == model.labels
    assert "torch" not in {runtime for runtime, _ in available(model)}
    with pytest.raises(InputError, match="no weights.safetensors .* only what runs without PyTor"):
        open_classifier(model, 1, "torch")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "format is 99, expected 1"),
        ({"labels": ["happy"]}, "labels is .* expected 2..256 different words like angry"),
        ({"std": 0}, r"std is 0.0, expected 0\.001\.\.1000"),
        ({"mean": 128}, "mean is 128.0, expected 0..1"),
        ({"temperature": -1}, "temperature is -1.0"),
        ({"reject_threshold": 2}, "reject_threshold is 2.0, expected 0..1"),
        ({"input_size": 400}, "input_size is 400"),
        ({"input_size": "big"}, "wrong type"),
        ({"framing": {"size": 48}}, "wrong type"),
        (
            {"framing": {"size": 48, **{name: ["nan", 1] for name in ANCHORS}}},
            "expected a size up to 1024",
        ),
        ({"sha256": {}}, "sha256 is {}, expected an entry for model.onnx"),
        ({"sha256": {"model.onnx": "", "/dev/zero": ""}}, "expected an entry for model.onnx, and"),
        ({"sha256": {"model.onnx": "", "../x": ""}}, "and others only for model.int8.onnx"),
        ({"input_size": float("inf")}, "wrong type"),
        ({"mean": 10**4000}, "wrong type"),
        ({"framing": []}, "wrong type"),
        ({"name": "x" * 5000}, r"name is 'x+\.\.\.x+', expected 1\.\.100 printable characters"),
        ({"name": "\x1b]0;title\x07"}, "expected 1..100 printable characters"),
        ({"temperature": 1e-310}, "temperature is 1e-310, expected 0.001..1000"),
        (
            {"framing": {"size": 48, **{name: [1, 1] for name in ANCHORS}}},
            "and different points within",
        ),
        (
            {
                "input_size": 40_000,
                "framing": {"size": 40_000, **{name: [1, 2] for name in ANCHORS}},
            },
            "a size up to 1024",
        ),
    ],
)
def test_a_foreign_manifest_is_refused(copy, changes, message):
    edit(copy, **changes)
    with pytest.raises(InputError, match=message):
        bundle.load(copy)


def with_network(copy, written, name, data):
    """A bundle whose checksums are right, whatever the file holds."""
    (copy / name).write_bytes(data)
    return bundle.save(bundle.Bundle(**{**vars(written), "folder": copy}))


def onnx_file(*steps, output):
    """A network of the right input, and of the steps."""
    from onnx import TensorProto, helper

    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 44, 44])
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    graph = helper.make_graph(list(steps), "hostile", [source], [result])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def sized(count):
    """A network that asks for so many numbers in each of two dimensions."""
    from onnx import TensorProto, helper

    shape = helper.make_tensor("s", TensorProto.INT64, [2], [count, count])
    return onnx_file(
        helper.make_node("Constant", [], ["shape"], value=shape),
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("ReduceMean", ["big"], ["mean"], keepdims=0),
        helper.make_node("Add", ["x", "mean"], ["sum"]),
        helper.make_node("Exp", ["sum"], ["y"]),
        output="y",
    )


def endless():
    """A network that never answers."""
    from onnx import TensorProto, helper

    name = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", [a], [b]) for a, b in (("go", "on"), ("v", "w"))],
        "body",
        [name("i", TensorProto.INT64, []), name("go", TensorProto.BOOL, []),
         name("v", TensorProto.FLOAT, None)],
        [name("on", TensorProto.BOOL, []), name("w", TensorProto.FLOAT, None)],
    )  # fmt: skip
    yes = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    return onnx_file(
        helper.make_node("Constant", [], ["yes"], value=yes),
        helper.make_node("Loop", ["", "yes", "x"], ["y"], body=body),
        output="y",
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"\xff" * 2_000_000, "model.onnx: not a network that can be run"),
        (lambda: sized(100_000), "not a network that can be run|does not answer on onnxruntime"),
        (lambda: sized(2**40), "not a network that can be run|does not answer on onnxruntime"),
    ],
    ids=["rubbish", "large", "absurd"],
)
def test_a_network_that_asks_for_anything_is_told_in_bounds(copy, written, make, message):
    model = with_network(copy, written, "model.onnx", make())
    with pytest.raises(InputError, match=message):
        open_classifier(model, 1, "onnxruntime")


def test_a_network_that_never_answers_is_told(copy, written, monkeypatch):
    monkeypatch.setattr(runtimes, "LONGEST_S", 1)
    model = with_network(copy, written, "model.onnx", endless())
    with pytest.raises(InputError, match="does not answer on onnxruntime within 1 s and 1 GB"):
        open_classifier(model, 1, "onnxruntime")


@given(st.integers(8, 3000), st.integers(-(2**31), 2**31 - 1))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_program_of_any_words_is_run_or_refused(written, tmp_path, place, word):
    words = np.fromfile(written.file("model.program"), "<i4")
    words[place] = word
    words.tofile(tmp_path / "changed.program")
    try:
        network = KernelNetwork(KernelProgram.read(tmp_path / "changed.program"))
        network.run(np.zeros((1, 1, 44, 44), np.uint8))
    except (InputError, ValueError) as error:
        assert "\n" not in str(error)


def test_no_bundle(tmp_path):
    with pytest.raises(InputError, match="no model bundle here"):
        bundle.load(tmp_path)
    (tmp_path / bundle.MANIFEST).write_text("{")
    with pytest.raises(InputError, match="is not valid JSON"):
        bundle.load(tmp_path)


def test_weights_of_another_network(copy, written):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3, np.float32)}, copy / "weights.safetensors")
    bundle.save(bundle.Bundle(**{**vars(written), "folder": copy}))
    with pytest.raises(InputError, match="not the weights of ec_rfernet"):
        load_network(bundle.load(copy))


def test_an_onnx_file_that_is_none(copy, written):
    (copy / "model.onnx").write_bytes(b"no network")
    bundle.save(bundle.Bundle(**{**vars(written), "folder": copy}))
    with pytest.raises(InputError, match="not a network that can be run"):
        open_classifier(bundle.load(copy), 1, "onnxruntime")


def test_find(written):
    parent = written.folder.parent
    assert bundle.find("tiny", [parent]) == parent / "tiny"
    assert bundle.find(str(written.folder), []) == written.folder
    with pytest.raises(InputError, match="no model 'huge'; expected .* one of: tiny"):
        bundle.find("huge", [parent])
