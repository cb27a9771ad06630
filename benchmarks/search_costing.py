"""Architectures a second that a search draws, costs and filters on one core.

taskset --cpu-list 0 python benchmarks/search_costing.py

The figure counts distinct architectures, drawn at random, whose costs were
counted and compared with a budget in the middle of what the space has. Seconds
are those of the processor, so that other work on the machine counts less.
"""

import statistics
import time

import numpy as np

from keras_elastic import families
from keras_elastic.selection import Budget
from keras_elastic.selection.searches.candidates import Candidates
from keras_elastic.selection.searches.random_search import CHUNK
from keras_elastic.spaces.rows import unique_rows

CLASSES = 1000
CHUNKS = 8
RUNS = 5
NAMES = ("bignas", "attentivenas", "ofa_mobilenet_v3", "ofa_resnet50")


def main():
    for name in NAMES:
        family = families.get(name)
        candidates = Candidates(family, CLASSES, score=None)
        budget = median_budget(candidates)
        rates = [rate(candidates, budget, seed) for seed in range(RUNS)]
        print(
            f"{name:<18}{statistics.median(rates):>10,.0f} a second "
            f"({min(rates):,.0f} to {max(rates):,.0f}) with {budget}"
        )


def median_budget(candidates):
    encoded = candidates.space.sample_encoded(np.random.default_rng(0), CHUNK)
    return Budget(flops=float(np.median(candidates.costs(encoded).flops)))


def rate(candidates, budget, seed):
    rng = np.random.default_rng(seed)
    count = fitting = 0
    start = time.process_time()
    for _ in range(CHUNKS):
        encoded = candidates.space.sample_encoded(rng, CHUNK)
        encoded = unique_rows(encoded)
        count += len(encoded)
        fitting += candidates.fits(encoded, budget).sum()
    seconds = time.process_time() - start
    if not 0 < fitting < count:
        raise ValueError(f"{budget} filters nothing. Received: {fitting}.")
    return count / seconds


if __name__ == "__main__":
    main()
