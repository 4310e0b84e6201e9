"""The training loop: averaged weights, several processes, resumable at any epoch.

What a finished run leaves behind is a bundle, measured, with its figures and curves.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn, optim

from ec_rfernet import bundle as bundles
from ec_rfernet import datasets, networks
from ec_rfernet.bundle import Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import plots
from ec_rfernet.evaluation.model_card import measure
from ec_rfernet.export import IMAGES, spread, write_bundle
from ec_rfernet.files import staged
from ec_rfernet.runtimes.torch_runtime import load_network
from ec_rfernet.training.augment import augment, center_crop, mix
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.data import TrainingData, normalise
from ec_rfernet.training.loss import Teachers, cross_entropy
from ec_rfernet.training.parallel import ProcessGroup
from ec_rfernet.training.regression import logistic_regression
from ec_rfernet.training.state import History, load_state, save_state


@contextmanager
def steepest_neighbour(model: nn.Module, radius: float) -> Iterator[None]:
    """Moves the weights up their gradients by ``radius``, and back at the end.

    That is sharpness-aware minimisation (Foret et al., ICLR 2021).
    """
    pairs = [(p, p.grad) for p in model.parameters() if p.grad is not None]
    norm = torch.stack([gradient.norm() for _, gradient in pairs]).norm()
    moves = [gradient * (radius / (norm + 1e-12)) for _, gradient in pairs]
    with torch.no_grad():
        for (parameter, _), move in zip(pairs, moves, strict=True):
            parameter.add_(move)
    try:
        yield
    finally:
        with torch.no_grad():
            for (parameter, _), move in zip(pairs, moves, strict=True):
                parameter.sub_(move)


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Keeps batch norm from counting the same images twice."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def gradients(model: nn.Module, loss: Callable[[], Tensor], radius: float) -> Tensor:
    """Leaves the gradients of the worst point within ``radius`` in the model.

    Args:
        model: whose parameters have no gradients yet.
        loss: computes the loss of the batch; called once, or twice with a radius.
        radius: 0 gives the plain gradients.

    Returns:
        The loss at the weights themselves.
    """
    value = loss()
    value.backward()  # type: ignore[no-untyped-call]
    if radius > 0:
        with steepest_neighbour(model, radius), frozen_statistics(model):
            model.zero_grad(set_to_none=True)
            loss().backward()  # type: ignore[no-untyped-call]
    return value.detach()


def learning_rate(config: TrainConfig, epoch: float) -> float:
    """The rate at a point of time; 1.5 is the middle of the second epoch.

    A linear rise over the warm-up, then half a cosine down to zero, or the steps of
    the published recipe.
    """
    warmup = config.warmup_epochs
    if epoch < warmup:
        factor = epoch / warmup
    elif config.schedule == "cosine":
        left = max(1, config.epochs - warmup)
        factor = 0.5 * (1 + math.cos(math.pi * min(1.0, (epoch - warmup) / left)))
    else:
        late = int(epoch) - config.step_start
        factor = config.step_factor ** (late // config.step_every + 1) if late >= 0 else 1.0
    return config.learning_rate * factor


_BATCH = 256
_RIDGE = 1e-3


def refit_classifier(
    network: nn.Module, data: TrainingData, size: int, world: ProcessGroup
) -> None:
    """Fits the last linear layer to the labels of the training images, in place.

    It stays near what it was, see `logistic_regression`; all other layers stay as they are.

    Votes and teachers make good features, but draw the classifier towards what they find
    probable: of the faces labelled ``scared``, FER+'s taggers saw most as something else.
    Kang et al., "Decoupling representation and classifier for long-tailed recognition",
    ICLR 2020, learn the two apart for a like reason.

    Args:
        network: in evaluation mode, on the device of ``data``.
        data: the training images, whose centre crops are used, and their labels.
        size: side of the network's input, pixels.
        world: the processes, which share the images.
    """
    *_, classifier = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    features = features_before(network, classifier, data, size, world)
    learned = torch.cat([classifier.weight.T, classifier.bias[None]]).detach()
    fitted = logistic_regression(features, data.labels, learned, _RIDGE).to(learned.dtype)
    with torch.no_grad():
        classifier.weight.copy_(fitted[:-1].T)
        classifier.bias.copy_(fitted[-1])


def features_before(
    network: nn.Module, classifier: nn.Linear, data: TrainingData, size: int, world: ProcessGroup
) -> Tensor:
    """What a layer of a network is given for each training image, float [N, D]."""
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


Progress = Callable[[float, float], None]
"""Called now and then with (share of the epoch that is done, mean loss so far)."""

STATE_FILE = "state.safetensors"
_REPORTS = 50  # per epoch; each one waits for the device


class Trainer:
    """One run. Call `run_epoch` until `finished`; each epoch is saved.

    Args:
        config: the settings.
        data: the images, see `ec_rfernet.training.data.load`.
        world: the processes that train together; alone by default.

    Raises:
        InputError: no CUDA device though asked for one, unusable teachers or initial
            weights, or a saved state of another run.
    """

    def __init__(
        self, config: TrainConfig, data: TrainingData, world: ProcessGroup | None = None
    ) -> None:
        self.config, self.world = config, world or ProcessGroup()
        self.device = choose_device(config.device)
        _prepare(config)
        self.data = data.to(self.device)
        labels = datasets.get(config.dataset).labels
        torch.manual_seed(config.seed)
        model = networks.create(config.model, classes=len(labels))
        self.initial: Bundle | None = None
        self.share: float | None = None
        if config.init is not None:
            self.initial = bundles.load(bundles.find(str(config.init), bundles.places()))
            model.load_state_dict(_initial_network(config, self.initial, labels).state_dict())
        # What a trained network knows of other expressions, pictures of these few cannot refute.
        there = torch.arange(len(labels)) if config.init is None else data.labels.unique()
        self.asked = there.to(self.device)
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.size = int(self.model.input_size)  # type: ignore[arg-type]
        self.teachers = Teachers(config, self.device, self.size, labels)
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
        """Trains one epoch, measures it, and saves the state.

        Raises:
            InputError: the loss grew beyond all bounds, or the state cannot be written.
        """
        start, epoch = time.monotonic(), len(self.history)
        seed = self.config.seed + 1_000_003 * (self._views(epoch) + 1)
        torch.manual_seed(seed)  # the order of the images, the same in every process
        order = torch.randperm(len(self.data.images))
        torch.manual_seed(seed + self.world.rank)  # dropout and augmentation: each its own
        generator = torch.Generator(self.device).manual_seed(seed + self.world.rank)
        loss = self._train(epoch, order, generator, progress)
        if not math.isfinite(loss):
            raise InputError(
                f"the loss is {loss} after epoch {epoch + 1}; learning_rate "
                f"{self.config.learning_rate:g} is too high for these settings"
            )
        buffers = (*self.model.buffers(), *self.average.buffers())
        self.world.average(buffer for buffer in buffers if buffer.is_floating_point())
        if self.config.refit and epoch + 1 == self.config.epochs:
            refit_classifier(self.average, self.data, self.size, self.world)
        if self.config.interpolate and epoch + 1 == self.config.epochs:
            self._interpolate()
        self.history.loss.append(loss)
        self.history.accuracy.append(self.validate())
        self.history.seconds.append(time.monotonic() - start)
        if self.world.leads:
            save_state(
                self.state_file, self.config.as_dict(), self.model, self.average, self.optimizer,
                self.history,
            )  # fmt: skip

    def _train(
        self, epoch: int, order: Tensor, generator: torch.Generator, progress: Progress
    ) -> float:
        batch = self.config.batch_size
        steps = max(1, len(order) // batch)
        total = torch.zeros((), device=self.device)
        self.model.train()
        if self.config.keep_statistics:
            for layer in self.model.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        for step in range(steps):
            chosen = self.world.share(order[step * batch : (step + 1) * batch])
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.config, epoch + step / steps)
            number = self._views(epoch) * steps + step if self.config.repeat_views else None
            total += self.step(chosen.to(self.device), generator, number)
            self.update_average(epoch * steps + step)
            if (step + 1) % max(1, steps // _REPORTS) == 0 or step + 1 == steps:
                progress((step + 1) / steps, float(total) / (step + 1))
        self.world.average([total])  # each process saw its own part of the images
        return float(total) / steps

    def _views(self, epoch: int) -> int:
        """Epochs of the same number show the same views in the same batches."""
        return epoch % (self.config.repeat_views or self.config.epochs)

    def step(self, chosen: Tensor, generator: torch.Generator, number: int | None) -> Tensor:
        """One update from some images.

        Args:
            chosen: indices of the images, int64 [B], on the device.
            generator: of the augmentation.
            number: of the batch, if the same views of the same images return in it.

        Returns:
            The loss.
        """
        images = self.data.images[chosen].float() / 255
        views = augment(images, self.size, self.config, generator)
        views, targets = mix(views, self.data.targets[chosen], self.config, generator)
        with self._autocast():
            lesson = self.teachers.answer(views, number) if self.config.teachers else None

        def loss() -> Tensor:
            with self._autocast():
                logits = self.model(normalise(views, self.data.mean, self.data.std))
                own = cross_entropy(logits[:, self.asked], targets[:, self.asked])
                return own if lesson is None else self.teachers.blend(own, logits, lesson)

        self.optimizer.zero_grad(set_to_none=True)
        value = gradients(self.model, loss, self.config.sam_radius)
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        self.world.average(p.grad for p in parameters if p.grad is not None)
        if self.config.clip_value > 0:
            nn.utils.clip_grad_value_(parameters, self.config.clip_value)
        if self.config.clip_norm > 0:
            nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        self.optimizer.step()
        return value

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def validate(self) -> float:
        """Accuracy of the averaged weights on the validation images, 0..1."""
        mean, std = self.data.mean, self.data.std
        return self._accuracy(lambda views: self.average(normalise(views, mean, std)))

    def _interpolate(self) -> None:
        """Moves the averaged weights to a point between the initial ones and them.

        The middle of two networks, of which one began as the other, is often better than both, and
        forgets less (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). Which
        point, the held-out images say, see `least_change`.
        """
        assert self.initial is not None
        old = [part.to(self.device) for part in _state(load_network(self.initial))]
        parts, new = _state(self.average), [part.clone() for part in _state(self.average)]
        losses = []
        for share in SHARES:
            _place_between(parts, old, new, share)
            losses.append(self._validation_losses())
        self.share = SHARES[least_change(torch.stack(losses).cpu())]
        _place_between(parts, old, new, self.share)

    def _validation_losses(self) -> Tensor:
        """Of each validation image of an expression that is learned, float [M]."""
        known = torch.isin(self.data.validation_labels, self.asked)
        images = self.data.validation_images[known]
        targets = (self.data.validation_labels[known, None] == self.asked).float()
        losses = []
        with torch.inference_mode():
            for some, truth in zip(images.split(512), targets.split(512), strict=True):
                views = center_crop(some.float() / 255, self.size)
                both = normalise(
                    torch.cat([views, views.flip(dims=[3])]), self.data.mean, self.data.std
                )
                found = self.average(both)[:, self.asked].log_softmax(dim=1)
                losses.append(-(found.unflatten(0, (2, -1)) * truth).sum(dim=2).mean(dim=0))
        return torch.cat(losses) if losses else torch.zeros(0)

    def validate_teachers(self) -> float:
        """Accuracy of what the teachers answer together to the validation images, 0..1."""
        return self._accuracy(self.teachers.answer)

    def _accuracy(self, answer: Callable[[Tensor], Tensor]) -> float:
        right = 0
        with torch.inference_mode(), self._autocast():
            for images, labels in zip(
                self.data.validation_images.split(512),
                self.data.validation_labels.split(512),
                strict=True,
            ):
                views = center_crop(images.float() / 255, self.size)
                right += int((answer(views).argmax(1) == labels).sum())
        return right / len(self.data.validation_labels)

    def update_average(self, step: int) -> None:
        """Moves the averaged weights towards the present ones; ``step`` counts from the start."""
        decay = min(self.config.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, value in zip(_state(self.average), _state(self.model), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)


def choose_device(name: str) -> torch.device:
    """The device of that name, ``auto`` being CUDA where there is one.

    Raises:
        InputError: there is no CUDA device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but no CUDA device answers; use --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _prepare(config: TrainConfig) -> None:
    if config.threads:
        torch.set_num_threads(config.threads)
    if config.deterministic:  # cuBLAS reads it when it starts; PyTorch insists on it
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if torch.are_deterministic_algorithms_enabled() != config.deterministic:
        torch.use_deterministic_algorithms(config.deterministic)  # imports all of its compiler
    torch.backends.cudnn.benchmark = not config.deterministic


