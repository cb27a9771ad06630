"""A BasisNet on the backend of this process, for `basisnet_backends_test`.

Saves what the model at a path and its training task give, as an archive.
"""

import sys

import keras
import numpy as np
from keras import ops

from keras_elastic.conditional import BasisNetTask

COUNT = 7


def main(model_path, images_path, results_path):
    model = keras.saving.load_model(model_path)
    images = np.load(images_path)
    early = model.with_exit_threshold(0.4)
    task = BasisNetTask(model, basis_dropout=0.2)
    labels = np.arange(COUNT) % model.classes
    batch = {
        "images": images,
        "labels": labels,
        "targets": np.eye(model.classes, dtype="float32")[labels],
        **task.draw(np.random.default_rng(0), COUNT, step=20_000),
    }
    with keras.StatelessScope():
        tensors = {n: ops.convert_to_tensor(v) for n, v in batch.items()}
        loss, metrics = task.loss(tensors)
    results = {
        "logits": model.predict(images, verbose=0),
        "one": model.predict(images[:1], verbose=0),
        "early": early.predict(images, verbose=0),
        "loss": _numpy(loss),
        **{name: _numpy(value) for name, value in metrics.items()},
    }
    np.savez(results_path, **results)
    print(keras.backend.backend())


def _numpy(tensor):
    return ops.convert_to_numpy(ops.stop_gradient(tensor))


if __name__ == "__main__":
    main(*sys.argv[1:])
