"""Image data sets and the batches that training and evaluation read.

Where TensorFlow is installed they are `tf.data` pipelines, whatever the Keras
backend. Elsewhere they are digits and packed data sets in memory, and NumPy
batches, under the same names.
"""

import importlib.util as _importing

from keras_elastic import lazy as _lazy

if _importing.find_spec("tensorflow"):
    _MADE = {
        "augmentation": ["AUGMENTATIONS", "center_patch"],
        "datasets": ["load_dataset"],
        "image_files": ["naming_corrupt_files"],
        "pipeline": ["evaluation_batches", "training_batches"],
        "splits": ["Split"],
    }
else:
    _MADE = {
        "array_augmentation": ["AUGMENTATIONS"],
        "array_batches": ["evaluation_batches", "training_batches"],
        "array_datasets": ["load_dataset", "naming_corrupt_files"],
    }

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        **_MADE,
        "array_datasets": ["load_arrays", *_MADE.get("array_datasets", ())],
        "image_dataset": ["ArraySplit", "ImageDataset"],
        "epochs": ["steps_per_epoch"],
    },
    modules=["packed"],
)