def _initial_network(config: TrainConfig, initial: Bundle, labels: tuple[str, ...]) -> nn.Module:
    if initial.architecture != config.model or len(initial.labels) != len(labels):
        raise InputError(
            f"{config.init}: {initial.architecture} with {len(initial.labels)} classes, "
            f"expected {config.model} with {len(labels)}"
        )
    return load_network(initial)


SHARES = (0.0, 0.25, 0.5)
"""Points between the initial weights, 0, and the learned ones, 1.

Beyond half way, what the held-out pictures gain is small, and what is forgotten grows.
"""


def least_change(losses: Tensor) -> int:
    """The first candidate that images do not tell from the best.

    That is one whose mean loss exceeds the lowest by at most two standard errors of the
    difference. Few images tell little apart: then what was is kept. Breiman et al., "CART", 1984,
    choose so with one; of the two, two gained more and forgot less.

    Args:
        losses: of K candidates, beginning with the least change, on the same M images, [K, M].

    Returns:
        0..K - 1; 0 where there are fewer than two images.
    """
    if losses.shape[1] < 2:
        return 0
    excess = losses - losses[losses.mean(dim=1).argmin()]
    error = excess.std(dim=1) / math.sqrt(losses.shape[1])
    return int((excess.mean(dim=1) <= 2 * error).int().argmax())


