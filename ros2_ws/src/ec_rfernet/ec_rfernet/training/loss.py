"""What is minimised: cross-entropy with soft targets, and agreement with teachers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ec_rfernet import bundle
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes.torch_runtime import load_network
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.data import normalise


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits [N, K] against distributions [N, K]."""
    return functional.cross_entropy(logits.float(), targets)


class Teachers:
    """Bundles whose mean answer the student learns (Hinton et al., 2015).

    Teachers and student are shown the very same view of each image, so that the
    student learns the function and not only its values on the training images
    (Beyer et al., CVPR 2022). The teachers see its mirror image, too: a network's mean
    answer to both is right more often than its answer to one.

    Args:
        config: names the bundles.
        device: where they compute.
        size: side of the student's input.
        labels: of the student's outputs.

    Raises:
        InputError: a bundle is unusable, or answers something else than the student.
    """

    def __init__(
        self, config: TrainConfig, device: torch.device, size: int, labels: tuple[str, ...]
    ) -> None:
        self._weight = config.distill_weight
        self._temperature = config.distill_temperature
        self._members: list[tuple[nn.Module, float, float]] = []
        self._kept: dict[int | None, Tensor] = {}
        for folder in config.teachers:
            teacher = bundle.load(bundle.find(str(folder), bundle.places()))
            if teacher.labels != labels or teacher.input_size != size:
                raise InputError(
                    f"{folder}: answers {', '.join(teacher.labels)} for {teacher.input_size} px "
                    f"faces; expected, as the student, {', '.join(labels)} for {size} px"
                )
            network = load_network(teacher).requires_grad_(False)
            network = network.to(device, memory_format=torch.channels_last)
            self._members.append((network, teacher.mean, teacher.std))

    def answer(self, views: Tensor, number: int | None = None) -> Tensor:
        """What the student is to answer. There must be a teacher.

        Args:
            views: what the student sees, [N, 1, S, S] in 0..1.
            number: of the batch, if these very views return: their answer is kept.

        Returns:
            Distributions [N, K], at the temperature.
        """
        answer = self._kept.get(number)
        if answer is None:
            answer = self.ask(views)
            if number is not None:
                self._kept[number] = answer
        return answer

    def blend(self, loss: Tensor, logits: Tensor, answer: Tensor) -> Tensor:
        """``loss`` with the teachers' share.

        Args:
            loss: of the student against the targets.
            logits: of the student, [N, K].
            answer: of `answer` to the same views.
        """
        found = (logits.float() / self._temperature).log_softmax(dim=1)
        divergence = functional.kl_div(found, answer, reduction="batchmean")
        agreement = divergence * self._temperature**2
        return torch.lerp(loss, agreement, self._weight)

    def ask(self, views: Tensor) -> Tensor:
        """The mean answer to views [N, 1, S, S] and their mirror images, computed anew."""
        both = torch.cat([views, views.flip(dims=[3])])
        with torch.no_grad():
            answers = [
                (network(normalise(both, mean, std)).float() / self._temperature).softmax(dim=1)
                for network, mean, std in self._members
            ]
        return torch.stack(answers).unflatten(1, (2, len(views))).mean(dim=(0, 1))
