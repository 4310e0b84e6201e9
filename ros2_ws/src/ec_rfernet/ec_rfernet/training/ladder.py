"""Measures what each ingredient is worth: ``python -m ec_rfernet.training.ladder``.

Runs that are finished are not run again: a ladder can be interrupted, and extended with
further seeds. Several ladders in the same folder share the runs among them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from ec_rfernet.files import check_place, held, read_json, read_yaml, write_text
from ec_rfernet.training import parallel
from ec_rfernet.training.config import TrainConfig, configure, settings_of
from ec_rfernet.training.data import load
from ec_rfernet.training.state import require_same
from ec_rfernet.training.trainer import Trainer, choose_device

RUNGS = Path(__file__).with_name("ladder.yaml")
RESULT = "accuracy.json"
NETWORKS = ("teachers", "out_of_fold")
"""Settings that name other networks."""


@dataclass(frozen=True)
class Rung:
    """One row of the table.

    Attributes:
        name: what was added.
        settings: all that differs from the preset, with what the rungs below added.
        aside: tried, but not carried on to the next rung.
        needs: the setting, of `NETWORKS`, for which the command line has to name bundles.
    """

    name: str
    settings: Mapping[str, Any]
    aside: bool
    needs: str | None = None


def read_rungs(path: Path = RUNGS) -> list[Rung]:
    """The rungs of a YAML file, bottom first.

    Raises:
        InputError: the file is unreadable or has another form.
    """
    try:
        rows = read_yaml(path)["rungs"]
        rungs, carried = dict[str, Rung](), dict[str, Any]()
        for row in rows:
            name, given = str(row["name"]), settings_of(path, row["settings"])
            if name in rungs:
                raise InputError(f"{path}: two rungs are called '{name}'")
            needs = row.get("needs")
            if needs not in (None, *NETWORKS):
                raise InputError(
                    f"{path}: '{name}' needs '{needs}', expected {' or '.join(NETWORKS)}"
                )
            aside = bool(row.get("aside", False))
            rungs[name] = Rung(name, {**carried, **given}, aside, needs)
            carried = carried if rungs[name].aside else dict(rungs[name].settings)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a ladder ({error})") from error
    if not rungs:
        raise InputError(f"{path}: a ladder without rungs")
    return list(rungs.values())


def table(rungs: list[Rung], results: Mapping[str, list[float]]) -> Iterator[str]:
    """The rows of a Markdown table.

    Args:
        rungs: in the order of the rows.
        results: accuracies 0..1 of the seeds, by name of the rung.
    """
    yield "| rung | seeds | accuracy | change |"
    yield "|---|---|---|---|"
    below = None
    for rung in rungs:
        found = results.get(rung.name)
        if not found:
            continue
        mean = statistics.fmean(found)
        spread = f" ± {statistics.stdev(found):.1%}" if len(found) > 1 else ""
        change = "" if below is None else f"{100 * (mean - below):+.1f}"
        name = f"({rung.name})" if rung.aside else rung.name
        yield f"| {name} | {len(found)} | {mean:.1%}{spread} | {change} |"
        below = below if rung.aside and below is not None else mean


def measure(config: TrainConfig, world: parallel.ProcessGroup) -> float:
    """Validation accuracy 0..1 of one run, trained unless it was before.

    Raises:
        InputError: the run cannot be trained, or was with other settings.
        OSError: its folder cannot be written.
    """
    result = config.out / RESULT
    if result.exists():
        return _measured(result, config)
    trainer = Trainer(config, load(config), world)
    while not trainer.finished:
        trainer.run_epoch(lambda _share, _loss: None)
        if world.leads:
            done, accuracy = len(trainer.history), trainer.history.accuracy[-1]
            print(f"{config.out.name}: epoch {done}/{config.epochs} {accuracy:.2%}", flush=True)
    values = {"accuracy": trainer.history.accuracy[-1], "settings": config.as_dict()}
    if world.leads:
        write_text(result, json.dumps(values, indent=2) + "\n")
        trainer.state_file.unlink()
    return trainer.history.accuracy[-1]


def _measured(result: Path, config: TrainConfig) -> float:
    try:
        values = read_json(result)
        accuracy, stored = float(values["accuracy"]), dict(values["settings"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{result}: not the result of a rung ({error})") from error
    require_same(result, stored, config.as_dict())
    return accuracy


def main() -> int:
    """Climbs the ladder and prints the table."""
    parser = Parser(prog="ladder", description=__doc__)
    for name, more in _OPTIONS.items():
        parser.add_argument(f"--{name}", **more)
    options = parser.parse_args()
    return exit_code("ladder", lambda: _climb(options))


_OPTIONS: dict[str, dict[str, Any]] = {
    "root": {"type": Path, "required": True, "metavar": "PLACE", "help": "where FER2013 is"},
    "soft-labels": {"type": Path, "required": True, "metavar": "FILE", "help": "the FER+ votes"},
    "out": {"type": Path, "required": True, "metavar": "FOLDER", "help": "for what was measured"},
    "epochs": {"type": int, "required": True, "metavar": "N", "help": "of each run"},
    "rungs": {
        "type": Path, "default": RUNGS, "metavar": "FILE",
        "help": "YAML file of the rungs (default: training/ladder.yaml of the library)",
    },
    "preset": {
        "default": "fer2013", "metavar": "NAME",
        "help": "what the rungs change, as for ec-rfernet train (default: %(default)s)",
    },
    "teachers": {
        "type": Path, "nargs": "+", "default": (), "metavar": "PATH",
        "help": "bundles for the rung that distils, which is left out without them",
    },
    "out-of-fold": {
        "type": Path, "nargs": "+", "default": (), "metavar": "PATH",
        "help": "bundles for the rung that asks them, which is left out without them",
    },
    "seeds": {
        "type": int, "default": 1, "metavar": "N",
        "help": "runs of each rung, whose spread is given (default: %(default)s)",
    },
    "device": {
        "default": "auto", "choices": ("auto", "cpu", "cuda"),
        "help": "where to compute (default: %(default)s)",
    },
    "threads": {
        "type": int, "default": 0, "metavar": "N",
        "help": "CPU threads of each process, 0 = all (default: %(default)s)",
    },
}  # fmt: skip


def _climb(options: argparse.Namespace) -> None:
    if options.seeds < 1:
        raise InputError(f"--seeds is {options.seeds}, expected 1 or more")
    rungs = read_rungs(options.rungs)
    common = {
        name: getattr(options, name)
        for name in ("root", "soft_labels", "epochs", "device", "threads")
    }
    results: dict[str, list[float]] = {rung.name: [] for rung in rungs}
    with parallel.join(choose_device(options.device)) as world:
        for seed in range(options.seeds):
            for number, rung in enumerate(rungs):
                networks = tuple(getattr(options, rung.needs)) if rung.needs else ()
                if rung.needs and not networks:
                    continue
                given = {
                    **common, **rung.settings, "seed": seed,
                    "out": options.out / f"{number:02d}-{seed}",
                    **({rung.needs: networks} if rung.needs else {}),
                }  # fmt: skip
                config = configure(options.preset, given)
                with _claim(config.out, world) as ours:
                    if ours:
                        results[rung.name].append(measure(config, world))
    if world.leads:
        print("\n".join(table(rungs, results)))


@contextmanager
def _claim(folder: Path, world: parallel.ProcessGroup) -> Iterator[bool]:
    """Keeps the folder of a run to this ladder; says whether no other has it."""
    check_place(folder / RESULT)
    with ExitStack() as until_the_end:
        ours = True
        if world.leads:
            try:
                until_the_end.enter_context(held(folder))
            except InputError:
                print(f"{folder.name}: another ladder is at it", flush=True)
                ours = False
        yield world.told(ours)


if __name__ == "__main__":
    sys.exit(main())
