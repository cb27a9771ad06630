"""Images per second of a sandwich step at the AttentiveNAS space.

The same four architectures (largest, smallest, two random) are run as one
sandwich step in modes sliced and masked, and as four subnets that are traced
alone with constant sizes, forward and backward; the times of the four are
added up. With `--torch_python` the four are run by PyTorch, eagerly, too, as
networks of their own, of which the largest is updated: give an interpreter that
has torch.

    python benchmarks/sandwich.py
    python benchmarks/sandwich.py --sizes=64 --modes=sliced
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
import timing

import keras_elastic as ke
from keras_elastic.spaces import costs
from keras_elastic.training import InPlaceDistillation
from keras_elastic.training import Sandwich
from keras_elastic.training.settings import StepSettings
from keras_elastic.training.task import SubnetTask
from keras_elastic.training.tensorflow_engine import TensorFlowEngine
from keras_elastic.training.tensorflow_step import TensorFlowStep

CLASSES = 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="attentivenas")
    parser.add_argument("--sizes", default="64,128")
    parser.add_argument("--modes", default="sliced,masked")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch_python")
    arguments = parser.parse_args()
    print(
        f"{'pixels':<8}{'':<22}{'s a step':>10}{'images/s':>10}"
        f"{'/ static':>10}{'first step':>12}"
    )
    for size in map(int, arguments.sizes.split(",")):
        compare(size, arguments)


def compare(size, arguments):
    """Prints the table of one size of images."""
    family = ke.families.get(arguments.family, resolution=(size,))
    rng = np.random.default_rng(arguments.seed)
    images = rng.uniform(0, 255, (arguments.batch, size, size, 3))
    batch = (
        tf.constant(images, "float32"),
        tf.constant(rng.integers(0, CLASSES, arguments.batch)),
    )
    supernet = ke.Supernet(family, CLASSES)
    archs = Sandwich().draw(supernet, arguments.seed, 0)
    runners = {"four static subnets": static_runner(supernet, archs, batch)}
    for mode in arguments.modes.split(","):
        runners[f"{mode} sandwich"] = step_runner(family, mode, archs, batch)
    if arguments.torch_python:
        for layout in ("contiguous", "channels_last"):
            name = f"PyTorch, {layout}"
            runners[name] = torch_runner(layout, size, archs, arguments)
    first = {name: timed(runner) for name, runner in runners.items()}
    seconds = timing.paired_seconds(runners, arguments.runs)
    reference = seconds["four static subnets"]
    for name, values in seconds.items():
        ratio = timing.median_ratio(values, reference)
        print_row(size, name, values, arguments.batch, ratio, first[name])
    print_against_torch(seconds)
    flops = [
        costs(family.plan(supernet.space.decode(arch), CLASSES)).flops / 1e6
        for arch in archs
    ]
    print(f"        multiply-adds: {', '.join(f'{f:.1f} M' for f in flops)}")


def print_row(size, name, values, batch, ratio, first):
    median = statistics.median(values)
    print(
        f"{size:<8}{name:<22}{median:>10.3f}{batch / median:>10.1f}"
        f"{ratio:>10.3f}{first:>11.1f}s",
        flush=True,
    )


def timed(function):
    """Seconds of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def step_runner(family, mode, archs, batch):
    """Returns a function that runs a whole training step."""
    supernet = ke.Supernet(family, CLASSES, mode=mode)
    optimizer = keras.optimizers.RMSprop(1e-4, momentum=0.9)
    optimizer.build(supernet.trainable_variables)
    settings = StepSettings()
    task = SubnetTask(supernet, Sandwich(), InPlaceDistillation())
    step = TensorFlowStep(task, optimizer, settings)
    engine = TensorFlowEngine(step, settings)
    mixing = settings.draw_mixing(len(batch[0]), step=0)
    return lambda: engine.train(batch, mixing, {}, archs, 0)


def static_runner(supernet, archs, batch):
    """Returns a function that runs each subnet, traced for it alone."""
    images, labels = batch
    variables = [v.value for v in supernet.trainable_variables]

    def make(arch):
        @tf.function
        def gradients():
            with tf.GradientTape() as tape:
                logits = supernet(images, arch)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels, logits
                )
                loss = tf.reduce_mean(loss)
            found = tape.gradient(loss, variables)
            return [g for g in found if g is not None]

        return gradients

    functions = [make(supernet.space.decode(arch)) for arch in archs]

    def run():
        for function in functions:
            function()[0].numpy()

    return run


def torch_runner(layout, size, archs, arguments):
    """Returns a function that runs the four subnets in PyTorch."""
    script = pathlib.Path(__file__).with_name("torch_eager.py")
    command = [arguments.torch_python, str(script), arguments.family]
    command += [str(size), str(arguments.batch), layout]
    command += [",".join(map(str, arch)) for arch in archs]
    root = str(pathlib.Path(__file__).parents[1])
    environment = {
        **os.environ,
        "KERAS_BACKEND": "torch",
        "PYTHONPATH": root,
    }
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )

    def run():
        process.stdin.write("\n")
        process.stdin.flush()
        if not process.stdout.readline():
            raise RuntimeError(
                f"{arguments.torch_python} ended without a time."
            )

    return run


def print_against_torch(seconds):
    """Prints whole sandwich steps over steps in PyTorch."""
    for step in seconds:
        for torch in seconds:
            if step.endswith("sandwich") and torch.startswith("PyTorch"):
                ratio = timing.median_ratio(seconds[step], seconds[torch])
                print(f"        {step} / {torch}: {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
