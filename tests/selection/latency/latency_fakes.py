"""A device whose latencies are known: no test needs a wall clock."""

import math

from keras_elastic.selection.latency.runtimes import LatencyTiming
from keras_elastic.selection.latency.runtimes import Runtime

CALL = 0.05


class Killed(Exception):
    """Stands for a process that ends in the middle of measuring."""


class FakeRuntime(Runtime):
    """Takes `CALL` a call, and a time for each weight and each output.

    Args:
        slower: Function from the number of a measurement to how many times as
            slow the device is.
        groups: Measurements before the process is killed, or `None`.
        cores: Integer, what tells one machine from another.
    """

    def __init__(self, slower=lambda number: 1.0, groups=None, cores=2):
        super().__init__("fake", threads=1)
        self.slower = slower
        self.groups = groups
        self.cores = cores
        self.timed = []
        self.measurements = 0

    def prepare(self, model, batch_size):
        return lambda: model

    def machine(self):
        return {"platform": "fake", "cores": self.cores}

    def measure(self, models, batch_size, runs):
        if self.groups is not None and self.measurements >= self.groups:
            raise Killed
        factor = self.slower(self.measurements)
        self.measurements += 1
        self.timed.extend(models)
        return [
            LatencyTiming(2 * ms, 3 * ms, ms, runs)
            for model in models
            for ms in [factor * (CALL + batch_size * work(model))]
        ]


def work(model):
    """Milliseconds of all layers; they add up from block to block."""
    return sum(
        1e-4 * layer.count_params() + 1e-5 * math.prod(layer.output.shape[1:])
        for layer in model.layers
        # Inputs, and what only a whole network or the first block has.
        if type(layer).__name__ not in ("InputLayer", "Rescaling", "Activation")
    )
