"""The resumable state of a run: one safetensors file, replaced atomically."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

from ec_rfernet.errors import InputError

Tensors = dict[str, Tensor]


@dataclass
class History:
    """What happened so far, one entry per finished epoch.

    Attributes:
        loss: mean training loss.
        accuracy: validation accuracy of the averaged weights, 0..1.
        seconds: duration of the epoch.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.loss)


def _momenta(model: nn.Module, optimizer: optim.Optimizer) -> Tensors:
    found: Tensors = {}
    for name, parameter in model.named_parameters():
        buffer = optimizer.state.get(parameter, {}).get("momentum_buffer")
        if buffer is not None:
            found[name] = buffer
    return found


def save_state(
    path: Path,
    config: dict[str, object],
    model: nn.Module,
    average: nn.Module,
    optimizer: optim.Optimizer,
    history: History,
) -> None:
    """Writes everything that the next epoch depends on.

    Randomness needs no place here: it is seeded anew from (seed, epoch).
    """
    groups = {
        "model": model.state_dict(),
        "average": average.state_dict(),
        "momentum": _momenta(model, optimizer),
    }
    flat = {f"{g}/{k}": v.contiguous() for g, tensors in groups.items() for k, v in tensors.items()}
    metadata = {"config": json.dumps(config), "history": json.dumps(vars(history))}
    partial = path.with_suffix(".partial")
    save_file(flat, partial, metadata)
    partial.replace(path)


def load_state(
    path: Path,
    config: dict[str, object],
    model: nn.Module,
    average: nn.Module,
    optimizer: optim.Optimizer,
) -> History:
    """Restores what `save_state` wrote, into the given objects.

    Raises:
        InputError: the file is damaged or belongs to other settings.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            flat = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        stored = json.loads(metadata["config"])
        history = History(**json.loads(metadata["history"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: not a training state ({error}); remove it to start anew"
        ) from error
    changed = sorted(k for k in stored.keys() | config.keys() if stored.get(k) != config.get(k))
    if changed:
        raise InputError(
            f"{path}: was written with other settings ({', '.join(changed)}); "
            "give the same ones, or another --out"
        )

    def group(name: str) -> Tensors:
        return {k.split("/", 1)[1]: v for k, v in flat.items() if k.startswith(f"{name}/")}

    model.load_state_dict(group("model"))
    average.load_state_dict(group("average"))
    momenta = group("momentum")
    for name, parameter in model.named_parameters():
        if name in momenta:
            buffer = momenta[name].to(parameter.device).clone(memory_format=torch.preserve_format)
            optimizer.state[parameter]["momentum_buffer"] = buffer
    return history
