"""Image data sets and the batches that training and evaluation read."""

from keras_elastic.data.augmentation import AUGMENTATIONS as AUGMENTATIONS
from keras_elastic.data.augmentation import center_patch as center_patch
from keras_elastic.data.datasets import load_dataset as load_dataset
from keras_elastic.data.pipeline import evaluation_batches as evaluation_batches
from keras_elastic.data.pipeline import steps_per_epoch as steps_per_epoch
from keras_elastic.data.pipeline import training_batches as training_batches
from keras_elastic.data.splits import ImageDataset as ImageDataset
from keras_elastic.data.splits import Split as Split
