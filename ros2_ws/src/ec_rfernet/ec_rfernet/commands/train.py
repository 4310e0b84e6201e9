"""``ec-rfernet train``."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from tqdm import tqdm

from ec_rfernet import datasets, networks
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.data import load
from ec_rfernet.training.result import write_result
from ec_rfernet.training.trainer import Trainer

_BAR = "{percentage:3.0f}%|{bar}| epoch {n:.2f}/{total}, {elapsed} gone, {remaining} left{postfix}"
_PATHS = {"root", "out", "soft_labels"}
_HELP = {
    "root": "fer2013.csv, icml_face_data.csv, an npz, or a folder with one of them",
    "out": "folder for the bundle; a run that was interrupted there goes on",
    "soft_labels": "FER+ votes: fer2013new.csv, or an npz with 'votes'",
    "soft_weight": "share of the FER+ distribution in the target",
    "device": "auto, cpu or cuda",
    "threads": "CPU threads, 0 for all",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares one option for each field of `TrainConfig`."""
    choices = {"dataset": datasets.READERS, "model": networks.NETWORKS}
    for field in dataclasses.fields(TrainConfig):
        required = field.default is dataclasses.MISSING
        default = None if required else field.default
        kind = Path if field.name in _PATHS else type(default)
        text = _HELP.get(field.name, field.name.replace("_", " "))
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            required=required,
            default=default,
            choices=choices.get(field.name),
            help=text if required or default is None else f"{text} (default: {default})",
        )


def run(options: argparse.Namespace) -> None:
    """Trains, or goes on training, and writes the bundle."""
    fields = {field.name for field in dataclasses.fields(TrainConfig)}
    config = TrainConfig(**{k: v for k, v in vars(options).items() if k in fields})
    config.out.mkdir(parents=True, exist_ok=True)
    data = load(config)
    print(f"{len(data.images)} images to learn from, {len(data.validation_images)} to validate")
    trainer = Trainer(config, data)
    if len(trainer.history):
        print(f"goes on after epoch {len(trainer.history)}")
    with tqdm(total=config.epochs, initial=len(trainer.history), bar_format=_BAR) as bar:

        def show(done: int, total: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            bar.update(len(trainer.history) + done / total - bar.n)

        while not trainer.finished:
            trainer.run_epoch(show)
            loss, accuracy = trainer.history.loss[-1], trainer.history.accuracy[-1]
            bar.write(f"epoch {len(trainer.history):3d}  loss {loss:.4f}  accuracy {accuracy:.2%}")
    bundle = write_result(trainer)
    public = bundle.metrics["public"]
    print(
        f"{config.out}: single crop {public['single_crop']['accuracy']:.2%}, "
        f"ten-crop {public['ten_crop']['accuracy']:.2%}, "
        f"ECE {public['single_crop']['ece']:.3f}, reject below {bundle.reject_threshold:.2f}"
    )
