"""A bundle's network in PyTorch, to hold its ONNX forms against. Importing this needs torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ec_rfernet.bundle import Bundle
from ec_rfernet.classifier import network_input


class TorchClassifier:
    """The same outputs as `ec_rfernet.classifier.Classifier`, computed by PyTorch.

    Args:
        bundle: says how crops are scaled.
        network: the bundle's network, see `ec_rfernet.export.load_network`.
    """

    def __init__(self, bundle: Bundle, network: nn.Module) -> None:
        self.bundle = bundle
        self._network = network.cpu().eval()

    def logits(self, crops: np.ndarray) -> np.ndarray:
        """Outputs float32 [N, K] for crops uint8 [N, S, S]."""
        with torch.inference_mode():
            return self._network(torch.from_numpy(network_input(crops, self.bundle))).numpy()
