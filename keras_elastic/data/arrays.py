"""One way to load data sets into memory, which does not need TensorFlow."""

import itertools
import os
import pathlib
from collections.abc import Iterable

import numpy as np

from keras_elastic.data.array_splits import ArrayDataset as ArrayDataset
from keras_elastic.data.array_splits import ArraySplit as ArraySplit
from keras_elastic.data.digit_scans import read_digit_scans
from keras_elastic.data.holding_out import held_out_mask
from keras_elastic.data.image_decoding import decode_images
from keras_elastic.data.tfds_folder import Record
from keras_elastic.data.tfds_folder import TfdsFolder
from keras_elastic.data.tfds_names import find_folder
from keras_elastic.data.tfds_names import list_names

# Where TFDS keeps its data sets by default.
_TFDS_DIRECTORY = "~/tensorflow_datasets"


def load_arrays(
    name: str,
    data_dir: str | os.PathLike | None = None,
    *,
    limit: int | None = None,
    resize_to: int | None = None,
) -> ArrayDataset:
    """Loads an image classification data set into memory.

    It needs neither TensorFlow nor TensorFlow Datasets (TFDS). The images,
    their order and their division are those of `load_dataset`, which reads
    data sets that do not fit, image folders, and images of different sizes.
    JPEG files are decoded by the accurate inverse transform, where TensorFlow
    takes the fast one by default: pixels differ by 1 of 255 on average.

    Args:
        name: `"digits"`, 8 x 8 scans of digits, which scikit-learn carries; or
            the name of a data set in TFDS form, for instance `"cifar10"` or
            `"imagenet_resized/64x64"`. Its test split is "test", or
            "validation" where "test" is missing or unlabelled.
        data_dir: Directory of data sets in TFDS form. By default that of the
            environment variable `TFDS_DATA_DIR`, or `~/tensorflow_datasets`.
            Nothing is ever downloaded.
        limit: If given, only the first `limit` images of the training split
            are kept, before images are held out. A small experiment needs no
            more. The test split stays whole.
        resize_to: If given, the side in pixels that the central square of
            every image is resized to. Needed where the images differ in size.

    Returns:
        An `ArrayDataset` of uint8 images `[count, height, width, 3]` and int64
        labels `[count]`.

    Raises:
        ValueError: If the data set is not there, `limit` keeps fewer than two
            images, a file is broken, the images differ in size and `resize_to`
            is not given, or the data set is not one of labelled 8-bit images.

    Example:

    >>> dataset = load_arrays("digits")
    >>> dataset.num_classes
    10
    >>> dataset.train.images.shape
    (1293, 8, 8, 3)
    """
    _check_resize_to(name, resize_to)
    if name == "digits":
        return _load_digits(limit)
    directory = _checked_directory(data_dir)
    folder = find_folder(name, directory)
    if folder is None:
        raise ValueError(_unknown_message(name, directory))
    return _load_tfds_folder(name, TfdsFolder(folder), limit, resize_to)


def _load_digits(limit: int | None) -> ArrayDataset:
    scans = read_digit_scans()

    def split(numbers: np.ndarray) -> ArraySplit:
        return ArraySplit(scans.images[numbers], scans.labels[numbers])

    held = held_out_mask(len(scans.train), limit)
    train = scans.train[: len(held)]
    return ArrayDataset(
        "digits",
        scans.class_names,
        split(train[~held]),
        split(train[held]),
        split(scans.test),
    )


def _load_tfds_folder(
    name: str, folder: TfdsFolder, limit: int | None, resize_to: int | None
) -> ArrayDataset:
    held = held_out_mask(folder.size("train"), limit)
    records = list(itertools.islice(folder.records("train"), len(held)))

    def split(records: Iterable[Record]) -> ArraySplit:
        encoded, labels = zip(*records, strict=True)
        images = decode_images(
            encoded, channels=folder.channels, resize_to=resize_to
        )
        return ArraySplit(images, np.array(labels, "int64"))

    return ArrayDataset(
        name,
        folder.class_names,
        split(itertools.compress(records, ~held)),
        split(itertools.compress(records, held)),
        split(folder.records(folder.test_split)),
    )


def _check_resize_to(name: str, resize_to: int | None) -> None:
    if resize_to is None:
        return
    if resize_to < 1:
        raise ValueError(
            "`resize_to` must be a positive number of pixels. "
            f"Received: resize_to={resize_to}. Pass at least 1."
        )
    if name == "digits":
        raise ValueError(
            "`resize_to` must be `None` for the digits, which are all 8 x 8. "
            f"Received: resize_to={resize_to}. Leave it out: batches are "
            "resized to their `patch_size`."
        )


def _checked_directory(data_dir: str | os.PathLike | None) -> pathlib.Path:
    if data_dir is None:
        data_dir = os.environ.get("TFDS_DATA_DIR", _TFDS_DIRECTORY)
    directory = pathlib.Path(data_dir).expanduser()
    if not directory.is_dir():
        raise ValueError(
            "`data_dir` must be an existing directory of data sets in TFDS "
            f"form. Received: data_dir={str(directory)!r}. Create it, for "
            "instance with `tfds build`."
        )
    return directory


def _unknown_message(name: str, directory: pathlib.Path) -> str:
    found = ", ".join(list_names(directory)) or "no data set"
    return (
        "`name` must be 'digits' or a data set in TFDS form in `data_dir`. "
        f"Received: name={name!r}, data_dir={str(directory)!r}, which holds: "
        f"{found}. Check the spelling, or prepare it there with `tfds build`. "
        "Image folders need the TensorFlow backend and `load_dataset`."
    )
