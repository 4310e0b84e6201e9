"""ONNX files are read as the package onnx reads them; planes never share their place."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from ec_rfernet.bundle import INT8, ONNX
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.native import network_graph
from ec_rfernet.runtimes.native.operations import Operation, Place, Plane, arrange

MODELS = Path(__file__).resolve().parents[5] / "models"


@pytest.mark.parametrize("name", ["ec_rfernet", "emotionnet_nano_a", "emotionnet_nano_b"])
@pytest.mark.parametrize("file", [ONNX, INT8])
def test_shipped_files(name, file):
    found = network_graph.read(MODELS / name / file)
    expected = onnx.load(MODELS / name / file).graph
    assert (found.source, found.result) == (expected.input[0].name, expected.output[0].name)
    assert not found.takes_pixels
    assert {*found.constants} == {tensor.name for tensor in expected.initializer}
    for tensor in expected.initializer:
        values = numpy_helper.to_array(tensor)
        assert found.constants[tensor.name].dtype == values.dtype
        np.testing.assert_array_equal(found.constants[tensor.name], values)
    for node, other in zip(found.nodes, expected.node, strict=True):
        assert (node.kind, node.inputs, node.outputs) == (
            other.op_type, (*other.input,), (*other.output,),
        )  # fmt: skip
        for attribute in other.attribute:
            value = onnx.helper.get_attribute_value(attribute)
            if attribute.name == "value":
                value = numpy_helper.to_array(value)
            np.testing.assert_array_equal(node.attributes[attribute.name], value)


def test_a_network_of_pixels(tmp_path):
    tensors = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, ["n", 1, 44, 44])
        for name in ("faces", "same")
    ]
    node = onnx.helper.make_node("Identity", ["faces"], ["same"])
    graph = onnx.helper.make_graph([node], "pixels", tensors[:1], tensors[1:])
    onnx.save(onnx.helper.make_model(graph), tmp_path / ONNX)
    assert network_graph.read(tmp_path / ONNX).takes_pixels


@settings(max_examples=200)
@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.tuples(st.integers(0, 190_000), st.integers(0, 255)),
        st.integers(0, 190_000),
    )
)
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, data):
    content = bytearray((MODELS / "emotionnet_nano_b" / INT8).read_bytes())
    if isinstance(data, bytes):
        content = bytearray(data)
    elif isinstance(data, int):
        del content[data:]
    else:
        content[data[0]] = data[1]
    path = tmp_path_factory.mktemp("any") / ONNX
    path.write_bytes(content)
    try:
        network_graph.read(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: not a network that can be run")
        assert "\n" not in str(error)


@given(data=st.data())
def test_planes_that_are_still_needed_keep_their_place(data):
    operations, planes = [], []
    for _ in range(data.draw(st.integers(1, 12))):
        sizes = st.sampled_from([(3, 3, 0), (3, 3, 5), (7, 4, 0), (12, 12, 0)])
        writes = [Plane(*data.draw(sizes)) for _ in range(data.draw(st.integers(1, 3)))]
        reads = data.draw(st.lists(st.sampled_from(planes), max_size=4)) if planes else []
        fields = (tuple(Place(plane) for plane in [*reads, *writes]),)
        operations.append(Operation(0, fields, tuple(writes)))
        planes += writes
    places, memory = arrange(operations)

    def extent(plane):
        return places[plane] - plane.lead, places[plane] - plane.lead + plane.size

    last = {plane: n for n, operation in enumerate(operations) for plane in operation.planes()}
    born = {plane: n for n, operation in enumerate(operations) for plane in operation.writes}
    for plane in planes:
        start, end = extent(plane)
        assert start >= 0
        assert end <= memory
        for other in planes:
            if other is not plane and born[other] <= last[plane] and born[plane] <= last[other]:
                assert end <= extent(other)[0] or extent(other)[1] <= start
