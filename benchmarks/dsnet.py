"""What a dynamic slimmable network's choices save, in time.

DS-MBNet with random weights, whose gate is set to choose what is timed:
- one image at each of some widths, against the multiply-adds, and against the
  same width without a switch and a slimming head (`static`) and the child of
  stock layers;
- a batch whose images choose different widths, half of the widest's
  multiply-adds on average, against the widest for all.

Prints the lower quartile of times that were taken in turn, which is what they
take where nothing else runs, and medians of their ratios.

    python benchmarks/dsnet.py
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import timing

import keras_elastic as ke
from keras_elastic.conditional import DSNet

CLASSES = 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="ds_mobilenet")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--batch_runs", type=int, default=5)
    parser.add_argument("--widths", default="0,3,7,13")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    # One, as a server that has a request for each of its cores.
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    supernet = ke.Supernet(arguments.family, CLASSES)
    rng = np.random.default_rng(0)
    size = supernet.space.resolution[-1]
    images = rng.integers(0, 256, (arguments.batch, size, size, 3))
    images = tf.constant(images, "float32")
    measured = measure(supernet, images[:4])
    model = DSNet.from_supernet(supernet, measured)
    widths = [int(width) for width in arguments.widths.split(",")]
    time_one_image(supernet, measured, model, images[:1], widths, arguments)
    time_a_batch(model, images, arguments)


def measure(supernet, images):
    """Statistics of every width."""
    calibrator = ke.SubnetCalibrator(supernet)
    return {
        arch: calibrator.measure(arch, images)
        for arch in DSNet.architectures(supernet.family)
    }


def traced(function, shape):
    """The function as one graph, as a server has it."""
    return tf.function(function, input_signature=[tf.TensorSpec(shape)])


def time_one_image(supernet, measured, model, image, widths, arguments):
    archs = DSNet.architectures(supernet.family)
    routed = traced(model, image.shape)
    print(
        f"one image{'':<6}{'flops':>9}{'routed':>10}{'/ static':>10}"
        f"{'/ child':>10}"
    )
    quiet = {}
    for index in widths:
        static = traced(
            lambda images, index=index: model.run_path(
                model.stem(images), index
            ),
            image.shape,
        )
        child = supernet.child(archs[index], measured[archs[index]])
        stock = traced(
            lambda images, child=child: child(images, training=False),
            image.shape,
        )
        choose_always(model, index)
        check_choice(model, image, index)
        seconds = timing.paired_seconds(
            {
                name: lambda function=function: function(image).numpy()
                for name, function in {
                    "routed": routed,
                    "static": static,
                    "child": stock,
                }.items()
            },
            arguments.runs,
        )
        quiet[index] = np.quantile(seconds["routed"], 0.25)
        ratios = [
            timing.median_ratio(seconds["routed"], seconds[other])
            for other in ("static", "child")
        ]
        print(
            f"  width {index:<7}{flops_of(model, index) / 1e6:>8.1f}M"
            f"{1e3 * quiet[index]:>8.2f}ms{ratios[0]:>10.3f}"
            f"{ratios[1]:>10.3f}"
        )
    compare(model, quiet, widths[0], widths[-1])


def compare(model, quiet, narrow, wide):
    time_ratio = quiet[wide] / quiet[narrow]
    flops_ratio = flops_of(model, wide) / flops_of(model, narrow)
    larger = max(time_ratio, flops_ratio) / min(time_ratio, flops_ratio)
    print(
        f"widest / slimmest: time {time_ratio:.2f}, flops {flops_ratio:.2f}, "
        f"one over the other {larger:.2f}\n"
    )


def flops_of(model, index):
    return model.flops[0][0] + model.flops[1][index]


def choose_always(model, index):
    """Sets the gate to one choice: its features are never negative."""
    (gate,) = model.gate_layers
    kernel = -np.ones((gate.reduced, gate.choices), "float32")
    kernel[:, index] = 1.0
    gate.slimming.kernel.assign(kernel)


def check_choice(model, image, index):
    _, chosen = model.route(image)
    if int(chosen[0, 0]) != index:
        raise RuntimeError(f"The gate chose {chosen[0, 0]}, not {index}.")


def choose_a_mixture(model, images, share):
    """Sets the gate so that the images cost a share of the widest's flops."""
    (gate,) = model.gate_layers
    means = tf.reduce_mean(model.stem(images), (1, 2))
    inner = gate.activation(gate.reduce(means)).numpy()
    costs = np.array([flops_of(model, i) for i in range(gate.choices)])
    allowed = gate.choices
    while costs[:allowed].mean() > share * costs[-1]:
        allowed -= 1
    wanted = np.arange(len(images)) % allowed
    kernel, *_ = np.linalg.lstsq(
        inner, 2 * np.eye(gate.choices)[wanted] - 1, rcond=None
    )
    gate.slimming.kernel.assign(kernel)


def time_a_batch(model, images, arguments):
    choose_a_mixture(model, images, share=0.5)
    shape = (None, *images.shape[1:])
    routed = traced(model.route, shape)
    widest = traced(
        lambda images: model.run_path(model.stem(images), -1), shape
    )
    _, chosen = routed(images)
    indices = chosen.numpy()[:, 0]
    costs = np.array([flops_of(model, i) for i in indices])
    most = flops_of(model, model.gate_layers[0].choices - 1)
    seconds = timing.paired_seconds(
        {
            "routed": lambda: routed(images)[0].numpy(),
            "widest": lambda: widest(images).numpy(),
        },
        arguments.batch_runs,
    )
    speedup = timing.median_ratio(seconds["widest"], seconds["routed"])
    print(
        f"batch of {len(images)}: images of each width "
        f"{np.bincount(indices).tolist()}\n"
        f"average flops {costs.mean() / 1e6:.1f} M, "
        f"{costs.mean() / most:.2f} of the widest's\n"
        f"routed {np.quantile(seconds['routed'], 0.25):.3f} s, widest for all "
        f"{np.quantile(seconds['widest'], 0.25):.3f} s: {speedup:.2f} times "
        "as fast"
    )


if __name__ == "__main__":
    main()
