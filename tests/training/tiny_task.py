"""A small task: a network that drops features, with two trained layers."""

import keras
import numpy as np
from keras import ops
from training import tiny

from keras_elastic.training.losses import soft_cross_entropy
from keras_elastic.training.task import Task

FEATURES = 6


def make_model(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    features = keras.layers.Conv2D(FEATURES, 3, strides=2, name="conv")(
        features
    )
    features = keras.layers.BatchNormalization(name="norm")(features)
    features = keras.layers.Activation("relu")(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    outputs = keras.layers.Dense(tiny.CLASSES, name="head")(features)
    return keras.Model(inputs, outputs)


class TinyTask(Task):
    """Cross-entropy whose images are weighted by what `draw` returns."""

    classes = tiny.CLASSES
    metrics = ("accuracy", "weight", "step")

    def __init__(self, model, *, only_head=False, training=True):
        self.model = model
        self.training = training
        self.variables = model.trainable_variables
        if only_head:
            self.variables = model.get_layer("head").trainable_variables

    def chance(self):
        return np.log(self.classes)

    def draw(self, rng, batch_size, step):
        weights = rng.uniform(0.5, 1.5, batch_size).astype("float32")
        steps = np.full(batch_size, step, "float32")
        return {"weights": weights, "steps": steps}

    def loss(self, batch):
        logits = self.model(batch["images"], training=self.training)
        losses = soft_cross_entropy(batch["targets"], logits)
        hits = ops.equal(ops.argmax(logits, -1), batch["labels"])
        metrics = {
            "accuracy": ops.cast(hits, "float32"),
            "weight": batch["weights"],
            "step": batch["steps"],
        }
        return batch["weights"] * losses, metrics
