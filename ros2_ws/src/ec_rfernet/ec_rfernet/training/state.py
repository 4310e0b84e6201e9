"""The resumable state of a run: one safetensors file, replaced atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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


def _optimizer_tensors(model: nn.Module, optimizer: optim.Optimizer) -> Tensors:
    """Momentum and the like, by ``<name of the parameter>/<name of the value>``."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


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

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    groups = {
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": _optimizer_tensors(model, optimizer),
    }
    flat = {f"{g}/{k}": v.contiguous() for g, tensors in groups.items() for k, v in tensors.items()}
    metadata = {"config": json.dumps(config), "history": json.dumps(vars(history))}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        save_file(flat, partial, metadata)
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error})") from error


def require_same(path: Path, stored: Mapping[str, object], config: Mapping[str, object]) -> None:
    """Refuses what a file holds of a run with other settings.

    Raises:
        InputError: names the settings that differ.
    """
    changed = sorted(k for k in stored.keys() | config.keys() if stored.get(k) != config.get(k))
    if changed:
        raise InputError(
            f"{path}: was written with other settings ({', '.join(changed)}); "
            "give the same ones, or another --out"
        )


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
    require_same(path, stored, config)

    def group(name: str) -> Tensors:
        return {k.split("/", 1)[1]: v for k, v in flat.items() if k.startswith(f"{name}/")}

    model.load_state_dict(group("model"))
    average.load_state_dict(group("average"))
    parameters = dict(model.named_parameters())
    for key, value in group("optimizer").items():
        name, slot = key.rsplit("/", 1)
        device = parameters[name].device if value.ndim else value.device
        optimizer.state[parameters[name]][slot] = value.to(device)
    return history
