"""Tiny entries of each conditional kind, with random weights."""

from unittest import mock

import basisnet_tiny
import dsnet_models
import numpy as np

import keras_elastic as ke
from keras_elastic.conditional import measure_early_exit
from keras_elastic.conditional.cascades import choosing
from keras_elastic.conditional.dsnet import run as dsnet_run
from keras_elastic.conditional.dsnet.report import flops_of
from keras_elastic.conditional.entry import MODEL
from keras_elastic.conditional.entry import write_entry
from keras_elastic.conditional.mean_front import MeanRow
from keras_elastic.conditional.mean_front import rows_of

NAMES = ("ant", "bee", "cat", "dog", "elk")


def basisnet(folder):
    """An entry of a BasisNet; its light network is unsure of some images."""
    model = basisnet_tiny.make()
    classifier = model.get_layer("light_head_classifier")
    classifier.set_weights([0.1 * w for w in classifier.get_weights()])
    images = basisnet_tiny.images(64)
    labels = np.asarray(model(images)).argmax(axis=-1)
    curve = measure_early_exit(model, [(images, labels)])
    return write_entry(
        folder,
        kind="basisnet",
        name="tiny_basisnet",
        dataset="noise",
        class_names=NAMES,
        models={MODEL: model},
        rows=rows_of(curve, curve, MODEL),
        most_flops=model.costs.flops,
    )


def dsnet(folder):
    """An entry of a DS-Net, of two windows of widths."""
    images = dsnet_models.make_images(64)
    models = {
        dsnet_run.model_file(name): dsnet_models.make(
            dsnet_models.MOBILENET, images, window
        )
        for name, window in (("S", (1, 2)), ("L", (3, 5)))
    }
    flops = {file: mean_flops(model, images) for file, model in models.items()}
    return write_entry(
        folder,
        kind="dsnet",
        name="tiny_dsnet",
        dataset="noise",
        class_names=[str(n) for n in range(dsnet_models.CLASSES)],
        models=models,
        rows=[
            MeanRow(flops[file], top1, None, None, file)
            for file, top1 in zip(models, (0.5, 0.6), strict=True)
        ],
        most_flops=max(map(dsnet_run.most_flops, models.values())),
    )


def mean_flops(model, images):
    """Mean multiply-adds of images of a DS-Net."""
    _, chosen = model.route(images)
    return float(flops_of(model, np.asarray(chosen)).mean())


def digits(count=200):
    """Held-out images of digits, and their labels."""
    batches = ke.data.evaluation_batches(
        ke.data.load_dataset("digits").held_out, batch_size=50, patch_size=12
    )
    images, labels = map(np.concatenate, zip(*batches, strict=True))
    return images[:count], labels[:count]


def cascade(folder):
    """An entry of a cascade of digits."""
    held_out = digits()
    with mock.patch.object(choosing, "_TRIED", 5):
        model = ke.cascade(
            "bignas_digits", flops=400e3, held_out=held_out, most_networks=2
        )
    return model.write_entry(folder, dataset="digits", test=held_out)


MAKERS = {"basisnet": basisnet, "dsnet": dsnet, "cascade": cascade}
