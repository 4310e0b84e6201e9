"""ONNX files become graphs, or are refused."""

from pathlib import Path

import onnx
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.bundle import INT8, ONNX
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.native import network_graph

MODELS = Path(__file__).resolve().parents[6] / "models"


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