def _place_between(parts: list[Tensor], old: list[Tensor], new: list[Tensor], share: float) -> None:
    with torch.no_grad():
        for part, before, after in zip(parts, old, new, strict=True):
            if part.is_floating_point():
                torch.lerp(before, after, share, out=part)


def _state(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


def _optimizer(model: nn.Module, config: TrainConfig) -> optim.Optimizer:
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if config.optimizer == "adam":
        return optim.Adam(groups, lr=config.learning_rate)
    return optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)


VOTES = "FER+ votes of the training images (Barsoum et al., ICMI 2016), MIT licence"


def write_result(trainer: Trainer, tell: Callable[[str], None] = lambda _name: None) -> Bundle:
    """Writes the bundle of a run into its ``out`` folder.

    Its files appear together, when all is measured, or not at all. Temperature and reject
    threshold are fitted on the validation split, whose figures are therefore those of the
    data the checkpoint was tuned on.

    Args:
        trainer: finished.
        tell: called with what is done next; for a large network on a CPU it takes minutes.

    Raises:
        InputError: the exported network does not compute what was trained.
        OSError: the folder cannot be written.
    """
    with staged(trainer.config.out) as folder:
        bundle = _write(trainer, folder, tell)
    return dataclasses.replace(bundle, folder=trainer.config.out)


