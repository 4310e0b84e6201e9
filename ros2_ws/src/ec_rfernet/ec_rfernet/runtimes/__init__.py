"""What computes the network of a bundle: ONNX Runtime, OpenVINO, PyTorch or our own kernels.

Only the one that is asked for is imported. A runtime of another package, a subclass of
`ec_rfernet.runtimes.classifier.Classifier`, is registered with an entry point of the group
``ec_rfernet.runtimes``, see `ec_rfernet.registry`; it runs when it is named or chosen.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Collection
from functools import lru_cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from ec_rfernet.bundle import MANIFEST, Bundle, load, shipped
from ec_rfernet.errors import InputError
from ec_rfernet.kernels import network as kernels
from ec_rfernet.registry import Registry
from ec_rfernet.runtimes import choice, cpu
from ec_rfernet.runtimes.choice import Choice
from ec_rfernet.runtimes.classifier import PRECISIONS, Classifier

NATIVE = "native"
"""The runtime that is our own."""

RUNTIMES: Registry[type[Classifier]] = Registry(
    "runtime",
    "ec_rfernet.runtimes",
    {
        "onnxruntime": "ec_rfernet.runtimes.onnx_runtime:OnnxClassifier",
        "openvino": "ec_rfernet.runtimes.open_vino:OpenVinoClassifier",
        "torch": "ec_rfernet.runtimes.torch_runtime:TorchClassifier",
        NATIVE: "ec_rfernet.runtimes.native.runtime:NativeClassifier",
    },
)
"""What can compute a network; others' by the name of their package."""

AUTO = "auto"
"""As runtime or precision: the user's choice, see `open_classifier`."""

_ALWAYS = "onnxruntime"

_TRIED = ("onnxruntime", "openvino", NATIVE)
"""Runtimes of networks of others, which may ask for any time and memory, see `_try`."""

LONGEST_S = 20
"""Of a trial, which usually takes a part of a second."""

_MOST_MEMORY = 1 << 30


def open_classifier(
    bundle: Bundle, threads: int = 1, runtime: str = AUTO, precision: str = AUTO
) -> Classifier:
    """Makes a bundle ready to run.

    What is left to ``auto`` is the user's choice for this bundle and this processor (see
    `ec_rfernet.runtimes.choice`). Without one, or where it does not fit what else is asked for, it
    is our own kernels if they were made for this kind of processor and the bundle has a program
    for them, else ONNX Runtime, else the first runtime that has the precision; in int8 if the
    bundle records that this loses no more than `choice.TOLERANCE`, else in fp32.

    Args:
        bundle: a loaded bundle.
        threads: for one inference; 1 suits a robot that does other things besides, 0 is
            all cores.
        runtime: `AUTO` or one of `RUNTIMES`.
        precision: `AUTO` or one of `PRECISIONS`.

    Returns:
        The classifier; its ``warning`` says why a choice, or our own kernels, were passed over.

    Raises:
        InputError: a name is unknown, the runtime is not installed, it or this processor
            or the bundle has not the precision, the network cannot be loaded, or the
            file of the choices is damaged.
    """
    _known("runtime", runtime, RUNTIMES)
    _known("precision", precision, PRECISIONS)
    warning = None
    if AUTO in (runtime, precision):
        runtime, precision, warning = _resolve(bundle, runtime, precision)
    kind = _class(runtime)
    foreign = bundle.folder not in shipped() and bundle.file(MANIFEST).is_file()
    if runtime in _TRIED and foreign:  # what is being exported has no manifest yet
        _try(bundle.folder.absolute(), tuple(bundle.sha256.items()), runtime, precision)
    classifier = kind(bundle, threads, precision)
    classifier.warning = warning
    return classifier


def automatic(bundle: Bundle) -> tuple[str, str]:
    """The (runtime, precision) that `open_classifier` takes where nothing is asked for.

    Raises:
        InputError: the file of the choices is damaged.
    """
    runtime, precision, _ = _resolve(bundle, AUTO, AUTO)
    return runtime, precision


def installed(runtime: str) -> bool:
    """Whether one of `RUNTIMES` is there; of those that are built in, none is imported."""
    if runtime == NATIVE:
        return kernels.find() is not None
    if runtime in RUNTIMES.built_in:
        return find_spec(runtime) is not None
    try:
        return bool(RUNTIMES.get(runtime))
    except InputError:
        return False


def available(bundle: Bundle) -> tuple[tuple[str, str], ...]:
    """The (runtime, precision) pairs that can compute a bundle on this machine."""
    return tuple(
        (runtime, precision)
        for runtime in filter(installed, RUNTIMES)
        for precision in _class(runtime).precisions(bundle)
    )


