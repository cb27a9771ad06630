"""How well a table of blocks predicts latencies of whole networks, here.

    python benchmarks/latency_table.py --family=bignas_cifar10 \\
        --runtime=litert --batch=1

Prints a row for each of some random architectures, and the median and 95th
percentile of the relative error and the rank correlation. With `--path` the
table is kept, and measuring goes on where it stopped.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from keras_elastic import families
from keras_elastic.selection import LatencyTable

COUNT = 100_000


def main():
    arguments = parse_arguments()
    changes = {}
    if arguments.resolution:
        sizes = arguments.resolution.split(",")
        changes["resolution"] = tuple(int(size) for size in sizes)
    family = families.get(arguments.family, **changes)
    start = time.perf_counter()
    table = LatencyTable.measure(
        family,
        arguments.classes,
        arguments.runtime,
        batch_size=arguments.batch,
        threads=arguments.threads,
        path=arguments.path or None,
        progress=show_progress,
        runs=arguments.runs,
        max_blocks=arguments.max_blocks,
    )
    seconds = time.perf_counter() - start
    print(f"\nmeasured in {seconds:.0f} s; {table.calibration}")
    print(table.report(arguments.architectures))
    show_rate(table)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="bignas_cifar10")
    parser.add_argument("--resolution", default="", help="such as 64,96")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--runtime", default="tensorflow")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--max_blocks", type=int, default=400)
    parser.add_argument("--architectures", type=int, default=30)
    parser.add_argument("--path", default="")
    return parser.parse_args()


def show_progress(done, total):
    print(f"\r{done} of {total}", end="", flush=True)


def show_rate(table):
    rng = np.random.default_rng(0)
    encoded = table.family.space.sample_encoded(rng, COUNT)
    start = time.perf_counter()
    table.predict_encoded(encoded)
    seconds = time.perf_counter() - start
    print(f"{COUNT:,} predictions in {seconds:.2f} s")


if __name__ == "__main__":
    main()
