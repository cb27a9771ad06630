"""How well a detector on a child finds objects.

Makes a set of images with pasted objects (of CIFAR-10 from `--data_dir`, or the
digits of scikit-learn without it), puts a RetinaNet on a child of the zoo,
trains it, and prints the mean average precision on images that are made of the
test split. Then writes it as a SavedModel, loads that and compares what both
find. `--mutual` trains one detector at many widths and resolutions instead, and
measures its smallest and its largest child.

With `--dataset` it trains on a data set of TensorFlow Datasets.

    python benchmarks/detection.py --data_dir=DIR --flops=6e6
    python benchmarks/detection.py --data_dir=DIR --mutual
    python benchmarks/detection.py --dataset=coco/2017 --data_dir=DIR \
        --entry=bignas --flops=200e6 --image_size 512 640 --head_layers=4 \
        --strides 8 16 32 64 128 --anchor_size=4 --batch_size=16 --epochs=12 \
        --steps_per_epoch=7330
"""

import argparse
import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import keras_elastic as ke
from keras_elastic import detection


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    parser.add_argument("--dataset", help="Of TFDS [a made one].")
    parser.add_argument("--entry", help="[bignas_cifar10, or bignas_digits]")
    parser.add_argument("--flops", type=float, help="Of the child [the most].")
    parser.add_argument("--image_size", type=int, nargs=2, default=(64, 64))
    parser.add_argument("--strides", type=int, nargs="+", help="[the coarsest]")
    parser.add_argument("--anchor_size", type=float, default=2.0)
    parser.add_argument("--head_layers", type=int, default=1)
    parser.add_argument("--train", type=int, default=1200)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps_per_epoch", type=int, default=100)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--mutual", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="Folder of the SavedModel [none].")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    start = time.perf_counter()
    data = load(arguments)
    train = mutually if arguments.mutual else alone
    for name, detector in train(arguments, data):
        report(name, detector, arguments, data)
    print(f"{time.perf_counter() - start:.0f} seconds in all")


def load(arguments):
    if arguments.dataset:
        return detection.load_dataset(arguments.dataset, arguments.data_dir)
    return detection.pasted_objects(
        "cifar10" if arguments.data_dir else "digits",
        arguments.data_dir,
        arguments.image_size,
        train=arguments.train,
        test=arguments.test,
        seed=arguments.seed,
    )


def entry_of(arguments):
    made = "bignas_cifar10" if arguments.data_dir else "bignas_digits"
    return arguments.entry or made


def options_of(arguments, model):
    """What the detector has besides classes and the size of images."""
    strides = arguments.strides
    if not strides:
        pyramid = ke.feature_pyramid(model)
        maps = getattr(pyramid, "strides", None) or [
            int(name.split("_")[1]) for name in pyramid.output
        ]
        strides = [max(maps)]
    return {
        "strides": tuple(strides),
        "anchor_size": arguments.anchor_size,
        "head_layers": arguments.head_layers,
    }


def make_optimizer(arguments):
    steps = arguments.epochs * arguments.steps_per_epoch
    warmup = steps // 10
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - warmup,
        warmup_target=arguments.learning_rate,
        warmup_steps=warmup,
    )
    return keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=10.0)


def batches_of(examples, arguments, data, size, training=False):
    return detection.detection_batches(
        examples,
        tuple(size),
        arguments.batch_size,
        len(data.class_names),
        training=training,
        seed=arguments.seed,
    )


def alone(arguments, data):
    """Trains a detector on a child."""
    budget = {"flops": arguments.flops} if arguments.flops else {}
    child = ke.load(entry_of(arguments), **budget)
    detector = detection.retinanet(
        child,
        len(data.class_names),
        tuple(arguments.image_size),
        **options_of(arguments, child),
    )
    detector.compile(optimizer=make_optimizer(arguments))
    detector.fit(
        batches_of(data.train, arguments, data, arguments.image_size, True),
        epochs=arguments.epochs,
        steps_per_epoch=arguments.steps_per_epoch,
        # They are shuffled.
        shuffle=False,
        verbose=2,
    )
    yield "the detector", detector


def mutually(arguments, data):
    """Trains a detector on a supernet, and yields children of it."""
    supernet = ke.load_supernet(entry_of(arguments))
    elastic = detection.ElasticDetector(
        supernet,
        len(data.class_names),
        tuple(arguments.image_size),
        **options_of(arguments, supernet),
    )
    batches = batches_of(data.train, arguments, data, elastic.image_size, True)
    steps = arguments.epochs * arguments.steps_per_epoch
    losses = detection.train_mutually(
        elastic,
        batches,
        make_optimizer(arguments),
        steps,
        seed=arguments.seed,
    )
    for part in np.array_split(losses, arguments.epochs):
        print("losses of the largest, the smallest, others:", part.mean(axis=0))
    some = batches.take(2000 // arguments.batch_size)
    for end in ("largest", "smallest"):
        arch = getattr(supernet.space, end)
        yield f"the {end} child", elastic.child(arch, some)


def report(name, detector, arguments, data):
    size = detector.input_shape[1:3]
    test = batches_of(data.test, arguments, data, size)
    print(f"{name}, {detector.count_params() / 1e6:.2f} M parameters, {size}:")
    for title, iou in (("at 0.5", 0.5), ("of 0.5 to 0.95", None)):
        score = detection.mean_average_precision(detector, test, iou)
        print(f"  mean average precision {title}: {score:.3f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = detection.saved_model(
            detector,
            arguments.out or folder,
            ke.export.next_version(arguments.out or folder),
            class_names=list(data.class_names),
        )
        compare(detector, path, next(iter(test))[0])


def compare(detector, path, images):
    """Prints how far a SavedModel is from the detector."""
    images = tf.cast(tf.round(images), "uint8")
    expected = detector.predict(tf.cast(images, "float32"), verbose=0)
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    found = serve(images=images)
    scores = np.abs(found["scores"] - expected["confidence"]).max()
    height, width = detector.input_shape[1:3]
    pixels = found["boxes"] * [height, width, height, width]
    boxes = np.abs(pixels - expected["boxes"]).max()
    print(
        f"  its SavedModel: {int(tf.reduce_sum(found['count']))} boxes in "
        f"{len(images)} images, scores within {scores:.1e}, boxes within "
        f"{boxes:.1e} pixels"
    )


if __name__ == "__main__":
    main()
