"""Peak memory of a sandwich step against that of the largest subnet alone.

Each runs in a process of its own; its peak is the largest resident set minus
what the process had before its first step.

    python benchmarks/peak_memory.py
"""

import argparse
import os
import resource
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

CLASSES = 200


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--measure", choices=["sandwich", "largest"])
    arguments = parser.parse_args()
    if arguments.measure:
        print(measure(arguments))
        return
    peaks = {}
    for name in ("largest", "sandwich"):
        command = [sys.executable, __file__, f"--measure={name}"]
        command += [f"--batch={arguments.batch}", f"--steps={arguments.steps}"]
        output = subprocess.run(
            command, check=True, capture_output=True, text=True
        )
        peaks[name] = float(output.stdout.split()[-1])
        print(f"{name:<10}{peaks[name] / 2**20:>8.0f} MiB")
    print(f"sandwich / largest: {peaks['sandwich'] / peaks['largest']:.3f}")


def measure(arguments):
    """Returns the bytes that training steps add to the process."""
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_elastic as ke
    from keras_elastic.training import InPlaceDistillation
    from keras_elastic.training import Sandwich
    from keras_elastic.training import Single
    from keras_elastic.training.settings import StepSettings
    from keras_elastic.training.task import SubnetTask
    from keras_elastic.training.tensorflow_step import TensorFlowStep

    family = ke.families.get("bignas", resolution=(96, 128))
    supernet = ke.Supernet(family, CLASSES)
    space = supernet.space
    sampler = Sandwich()
    if arguments.measure == "largest":
        sampler = Single(space.largest)
    optimizer = keras.optimizers.RMSprop(1e-3, momentum=0.9)
    optimizer.build(supernet.trainable_variables)
    settings = StepSettings()
    task = SubnetTask(supernet, sampler, InPlaceDistillation())
    step = tf.function(TensorFlowStep(task, optimizer, settings))
    images = tf.zeros((arguments.batch, 128, 128, 3))
    labels = tf.constant(np.arange(arguments.batch) % CLASSES)

    def inputs(number):
        archs = sampler.draw(supernet, 0, number)
        mixing = settings.draw_mixing(arguments.batch, number)
        mixing, archs, number = map(tf.constant, (mixing, archs, number))
        return mixing, {}, archs, number

    # Trace before the first look: the graph is not what is asked for.
    step.get_concrete_function(images, labels, *inputs(0))
    before = peak()
    for number in range(arguments.steps):
        step(images, labels, *inputs(number))
    return peak() - before


def peak():
    """Largest resident set of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
