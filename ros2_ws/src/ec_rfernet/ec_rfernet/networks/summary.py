"""The layer table of a network: shapes, parameters, multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Layer:
    """One row of the table.

    Attributes:
        name: position in the network.
        kind: class of the module.
        shape: of the output, (channels, height, width) or (features,).
        parameters: trainable numbers.
        macs: multiply-accumulates of convolutions and linear layers for one image.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int


def _macs(module: nn.Module, output: torch.Tensor) -> int:
    if isinstance(module, nn.Conv2d):
        kernel = module.kernel_size[0] * module.kernel_size[1]
        per_pixel = kernel * module.in_channels // module.groups * module.out_channels
        return per_pixel * output.shape[2] * output.shape[3]
    if isinstance(module, nn.Linear):
        return module.in_features * module.out_features
    return 0


def layers(network: nn.Module, size: int, channels: int = 3) -> list[Layer]:
    """The top-level layers of a network with `trunk` and `head`, for size x size input."""
    macs: dict[nn.Module, int] = {}
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def record(module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        macs[module] = _macs(module, output)
        shapes[module] = tuple(output.shape[1:])

    hooks = [module.register_forward_hook(record) for module in network.modules()]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, channels, size, size))
    for hook in hooks:
        hook.remove()
    rows = []
    for part_name in ("trunk", "head"):
        for name, module in getattr(network, part_name).named_children():
            rows.append(
                Layer(
                    f"{part_name}.{name}",
                    _kind(module),
                    shapes[module],
                    sum(p.numel() for p in module.parameters()),
                    sum(macs.get(m, 0) for m in module.modules()),
                )
            )
    return rows


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
        side = module[0].kernel_size[0]
        return f"Conv{side}x{side}"
    return type(module).__name__
