"""Image data sets and the batches that training and evaluation read.

With the TensorFlow backend they are `tf.data` pipelines; with others, images
in memory and batches that are made on the device, under the same names.
"""

import keras

from keras_elastic import lazy

if keras.backend.backend() == "tensorflow":
    _BY_BACKEND = {
        "corrupt_files": ["naming_corrupt_files"],
        "datasets": ["load_dataset"],
        "pipeline": [
            "evaluation_batches",
            "steps_per_epoch",
            "training_batches",
        ],
    }
else:
    _BY_BACKEND = {
        "without_tensorflow": [
            "evaluation_batches",
            "load_dataset",
            "naming_corrupt_files",
            "steps_per_epoch",
            "training_batches",
        ],
    }

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "arrays": ["ArrayDataset", "ArraySplit", "load_arrays"],
        "augmentation": ["AUGMENTATIONS", "center_patch"],
        "device_batches": ["array_batches", "evaluation_arrays"],
        "splits": ["ImageDataset", "Split"],
        **_BY_BACKEND,
    },
)
