"""A process that answers once: what a runtime takes to start, and the memory it needs.

    python -m ec_rfernet.benchmark.first_answer FOLDER RUNTIME PRECISION
    python -m ec_rfernet.benchmark.first_answer FILE.onnx

Prints JSON: ``moment``, when the answer was there, on the machine's monotonic clock in
seconds, and ``peak_mb``, the most memory that was resident, MB.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Answers once. What is not needed for that is not imported."""
    path = Path(arguments[0])
    if path.suffix == ".onnx":
        import numpy as np

        from ec_rfernet.runtimes.onnx_runtime import OnnxSession

        session = OnnxSession(path)
        session.run(np.zeros((1, *session.shape), np.float32))
    else:
        import numpy as np

        from ec_rfernet import bundle
        from ec_rfernet.runtimes import open_classifier

        model = bundle.load(path)
        classifier = open_classifier(model, 1, *arguments[1:])
        classifier.logits(np.zeros((1, model.input_size, model.input_size), np.uint8))
    print(json.dumps({"moment": time.monotonic(), "peak_mb": round(peak_mb(), 1)}))


def peak_mb() -> float:
    """The most memory that was resident in this process so far, MB.

    `resource.getrusage` would count that of the parent, from before the program began.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status tells no peak")


if __name__ == "__main__":
    main(sys.argv[1:])
