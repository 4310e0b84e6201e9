"""The peers in ONNX Runtime. Importing this needs torch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ec_rfernet.benchmark.peers import PEERS, Peer
from ec_rfernet.benchmark.subject import Candidate, Run, Subject
from ec_rfernet.networks.summary import layers
from ec_rfernet.runtimes.onnx_session import OnnxSession

_OPSET = 17


def candidates(folder: Path, names: Iterable[str] = PEERS) -> list[Candidate]:
    """The peers, exported.

    Args:
        folder: to write their ONNX files into.
        names: which, see `PEERS`.
    """
    torch.set_num_threads(1)  # on cores that are busy, several threads wait for each other
    return [_candidate(name, PEERS[name], folder / f"{name}.onnx") for name in names]


def export(peer: Peer, network: nn.Module, path: Path) -> None:
    """Writes the network as ONNX, for any number of images."""
    torch.onnx.export(
        network,
        (torch.zeros(1, peer.channels, peer.size, peer.size),),
        str(path),
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )


def _candidate(name: str, peer: Peer, path: Path) -> Candidate:
    network = peer.create()
    export(peer, network, path)
    rows = layers(network, peer.size, peer.channels)
    subject = Subject(
        name,
        "onnxruntime",
        "fp32",
        peer.size,
        sum(row.parameters for row in rows),
        sum(row.macs for row in rows),
    )
    return Candidate(subject, path, partial(_open, path), partial(_images, peer))


def _images(peer: Peer, count: int) -> np.ndarray:
    shape = (count, peer.channels, peer.size, peer.size)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _open(path: Path, threads: int) -> Run:
    return OnnxSession(path, threads).run
