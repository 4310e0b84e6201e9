"""The machine's ceiling: how fast one core multiplies large matrices, by precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ec_rfernet.benchmark.timing import Timing
from ec_rfernet.runtimes.onnx_runtime import OnnxSession

SIZES = (256, 512, 768, 1024)
"""Sides of the square matrices that are tried; the fastest stands for the machine."""

_OPSET = 17
_IR = 8  # the one that came with the opset


@dataclass(frozen=True)
class Product:
    """One way to multiply two square matrices on one core.

    Attributes:
        precision: of the factors.
        method: what multiplies.
        size: side of the matrices.
    """

    precision: str
    method: str
    size: int


@dataclass(frozen=True)
class Ceiling:
    """The fastest product of a precision.

    Attributes:
        product: the one.
        gmacs_per_s: 1e9 multiply-accumulates per second, by its median time.
        others: the rates of the other methods, each at its best size.
    """

    product: Product
    gmacs_per_s: float
    others: Mapping[str, float]


def products(
    sizes: Sequence[int] = SIZES,
) -> tuple[dict[Product, Callable[[], object]], tuple[str, ...]]:
    """What might be the fastest.

    Returns:
        The works; and what was left out, each with the reason.
    """
    works: dict[Product, Callable[[], object]] = {}
    left_out = []
    for add, reason in (
        (_onnxruntime, "the int8 ceiling, and ONNX Runtime's of fp32: onnx is not installed"),
        (_torch, "the bf16 ceiling, and PyTorch's of fp32: torch is not installed"),
    ):
        try:
            for size in sizes:
                works |= add(size)
        except ModuleNotFoundError:
            left_out.append(reason)
    return works, tuple(left_out)


def ceilings(timings: Mapping[Product, Timing]) -> dict[str, Ceiling]:
    """The ceiling of each precision, by its name."""
    best: dict[tuple[str, str], tuple[float, Product]] = {}
    for product, timing in timings.items():
        rate = product.size**3 / timing.median_s / 1e9
        key = product.precision, product.method
        if key not in best or rate > best[key][0]:
            best[key] = rate, product
    found = {}
    for precision in dict.fromkeys(product.precision for product in timings):
        rates = {method: best[p, method] for p, method in best if p == precision}
        top = max(rates, key=lambda method: rates[method][0])
        rate, product = rates.pop(top)
        found[precision] = Ceiling(product, rate, {name: value[0] for name, value in rates.items()})
    return found


def _torch(size: int) -> dict[Product, Callable[[], object]]:
    import torch

    def multiply(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        torch.set_num_threads(1)
        return torch.mm(left, right)

    left, right = torch.rand(2, size, size)
    return {
        Product("fp32", "PyTorch mm", size): partial(multiply, left, right),
        Product("bf16", "PyTorch mm", size): partial(
            multiply, left.to(torch.bfloat16), right.to(torch.bfloat16)
        ),
    }


def _onnxruntime(size: int) -> dict[Product, Callable[[], object]]:
    rng = np.random.default_rng(0)
    floats = rng.random((2, size, size), dtype=np.float32)
    left = rng.integers(0, 256, (size, size), dtype=np.uint8)
    right = rng.integers(-64, 64, (size, size), dtype=np.int8)
    return {
        Product("fp32", "ONNX Runtime MatMul", size): _node("MatMul", floats[0], floats[1]),
        Product("int8", "ONNX Runtime MatMulInteger", size): _node("MatMulInteger", left, right),
    }


def _node(operator: str, left: np.ndarray, right: np.ndarray) -> Callable[[], object]:
    """A network of one operator; the right factor is a weight, as in a network."""
    from onnx import helper, numpy_helper

    kind = helper.np_dtype_to_tensor_dtype(left.dtype)
    result = np.result_type(left.dtype, np.float32 if left.dtype == np.float32 else np.int32)
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        operator,
        [helper.make_tensor_value_info("left", kind, left.shape)],
        [
            helper.make_tensor_value_info(
                "product", helper.np_dtype_to_tensor_dtype(result), left.shape
            )
        ],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR
    return partial(OnnxSession(model.SerializeToString()).run, left)
