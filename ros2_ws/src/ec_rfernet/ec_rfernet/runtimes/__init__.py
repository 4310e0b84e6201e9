"""What computes the network of a bundle: ONNX Runtime, OpenVINO, PyTorch or our own kernels.

Only the one that is asked for is imported.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from ec_rfernet.bundle import Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.runtimes import choice, cpu
from ec_rfernet.runtimes.classifier import NATIVE, PRECISIONS, RUNTIMES, Classifier
from ec_rfernet.runtimes.native import library

AUTO = "auto"
"""As runtime or precision: the user's choice, see `open_classifier`."""

_CLASSES = {
    "onnxruntime": ("onnx_runtime", "OnnxClassifier"),
    "openvino": ("open_vino", "OpenVinoClassifier"),
    "torch": ("torch_runtime", "TorchClassifier"),
    NATIVE: ("native.runtime", "NativeClassifier"),
}


def open_classifier(
    bundle: Bundle, threads: int = 1, runtime: str = AUTO, precision: str = AUTO
) -> Classifier:
    """Makes a bundle ready to run.

    What is left to ``auto`` is the user's choice for this bundle and this processor (see
    `ec_rfernet.runtimes.choice`). Without one, or where it does not fit what else is asked for, it
    is our own kernels if they were made for this kind of processor and for the network's
    layers, else ONNX Runtime, else the first runtime that has the precision; in int8 if the
    bundle records that this loses no more than `choice.TOLERANCE`, else in fp32.

    Args:
        bundle: a loaded bundle.
        threads: for one inference; 1 suits a robot that does other things besides, 0 is
            all cores.
        runtime: `AUTO` or one of `RUNTIMES`.
        precision: `AUTO` or one of `PRECISIONS`.

    Returns:
        The classifier; its ``warning`` says why a choice was passed over.

    Raises:
        InputError: a name is unknown, the runtime is not installed, it or this processor
            or the bundle has not the precision, the network cannot be loaded, or the
            file of the choices is damaged.
    """
    _known("runtime", runtime, RUNTIMES)
    _known("precision", precision, PRECISIONS)
    warning = ""
    if AUTO in (runtime, precision):
        runtime, precision, warning = _resolve(bundle, runtime, precision)
    classifier = _class(runtime)(bundle, threads, precision)
    classifier.warning = warning
    return classifier


def installed(runtime: str) -> bool:
    """Whether one of `RUNTIMES` is there; it is not imported."""
    if runtime == NATIVE:
        return library.find() is not None
    return find_spec(runtime) is not None


def available(bundle: Bundle) -> tuple[tuple[str, str], ...]:
    """The (runtime, precision) pairs that can compute a bundle on this machine."""
    return tuple(
        (runtime, precision)
        for runtime in filter(installed, RUNTIMES)
        for precision in _class(runtime).precisions(bundle)
    )


def _resolve(bundle: Bundle, runtime: str, precision: str) -> tuple[str, str, str]:
    """Names for what is `AUTO`, and a warning if that is not the user's choice."""
    chosen = choice.read(bundle)
    problem = ""
    if chosen and runtime in (AUTO, chosen.runtime) and precision in (AUTO, chosen.precision):
        problem = _problem(bundle, chosen)
        if not problem:
            return chosen.runtime, chosen.precision, ""
    runtime, precision = _default(bundle, runtime, precision)
    if not problem:
        return runtime, precision, ""
    return (
        runtime,
        precision,
        (
            f"{choice.place()}: {problem}; {runtime} {precision} runs instead, "
            "'ec-rfernet benchmark --choose' chooses anew"
        ),
    )


def _problem(bundle: Bundle, chosen: choice.Choice) -> str:
    if chosen.cpu != cpu.name():
        return f"chosen on '{chosen.cpu}', this is '{cpu.name()}'"
    if not installed(chosen.runtime):
        return f"runtime '{chosen.runtime}' is not installed any more"
    if not _class(chosen.runtime).offers(bundle, chosen.precision):
        return f"runtime '{chosen.runtime}' has no {chosen.precision} of this model here"
    return ""


def _default(bundle: Bundle, runtime: str, precision: str) -> tuple[str, str]:
    """The first pair that can compute the bundle; later ones are not tried."""
    precisions = [precision]
    if precision == AUTO:
        precisions = ["int8", "fp32"] if "int8" in choice.accurate(bundle) else ["fp32"]
    names = [runtime] if runtime != AUTO else [*_own(), *filter(installed, RUNTIMES)]
    for name in names:
        for each in precisions:
            if _class(name).offers(bundle, each):
                return name, each
    return (RUNTIMES[0] if runtime == AUTO else runtime), precisions[-1]  # says what is missing


def _own() -> tuple[str, ...]:
    """Our own kernels where they are faster than others: see docs/performance.md."""
    try:
        made_for_it = installed(NATIVE) and library.paths()[0] != library.PORTABLE
    except InputError:  # built for another machine
        return ()
    return (NATIVE,) if made_for_it else ()


def _class(runtime: str) -> type[Classifier]:
    module, name = _CLASSES[runtime]
    if not installed(runtime):
        how = "build ec_rfernet_native" if runtime == NATIVE else f"pip install {runtime}"
        raise InputError(f"runtime '{runtime}' is not installed: {how}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def _known(kind: str, value: str, names: tuple[str, ...]) -> None:
    if value not in (AUTO, *names):
        raise InputError(f"{kind} is '{value}', expected {AUTO} or one of: {', '.join(names)}")
