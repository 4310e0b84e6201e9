"""The training loop: SGD, warm-up and cosine, averaged weights, resumable."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn, optim

from ec_rfernet import networks
from ec_rfernet.errors import InputError
from ec_rfernet.training.augment import augment, center_crop
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.data import TrainingData, cross_entropy, normalise
from ec_rfernet.training.state import History, load_state, save_state

Progress = Callable[[int, int, float], None]
"""Called with (images done, images per epoch, mean loss so far)."""

STATE_FILE = "state.safetensors"
_GRADIENT_NORM = 5.0


class Trainer:
    """One run. Call `run_epoch` until `finished`; each epoch is saved.

    Args:
        config: the settings.
        data: the images, see `ec_rfernet.training.data.load`.

    Raises:
        InputError: no CUDA device though asked for one, or a foreign saved state.
    """

    def __init__(self, config: TrainConfig, data: TrainingData) -> None:
        self.config, self.data = config, data
        self.device = _device(config.device)
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        model = networks.create(config.model, classes=data.targets.shape[1])
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.size = int(self.model.input_size)  # type: ignore[arg-type]
        self.optimizer = _optimizer(self.model, config)
        self.history = History()
        self.state_file = config.out / STATE_FILE
        if self.state_file.exists():
            self.history = load_state(
                self.state_file, config.as_dict(), self.model, self.average, self.optimizer
            )

    @property
    def finished(self) -> bool:
        """Whether every epoch has been run."""
        return len(self.history) >= self.config.epochs

    def run_epoch(self, progress: Progress) -> None:
        """Trains one epoch, measures it, and saves the state."""
        start, epoch = time.monotonic(), len(self.history)
        torch.manual_seed(self.config.seed + 1_000_003 * (epoch + 1))
        generator = torch.Generator(self.device).manual_seed(torch.initial_seed())
        loss = self._train(epoch, generator, progress)
        self.history.loss.append(loss)
        self.history.accuracy.append(self.validate())
        self.history.seconds.append(time.monotonic() - start)
        self.config.out.mkdir(parents=True, exist_ok=True)
        save_state(
            self.state_file, self.config.as_dict(), self.model, self.average, self.optimizer,
            self.history,
        )  # fmt: skip

    def _train(self, epoch: int, generator: torch.Generator, progress: Progress) -> float:
        count, batch = len(self.data.images), self.config.batch_size
        order = torch.randperm(count)
        steps = max(1, count // batch)
        total = 0.0
        self.model.train()
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            images = self.data.images[chosen].to(self.device).float() / 255
            targets = self.data.targets[chosen].to(self.device)
            views = augment(images, self.size, self.config.erasing, generator)
            self._set_learning_rate(epoch + step / steps)
            loss = cross_entropy(self._forward(self.model, views), targets)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), _GRADIENT_NORM)
            self.optimizer.step()
            self._update_average(epoch * steps + step)
            total += loss.item()
            progress((step + 1) * len(chosen), steps * batch, total / (step + 1))
        return total / steps

    def _forward(self, model: nn.Module, images: Tensor) -> Tensor:
        inputs = normalise(images, self.data.mean, self.data.std)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            return model(inputs)

    def validate(self) -> float:
        """Accuracy of the averaged weights on the validation images, 0..1."""
        right = 0
        with torch.inference_mode():
            for images, labels in zip(
                self.data.validation_images.split(512),
                self.data.validation_labels.split(512),
                strict=True,
            ):
                views = center_crop(images.to(self.device).float() / 255, self.size)
                logits = self._forward(self.average, views)
                right += int((logits.argmax(1).cpu() == labels).sum())
        return right / len(self.data.validation_labels)

    def _set_learning_rate(self, epoch: float) -> None:
        warmup, epochs = self.config.warmup_epochs, self.config.epochs
        if epoch < warmup:
            factor = epoch / warmup
        else:
            factor = 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / max(1, epochs - warmup)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor

    def _update_average(self, step: int) -> None:
        decay = min(self.config.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            current = self.model.state_dict()
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(current[name], 1 - decay)
                else:
                    value.copy_(current[name])


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but no CUDA device answers; use --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _optimizer(model: nn.Module, config: TrainConfig) -> optim.Optimizer:
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)
