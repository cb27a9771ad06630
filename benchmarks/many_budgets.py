"""One file for many budgets against one file for each.

For the trained digits entry, or for a family with random weights, whose
smallest and largest architecture and some between them are taken. Prints the
sizes of the SavedModels, what share of the largest child's and of the sum the
common one is, and for each budget the largest difference between its logits and
the child's and the time of a request relative to the child's own file.

    python benchmarks/many_budgets.py
    python benchmarks/many_budgets.py --family=bignas --classes=1000
"""

import argparse
import os
import pathlib
import statistics
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from timing import median_ratio
from timing import paired_seconds

import keras_elastic as ke

DIGITS = {"140k": 140e3, "600k": 600e3, "900k": 900e3, "1500k": 1.5e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", help="default: the entry bignas_digits")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--children", type=int, default=4)
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.family is None:
        source = ke.zoo.find_entry("bignas_digits")
        budgets = DIGITS
        children = {n: ke.load(source.name, flops=f) for n, f in DIGITS.items()}
    else:
        source = ke.Supernet(arguments.family, arguments.classes)
        budgets = draw_subnets(source, arguments.children)
        children = {n: source.child(*s) for n, s in budgets.items()}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        together = ke.export.many_budgets(source, folder / "together", budgets)
        alone = {
            name: ke.export.saved_model(child, folder / name)
            for name, child in children.items()
        }
        print_sizes(together, alone)
        print_children(children, together, alone, arguments.runs)


def draw_subnets(supernet, count):
    """Architectures from the smallest to the largest, random statistics."""
    rng = np.random.default_rng(0)
    found = {
        name: np.stack(
            [rng.normal(0, 0.1, channels), rng.uniform(0.5, 1.5, channels)]
        ).astype("float32")
        for name, channels in supernet.normalizations.items()
    }
    space = supernet.space
    archs = [space.sample(rng) for _ in range(count - 2)]
    archs = [space.smallest, *archs, space.largest]
    return {f"child{i}": (arch, found) for i, arch in enumerate(archs)}


def call_saved_model(path, signature, logits=True):
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[signature]
    output = "logits" if logits else "probabilities"

    def call(pixels, loaded=loaded):
        return serve(images=tf.constant(pixels))[output].numpy()

    return call


def print_sizes(together, alone):
    sizes = [size(path) for path in alone.values()]
    total = size(together)
    print(f"together: {total / 1e6:.2f} MB")
    print(f"alone: {sum(sizes) / 1e6:.2f} MB in all")
    print(f"together / largest alone: {total / max(sizes):.3f}")
    print(f"together / sum: {total / sum(sizes):.3f}")


def print_children(children, together, alone, runs):
    print(f"{'':>10}{'params':>12}{'MB alone':>10}{'difference':>12}", end="")
    print(f"{'ms':>8}{'ms alone':>10}{'ratio':>7}")
    for name, child in children.items():
        calls = {
            "together": call_saved_model(together, f"serve_{name}"),
            # The other signature, which is timed too, returns no logits.
            "alone": call_saved_model(
                alone[name], "serving_default", logits=False
            ),
        }
        row = compare_one(child, calls, runs)
        print(f"{name:>10}{child.count_params():>12}", end="")
        print(f"{size(alone[name]) / 1e6:>10.2f}", end="")
        print("{:>12.1e}{:>8.2f}{:>10.2f}{:>7.2f}".format(*row), flush=True)


def compare_one(child, calls, runs):
    shape = (1, *child.input_shape[1:])
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    expected = np.asarray(child(pixels.astype("float32"), training=False))
    difference = np.abs(calls["together"](pixels) - expected).max()
    seconds = paired_seconds(
        {name: lambda call=call: call(pixels) for name, call in calls.items()},
        runs,
    )
    ms = [1e3 * statistics.median(s) for s in seconds.values()]
    ratio = median_ratio(seconds["together"], seconds["alone"])
    return difference, *ms, ratio


def size(path):
    """Bytes of all files of a folder."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


if __name__ == "__main__":
    main()