def _resolve(bundle: Bundle, runtime: str, precision: str) -> tuple[str, str, str | None]:
    """Names for what is `AUTO`, and a warning if that is not what the user would expect."""
    chosen = _choice(bundle)
    problem = None
    if chosen and runtime in (AUTO, chosen.runtime) and precision in (AUTO, chosen.precision):
        problem = _problem(bundle, chosen)
        if problem is None:
            return chosen.runtime, chosen.precision, None
    found = _default(bundle, runtime, precision)
    runs = f"{' '.join(found)} runs instead"
    if problem is not None:
        warning = (
            f"{choice.place()}: {problem}; {runs}, 'ec-rfernet benchmark --choose' chooses anew"
        )
        return *found, warning
    if runtime == AUTO and found[0] != NATIVE and NATIVE in _own():
        lacks = (
            _class(NATIVE).missing(bundle, found[1]) if found[1] in _class(NATIVE).files else None
        )
        if lacks and found[1] not in bundle.not_lowered:
            return *found, f"{lacks}; {runs}"
    return *found, None


def _choice(bundle: Bundle) -> Choice | None:
    chosen = choice.read(bundle)
    if chosen and chosen.runtime not in RUNTIMES:
        raise InputError(
            f"{choice.place()}: {bundle.short_hash}: runtime is {chosen.runtime!r}, "
            f"expected {', '.join(RUNTIMES)}"
        )
    return chosen


def _problem(bundle: Bundle, chosen: Choice) -> str | None:
    if chosen.cpu != cpu.name():
        return f"chosen on '{chosen.cpu}', this is '{cpu.name()}'"
    if not installed(chosen.runtime):
        return f"runtime '{chosen.runtime}' is not installed any more"
    if not _class(chosen.runtime).offers(bundle, chosen.precision):
        return f"runtime '{chosen.runtime}' has no {chosen.precision} of this model here"
    return None


def _default(bundle: Bundle, runtime: str, precision: str) -> tuple[str, str]:
    """The first pair that can compute the bundle; later ones are not tried."""
    precisions = [precision]
    if precision == AUTO:
        precisions = ["int8", "fp32"] if "int8" in choice.accurate(bundle) else ["fp32"]
    built_in = filter(installed, RUNTIMES.built_in)
    for name in [runtime] if runtime != AUTO else chain(_own(), built_in):
        for each in precisions:
            if _class(name).offers(bundle, each):
                return name, each
    if runtime == AUTO and installed(NATIVE) and not installed(_ALWAYS):
        native, last = _class(NATIVE), precisions[-1]
        if last in native.files and (lacks := native.missing(bundle, last)):
            raise InputError(f"{lacks}; or pip install {_ALWAYS}")
    return (_ALWAYS if runtime == AUTO else runtime), precisions[-1]  # says what is missing


@lru_cache(maxsize=64)
def _try(folder: Path, _files: tuple[Any, ...], runtime: str, precision: str) -> None:
    """Computes one picture in a process of its own, with bounded time and memory.

    A network from elsewhere may claim any shapes, and the runtimes believe it.

    Args:
        folder: of the bundle.
        _files: their names and sha256; what was tried is not tried again.
        runtime: one of `_TRIED`.
        precision: one of `PRECISIONS`.

    Raises:
        InputError: it does not answer within the bounds, or not at all.
    """
    arguments = [
        sys.executable, "-c", _TRIAL, str(folder), runtime, precision, str(LONGEST_S),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, errors="replace", timeout=3 * LONGEST_S, check=False,
        )  # fmt: skip
        code, told = done.returncode, done.stderr.strip().splitlines()
    except subprocess.TimeoutExpired:
        code, told = -signal.SIGXCPU, []
    if code == 0:
        return
    if code == _REFUSED and told:
        raise InputError(told[-1])
    raise InputError(
        f"{folder}: its network does not answer on {runtime} within {LONGEST_S} s and "
        f"{_MOST_MEMORY >> 30} GB of memory; it is damaged, or made for something larger"
    )


_TRIAL = f"import sys, {__name__} as runtimes; sys.exit(runtimes.answer(*sys.argv[1:]))"
_REFUSED = 2


def answer(folder: str, runtime: str, precision: str, seconds: str) -> int:
    """The trial of a bundle, in a process of its own; stderr tells in one line what is wrong."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    try:
        _class(runtime)(load(Path(folder)), 1, precision)
    except InputError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return _REFUSED
    return 0


def _own() -> tuple[str, ...]:
    """Our own kernels where they are faster than others: see docs/performance.md."""
    try:
        made_for_it = installed(NATIVE) and kernels.paths()[0] != kernels.PORTABLE
    except InputError:  # built for another machine
        return ()
    return (NATIVE,) if made_for_it else ()


def _class(runtime: str) -> type[Classifier]:
    if runtime in RUNTIMES.built_in and not installed(runtime):
        how = "build ec_rfernet_native" if runtime == NATIVE else f"pip install {runtime}"
        raise InputError(f"runtime '{runtime}' is not installed: {how}")
    return RUNTIMES.get(runtime)


def _known(kind: str, value: str, names: Collection[str] | Registry[Any]) -> None:
    if value != AUTO and value not in names:
        raise InputError(f"{kind} is '{value}', expected {AUTO} or one of: {', '.join(names)}")
