"""Seconds until a network is there: commands, importing, loading.

Each figure is of a process of its own; the median of several. Loading is of a
preset, of a network of `bignas` within 400 M multiply-adds, and of the digits
entry. The preset is such a network, too, with random weights. What loading has
to do most of the time is to slice the child's weights from the supernet's: from
its file, against making the supernet first.

    python benchmarks/startup.py
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

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


CHILD = """
import tensorflow, keras
from keras_elastic import zoo
entry = zoo.find_entry("bignas")
row = len(entry.front.rows) - 1
arch, statistics = entry.front.rows[row].arch, entry.statistics(row)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    loading = "import tensorflow, keras, keras_elastic as ke"
    for arguments in (["--help"], ["train", "--help"], ["list"]):
        report_command(arguments, runs)
    report("import keras", "", "import keras", runs)
    report("import keras_elastic after it", "import keras", IMPORT, runs)
    budget = f"{FLOPS / 1e6:.0f} M multiply-adds"
    with tempfile.TemporaryDirectory() as folder:
        preset = pathlib.Path(folder) / "preset"
        ke.save_preset(make_child(), preset)
        code = f"ke.load({str(preset)!r})"
        report(f"load a preset of {budget}", loading, code, runs)
    code = f"ke.load('bignas', flops={FLOPS})"
    report(f"load bignas within {budget}", loading, code, runs)
    code = "ke.load('bignas_digits', flops=6e5)"
    report("load bignas_digits within 0.6 M", loading, code, runs)
    sliced = report(
        "a child of bignas, from the file",
        CHILD,
        "entry.child(arch, statistics)",
        runs,
    )
    by_supernet = report(
        "the same by way of the supernet",
        CHILD,
        "entry.supernet().child(arch, statistics)",
        runs,
    )
    print(f"the former over the latter: {sliced / by_supernet:.2f}")


def report(label, before, timed, runs):
    """Prints and returns the median of the seconds that some code takes."""
    seconds = [measure(before, timed) for _ in range(runs)]
    median = statistics.median(seconds)
    print(
        f"{label:<46}{median:>7.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f})",
        flush=True,
    )
    return median


def report_command(arguments, runs):
    """Prints the median of the seconds of a whole process."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "keras_elastic", *arguments],
            capture_output=True,
            check=True,
        )
        seconds.append(time.perf_counter() - start)
    print(
        f"{'keras-elastic ' + ' '.join(arguments):<46}"
        f"{statistics.median(seconds):>7.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f})",
        flush=True,
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
