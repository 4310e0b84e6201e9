"""``ec-rfernet train``."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ec_rfernet import datasets, networks
from ec_rfernet.bundle import MANIFEST
from ec_rfernet.files import check_place, held
from ec_rfernet.training import parallel
from ec_rfernet.training.config import TrainConfig, configure, preset_names, suited_preset
from ec_rfernet.training.data import load
from ec_rfernet.training.trainer import Trainer, choose_device, write_result

_BAR = "{percentage:3.0f}%|{bar}| epoch {n:.2f}/{total}, {elapsed} gone, {remaining} left{postfix}"

_METAVARS = {int: "N", float: "X", Path: "PATH"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares ``--preset`` and one option for each field of `TrainConfig`."""
    parser.epilog = "In brackets: what holds if neither the command line nor the preset says it."
    parser.add_argument(
        "--preset", metavar="NAME",
        help="settings that the other options change: a YAML file or one of "
        f"{', '.join(preset_names())} (default: that of the data set)",
    )  # fmt: skip
    choices = {"dataset": tuple(datasets.DATASETS), "model": tuple(networks.NETWORKS)}
    kinds = typing.get_type_hints(TrainConfig)
    for field in dataclasses.fields(TrainConfig):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            required=field.default is dataclasses.MISSING,
            default=argparse.SUPPRESS,  # so that only what is given overrides the preset
            help=_help(field),
            **_kind(kinds[field.name], field.metadata.get("choices") or choices.get(field.name)),
        )


def _kind(kind: Any, choices: tuple[str, ...] | None) -> dict[str, Any]:
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if kind == tuple[Path, ...]:
        return {"type": Path, "nargs": "+", "metavar": "PATH"}
    optional = [option for option in typing.get_args(kind) if option is not type(None)]
    type_ = optional[0] if optional else kind
    return {"type": type_, "choices": choices, "metavar": _METAVARS.get(type_)}


def _help(field: dataclasses.Field[Any]) -> str:
    text = str(field.metadata["help"])
    if "range" in field.metadata:
        low, high = field.metadata["range"]
        text += f", {low}..{high}"
    if field.default in (dataclasses.MISSING, None, ()):
        return text
    return f"{text} ({field.default if field.default is not False else 'no'})"


def run(options: argparse.Namespace) -> None:
    """Trains, or goes on training, and writes the bundle."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    given = {k: v for k, v in vars(options).items() if k in names}
    preset = options.preset or suited_preset(given.get("dataset", "fer2013"))
    config = configure(preset, given)
    check_place(config.out / MANIFEST)
    device = choose_device(config.device)
    data = load(config)
    with ExitStack() as until_the_end:
        with parallel.join(device) as world:
            trainer = Trainer(config, data, world)
            if world.leads:
                until_the_end.enter_context(held(config.out))
                announce(trainer)
            _train(trainer)
        if world.leads:
            bundle = write_result(trainer, lambda name: print(f"finishing: {name}", flush=True))
            if trainer.share is not None:
                print(_outcome(trainer.share))
            print("\n".join(bundle.verdict))
            print(f"{bundle.folder}: {bundle.short_hash}")


def _outcome(share: float) -> str:
    if share == 0:
        return "the weights are the initial ones: the held-out pictures show no gain by others"
    return f"the weights lie {share:.0%} of the way from the initial ones to the learned ones"


def announce(trainer: Trainer) -> None:
    """Says what a run learns from, and where it goes on."""
    images, validation = len(trainer.data.images), len(trainer.data.validation_images)
    print(f"{images} images to learn from, {validation} to validate")
    if trainer.config.teachers:
        print(f"the teachers together are right in {trainer.validate_teachers():.2%} of these")
    if len(trainer.history):
        print(f"goes on after epoch {len(trainer.history)}")


def _train(trainer: Trainer) -> None:
    done, leads = len(trainer.history), trainer.world.leads
    with tqdm(total=trainer.config.epochs, initial=done, bar_format=_BAR, disable=not leads) as bar:

        def show(share: float, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            bar.update(len(trainer.history) + share - bar.n)

        while not trainer.finished:
            trainer.run_epoch(show)
            loss, accuracy = trainer.history.loss[-1], trainer.history.accuracy[-1]
            line = f"epoch {len(trainer.history):3d}  loss {loss:.4f}  accuracy {accuracy:.2%}"
            if leads:
                bar.write(line)
