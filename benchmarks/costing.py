"""Seconds to cost 100,000 random architectures of every family.

python benchmarks/costing.py
"""

import time

import numpy as np

from keras_elastic import families
from keras_elastic.spaces import costs

COUNT = 100_000


def main():
    for name in families.names():
        family = families.get(name)
        rng = np.random.default_rng(0)
        encoded = family.space.sample_encoded(rng, COUNT)
        start = time.perf_counter()
        counted = costs(family.plan(family.space.unstack(encoded), 1000))
        seconds = time.perf_counter() - start
        flops = np.broadcast_to(counted.flops, COUNT)
        print(
            f"{name:<18}{seconds:>7.3f} s for {COUNT:,}; flops "
            f"{flops.min() / 1e6:.1f} to {flops.max() / 1e6:.1f} M"
        )


if __name__ == "__main__":
    main()
