import dataclasses
import errno
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from ec_rfernet import bundle, export, networks
from ec_rfernet.bundle import INT8, INT8_PROGRAM, MANIFEST, ONNX, PROGRAM, WEIGHTS
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.export import agreement, spread, write_bundle
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.torch_runtime import load_network


def pictures(count):
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48)).astype(np.uint8)


def draft(folder, architecture="emotionnet_nano_b"):
    return bundle.Bundle(
        folder=folder, name="tiny", architecture=architecture, input_size=44, mean=0.5, std=0.25,
        framing=FER2013,
    )  # fmt: skip


def network(seed, architecture="emotionnet_nano_b"):
    torch.manual_seed(seed)
    return networks.create(architecture)


@pytest.fixture(scope="module")
def written(trusted):
    return write_bundle(draft(trusted / "tiny"), network(0), pictures(32))


@pytest.fixture
def copy(written, tmp_path):
    folder = shutil.copytree(written.folder, tmp_path / "copy")
    return dataclasses.replace(written, folder=folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_bundle_of_both_precisions(written):
    assert bundle.load(written.folder) == written
    assert sorted(contents(written.folder)) == sorted(
        [MANIFEST, INT8, ONNX, PROGRAM, INT8_PROGRAM, WEIGHTS]
    )
    assert written.file(INT8).stat().st_size < 0.6 * written.file(ONNX).stat().st_size


@pytest.mark.parametrize("architecture", ["ec_rfernet", "emotionnet_nano_a"])
def test_every_network_is_quantised_whole(architecture, tmp_path):
    found = write_bundle(draft(tmp_path, architecture), network(0, architecture), pictures(8))
    graph = onnx.load(found.file(INT8)).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    producers = {node.output[0]: node for node in graph.node}
    layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    assert layers
    for layer in layers:
        source = producers[layer.input[1]]
        assert source.op_type == "DequantizeLinear"
        assert kinds[source.input[0]] == onnx.TensorProto.INT8


@pytest.mark.parametrize("crops", [scores.single_crop, scores.ten_crop])
def test_the_three_forms_agree(written, crops):
    images = pictures(16)
    onnx_form, whole = (open_classifier(written, precision=name) for name in ("fp32", "int8"))
    trained = open_classifier(written, runtime="torch", precision="fp32")
    expected = scores.logits(trained, images, crops)
    np.testing.assert_allclose(scores.logits(onnx_form, images, crops), expected, atol=1e-4)
    in_int8 = scores.logits(whole, images, crops)
    assert in_int8.shape == expected.shape
    assert 0 < np.abs(in_int8 - expected).max() < 0.2 * np.ptp(expected)
    assert 0 <= agreement(written, images) <= 1


def test_a_bundle_without_int8_names_the_command_that_makes_it(copy):
    for name in (INT8, INT8_PROGRAM):
        copy.file(name).unlink()
    fp32 = bundle.save(copy)
    assert INT8 not in fp32.sha256
    with pytest.raises(InputError, match=r"no model.int8.onnx .* export --bundle .* --int8"):
        open_classifier(fp32, precision="int8")


def test_an_unknown_precision(written):
    with pytest.raises(InputError, match="precision is 'fp16', expected auto or .* int8"):
        open_classifier(written, precision="fp16")


def test_a_damaged_int8_file_is_refused(copy):
    copy.file(INT8).write_bytes(copy.file(INT8).read_bytes()[:-1])
    with pytest.raises(InputError, match=r"model\.int8\.onnx: sha256 is"):
        bundle.load(copy.folder)


def test_int8_stays_with_its_weights_and_goes_with_others(copy):
    kept = write_bundle(copy, load_network(copy))
    assert kept == bundle.load(copy.folder)
    assert kept.sha256 == copy.sha256
    other = write_bundle(copy, network(1))
    assert INT8 not in other.sha256
    assert not other.file(INT8).exists()
    assert not other.file(INT8_PROGRAM).exists()
    assert bundle.load(copy.folder) == other


@pytest.mark.parametrize("moves", [1, 3, 6])  # the first of the files, one between, the last
def test_a_full_disk_leaves_the_old_bundle(copy, monkeypatch, moves):
    before, original, moved = contents(copy.folder), Path.replace, []

    def replace(self, target):
        if Path(target).parent == copy.folder and self.parent.name == "new":
            moved.append(self)
            if len(moved) == moves:
                raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(copy, network(1), pictures(8))
    assert contents(copy.folder) == before


def test_a_disk_that_fills_up_while_quantising_is_named(copy, monkeypatch):
    """ONNX Runtime leaves half a file then, and says nothing."""
    before = contents(copy.folder)
    monkeypatch.setattr(
        export,
        "quant_pre_process",
        lambda source, target, **_: Path(target).write_bytes(Path(source).read_bytes()[:-99]),
    )
    with pytest.raises(OSError, match="the disk may be full") as raised:
        write_bundle(copy, network(1), pictures(8))
    assert raised.value.filename == str(copy.folder)
    assert contents(copy.folder) == before


def test_weights_that_are_no_numbers_are_not_exported(copy):
    broken = network(1)
    torch.nn.init.constant_(next(broken.parameters()), float("nan"))
    before = contents(copy.folder)
    with pytest.raises(InputError, match="differs from the network by nan"):
        write_bundle(copy, broken)
    assert contents(copy.folder) == before


def test_calibration_pictures_are_spread_over_the_classes():
    labels = np.repeat([0, 1, 2], [100, 50, 3])
    rows = spread(labels, 33)
    assert len(set(rows)) == 33
    assert np.bincount(labels[rows]).tolist() == [15, 15, 3]
    assert (rows == spread(labels, 33)).all()
    assert sorted(spread(labels, 1000)) == list(range(153))
