"""The last layer, fitted once more when the features are learned.

Votes and teachers make good features, but draw the classifier towards what they find
probable: of the faces labelled ``scared``, FER+'s taggers saw most as something else.
Kang et al., "Decoupling representation and classifier for long-tailed recognition",
ICLR 2020, learn the two apart for a like reason.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ec_rfernet.training.augment import center_crop
from ec_rfernet.training.data import TrainingData, normalise
from ec_rfernet.training.parallel import World
from ec_rfernet.training.regression import logistic_regression

_BATCH = 256
_RIDGE = 1e-3


def refit_classifier(network: nn.Module, data: TrainingData, size: int, world: World) -> None:
    """Fits the last linear layer to the labels of the training images, in place.

    It stays near what it was, see `logistic_regression`; all other layers stay as they are.

    Args:
        network: in evaluation mode, on the device of ``data``.
        data: the training images, whose centre crops are used, and their labels.
        size: side of the network's input, pixels.
        world: the processes, which share the images.
    """
    *_, classifier = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    features = _features(network, classifier, data, size, world)
    learned = torch.cat([classifier.weight.T, classifier.bias[None]]).detach()
    fitted = logistic_regression(features, data.labels, learned, _RIDGE).to(learned.dtype)
    with torch.no_grad():
        classifier.weight.copy_(fitted[:-1].T)
        classifier.bias.copy_(fitted[-1])


def _features(
    network: nn.Module, classifier: nn.Linear, data: TrainingData, size: int, world: World
) -> Tensor:
    """What the classifier is given for each image, float [N, D]."""
    features = torch.zeros(len(data.images), classifier.in_features, device=data.images.device)
    seen: list[Tensor] = []
    hook = classifier.register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0]))
    try:
        with torch.inference_mode(), torch.autocast(features.device.type, dtype=torch.bfloat16):
            for chosen in world.share(torch.arange(len(features))).split(_BATCH):
                views = center_crop(data.images[chosen].float() / 255, size)
                network(normalise(views, data.mean, data.std))
                features[chosen] = seen.pop().float()
    finally:
        hook.remove()
    world.average([features])  # each process has filled its own rows
    return features * world.size
