"""Seconds until a network is there: importing, and loading from a folder.

Each figure is of a process of its own; the median of several. Loading is of a
preset, and of the digits entry, from which a child is extracted. The preset is
a network of `bignas` within 400 M multiply-adds with random weights.

    python benchmarks/startup.py
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import numpy as np

import keras_elastic as ke

CLASSES = 1000
FLOPS = 400e6
IMPORT = "import keras_elastic"
TIMED = """
import time
{before}
start = time.perf_counter()
{timed}
print(time.perf_counter() - start)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        preset = pathlib.Path(folder) / "preset"
        ke.save_preset(make_child(), preset)
        loading = "import tensorflow, keras, keras_elastic as ke"
        for label, before, timed in (
            ("import keras", "", "import keras"),
            ("import keras_elastic after it", "import keras", IMPORT),
            (
                f"load a preset of {FLOPS / 1e6:.0f} M multiply-adds",
                loading,
                f"ke.load({str(preset)!r})",
            ),
            (
                "load bignas_digits within 0.6 M",
                loading,
                "ke.load('bignas_digits', flops=6e5)",
            ),
        ):
            seconds = [measure(before, timed) for _ in range(arguments.runs)]
            print(
                f"{label:<46}{statistics.median(seconds):>7.2f} s "
                f"({min(seconds):.2f} to {max(seconds):.2f})"
            )


def make_child():
    """The largest child of `bignas` within the budget, calibrated."""
    child = ke.load("bignas", flops=FLOPS, classes=CLASSES, weights=None)
    images = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3))
    ke.calibrate(child, images.astype("uint8"))
    return child


def measure(before, timed):
    """Seconds that some code takes in a process of its own."""
    code = TIMED.format(before=before, timed=timed)
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return float(result.stdout.split()[-1])


if __name__ == "__main__":
    main()