def _write(trainer: Trainer, folder: Path, tell: Callable[[str], None]) -> Bundle:
    config, data, history = trainer.config, trainer.data, trainer.history
    dataset = datasets.get(config.dataset)
    before = trainer.initial.provenance.get("data", ()) if trainer.initial is not None else ()
    votes = [VOTES] if config.soft_labels else []
    draft = Bundle(
        folder=folder,
        name=config.model,
        architecture=config.model,
        input_size=trainer.size,
        mean=data.mean,
        std=data.std,
        framing=data.framing,
        labels=dataset.labels,
        provenance={
            "data": [*dict.fromkeys([*before, dataset.provenance, *votes])],
            "images": len(data.images),
            "training": config.as_dict(),
            "seconds": round(sum(history.seconds)),
        },
    )
    tell("export and quantisation")
    images = data.images.squeeze(1).cpu().numpy()
    bundle = write_bundle(draft, trainer.average, images[spread(data.labels.cpu().numpy(), IMAGES)])
    plots.learning_curves(history.loss, history.accuracy, folder / "learning_curves.png")
    bundle = measure(
        bundle,
        data.validation_images.squeeze(1).cpu().numpy(),
        data.validation_labels.cpu().numpy(),
        dataset.name,
        dataset.validation,
        tell,
        trainer.initial,
    )
    figures = {**bundle.metrics, "history": vars(history)}
    (folder / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return bundle
