"""What importing published weights costs, and what their padding costs.

First: seconds and peak memory to make a supernet of a file as large as that of
Once-for-All's ResNet-50D, the largest release, over the size of the file. The
file has random weights under the release's names. Memory is what the process
has at its peak beyond what it had before.

Then: a child by PyTorch's convention (symmetric padding, pixels normalized by
channel) against the same child by Keras's, as a SavedModel and as a LiteRT
file, one image, timed in turn in one run; and the largest difference between
the logits of the exports and of the symmetric child, over the largest logit.

    python benchmarks/imports.py
    python benchmarks/imports.py --families ofa_mobilenet_v3 --runs=50
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import parity
import tensorflow as tf
import timing
import torch
from ai_edge_litert.interpreter import Interpreter

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.models.initial_weights import layers_of
from keras_elastic.zoo.imports.kinds import KINDS

LARGEST = "ofa_resnet50"
FAMILIES = ("ofa_mobilenet_v3", "attentivenas", "slimmable_resnet50")
SIZE = 224
CLASSES = 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(*measure_import(arguments.measure))
        return
    # Before anything of TensorFlow runs.
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    report_import()
    report_latency(arguments)


def report_import():
    """Imports a file in a process of its own, and prints what it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "release.pth")
        write_release(path)
        size = path.stat().st_size
        output = subprocess.run(
            [sys.executable, __file__, f"--measure={path}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    seconds, peak = map(float, output.split()[-2:])
    print(
        f"{LARGEST}: a file of {size / 1e6:.0f} MB, {seconds:.1f} s, peak "
        f"{peak / 1e6:.0f} MB, {peak / size:.2f} times the file",
        flush=True,
    )


def write_release(path):
    """Writes random weights as the release names and lays them out."""
    kind = KINDS[LARGEST]
    supernet = ke.Supernet(kind.make_family(), CLASSES)
    plan = supernet.family.plan(supernet.space.largest, CLASSES)
    names = kind.names(plan)
    arrays = {}
    for operation, layer in layers_of(supernet):
        name = names[operation.name]
        for part, array in zip(
            ("weight", "bias"), layer.get_weights(), strict=False
        ):
            axes = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim, (0,))
            arrays[f"{name}.{part}"] = torch.from_numpy(
                np.ascontiguousarray(array.transpose(axes))
            )
    torch.save({"state_dict": arrays}, path)


def measure_import(path):
    """Seconds and bytes that an import takes in this process."""
    # What every first supernet brings into the process.
    ke.Supernet("bignas_digits", 10)
    # Forgets the peak of what came before (Linux).
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = status_bytes("VmRSS")
    start = time.perf_counter()
    zoo.import_checkpoint(LARGEST, path)
    return time.perf_counter() - start, status_bytes("VmHWM") - before


def status_bytes(name):
    """What the kernel says of this process, in bytes."""
    status = pathlib.Path("/proc/self/status").read_text()
    [line] = [row for row in status.splitlines() if row.startswith(name)]
    return 1024 * int(line.split()[1])


def report_latency(arguments):
    """Prints the table of children by both conventions."""
    image = np.random.default_rng(0).uniform(0, 255, (1, SIZE, SIZE, 3))
    image = image.astype("float32")
    print(f"\n{SIZE} pixels, one image, threads: {arguments.threads}")
    print("| family | export | torch / keras | torch, ms | difference |")
    print("|---|---|---|---|---|")
    for name in arguments.families:
        children = {
            convention: make_child(name, convention)
            for convention in ("torch", "keras")
        }
        for export in EXPORTS:
            runs = {
                convention: EXPORTS[export](child, image, arguments.threads)
                for convention, child in children.items()
            }
            expected = children["torch"].predict(image, verbose=0)
            difference = np.abs(runs["torch"]() - expected).max()
            difference /= np.abs(expected).max()
            seconds = timing.paired_seconds(runs, arguments.runs)
            ratio = timing.median_ratio(seconds["torch"], seconds["keras"])
            median = 1000 * np.median(seconds["torch"])
            print(
                f"| {name} | {export} | {ratio:.3f} | {median:.1f} | "
                f"{difference:.1e} |",
                flush=True,
            )


def make_child(name, convention):
    """The largest child of a family at one resolution, calibrated."""
    family = ke.families.get(name, resolution=(SIZE,), convention=convention)
    supernet = ke.Supernet(family, CLASSES)
    parity.with_random_weights(supernet, np.random.default_rng(0))
    child = supernet.child(family.space.largest)
    images = np.random.default_rng(1).uniform(0, 255, (8, SIZE, SIZE, 3))
    ke.calibrate(child, images)
    return child


def as_saved_model(child, image, threads):
    """A function that runs the child's SavedModel, and returns logits."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = tf.saved_model.load(str(ke.export.saved_model(child, folder)))
    serve = loaded.signatures["serve_tensors"]
    images = tf.constant(image)

    def run():
        return serve(images=images)["logits"].numpy()

    # The function keeps what it was loaded from.
    run.loaded = loaded
    return run


def as_litert(child, image, threads):
    """A function that runs the child's LiteRT file, and returns logits."""
    with tempfile.TemporaryDirectory() as folder:
        path = ke.export.litert(child, pathlib.Path(folder, "child.tflite"))
        content = path.read_bytes()
    interpreter = Interpreter(model_content=content, num_threads=threads)
    runner = interpreter.get_signature_runner()
    [name] = runner.get_input_details()

    def run():
        return next(iter(runner(**{name: image}).values()))

    return run


EXPORTS = {"SavedModel": as_saved_model, "LiteRT": as_litert}


if __name__ == "__main__":
    main()
