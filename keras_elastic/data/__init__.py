"""Image data sets and the batches that training and evaluation read.

Where TensorFlow is installed they are `tf.data` pipelines, whatever the Keras
backend. Elsewhere they are digits and packed data sets in memory, and NumPy
batches, under the same names.
"""

import importlib.util as _importing
import typing as _typing

from keras_elastic import lazy as _lazy

if _typing.TYPE_CHECKING:
    from keras_elastic.data import packed as packed
    from keras_elastic.data.array_datasets import load_arrays as load_arrays
    from keras_elastic.data.augmentation import AUGMENTATIONS as AUGMENTATIONS
    from keras_elastic.data.augmentation import center_patch as center_patch
    from keras_elastic.data.datasets import load_dataset as load_dataset
    from keras_elastic.data.epochs import steps_per_epoch as steps_per_epoch
    from keras_elastic.data.image_dataset import ArraySplit as ArraySplit
    from keras_elastic.data.image_dataset import ImageDataset as ImageDataset
    from keras_elastic.data.image_files import (
        naming_corrupt_files as naming_corrupt_files,
    )
    from keras_elastic.data.pipeline import (
        evaluation_batches as evaluation_batches,
    )
    from keras_elastic.data.pipeline import training_batches as training_batches
    from keras_elastic.data.splits import Split as Split

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
