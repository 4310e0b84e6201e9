"""Several processes that train one network together, started by ``torchrun``.

Every process draws the same order of images and takes its own share of each batch;
gradients are averaged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those of the run.

    Attributes:
        rank: 0 is the one that writes and prints.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch of indices."""
        return batch[self.rank :: self.size]

    def told(self, value: bool) -> bool:
        """What the leading process says; the value of the others is ignored."""
        answer = [value]
        if self.size > 1:
            distributed.broadcast_object_list(answer)
        return answer[0]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replaces each tensor by its mean over the processes."""
        if self.size == 1:
            return
        found = list(tensors)
        flat = torch.cat([tensor.reshape(-1).float() for tensor in found])
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(found, flat.split([t.numel() for t in found]), strict=True):
            tensor.copy_(part.view_as(tensor))


@contextmanager
def join(device: torch.device) -> Iterator[ProcessGroup]:
    """Meets the other processes that ``torchrun`` started; alone without it.

    Args:
        device: where this process computes; with CUDA, each process takes the GPU
            of its local rank.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup()
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
