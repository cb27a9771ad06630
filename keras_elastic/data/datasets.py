"""One way to load every image data set."""

import os
import pathlib

import tensorflow as tf

from keras_elastic import checks
from keras_elastic.data import packed
from keras_elastic.data import tfds_images
from keras_elastic.data.digits import load_digits
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import check_limit
from keras_elastic.data.image_folder import load_image_folder
from keras_elastic.data.splits import from_arrays


@checks.arguments(
    name=checks.PATH,
    data_dir=checks.PATH | checks.NONE,
    limit=checks.POSITIVE_INTEGER | checks.NONE,
    test_limit=checks.POSITIVE_INTEGER | checks.NONE,
    skip_corrupt=checks.BOOLEAN,
)
def load_dataset(
    name: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    *,
    limit: int | None = None,
    test_limit: int | None = None,
    skip_corrupt: bool = False,
) -> ImageDataset:
    """Loads an image classification data set.

    Held-out images are taken from the published training split, one in ten and
    at most 10,000; the test split is never touched. So `train` and `held_out`
    are disjoint and together the published training split.

    Args:
        name: One of

            - `"digits"`: 8 x 8 scans of digits, which scikit-learn carries;
            - the path of an image folder, either `folder/<class>/*.jpg` or
              `folder/train/<class>/*.jpg` with an optional `folder/test` and
              `folder/val`, whose images are held out, or tested where there is
              no other folder for it. Names such as "Training" and "test_set"
              are known too. BMP, GIF, JPEG, PNG and WebP are read, upright;
              other images are left out with a warning. Grayscale files become
              RGB and an alpha channel is dropped. Which images are held out
              and tested, where no folder says so, the name of each file says:
              a file that is added, removed or skipped moves no other;
            - the path of a packed data set, or what it is called in
              `data_dir` (see `packed`);
            - a name of [TensorFlow Datasets](
              https://www.tensorflow.org/datasets) (TFDS), for instance
              `"cifar10"` or `"imagenet_resized/64x64"`. Its test split is
              "test", or "validation" where "test" is missing or unlabeled.

        data_dir: Directory of data sets, packed or in TFDS form, with or
            without code that TFDS knows. Nothing is ever downloaded into it.
            By default TFDS's own directory, where a missing data set is
            downloaded to.
        limit: If given, only the first `limit` images of the training split
            are kept, before images are held out. A small experiment needs no
            more. The test split stays whole.
        test_limit: If given, only the first `test_limit` images of the test
            split are kept, for a trial.
        skip_corrupt: For image folders: whether to decode every file once,
            now, and to leave out with a warning those that cannot be decoded.
            Otherwise reading one raises an error that names it.

    Returns:
        An `ImageDataset` of uint8 RGB images `[height, width, 3]`. Its field
        `skipped` names the files that were left out.

    Raises:
        ValueError: If the name is unknown, `data_dir` does not exist or does
            not hold the data set, a download fails, `limit` keeps fewer than
            two images, the data set is not one of labeled 8-bit images, or
            `skip_corrupt` is given for what is not an image folder.

    Example:

    >>> dataset = load_dataset("digits")
    >>> dataset.num_classes
    10
    >>> dataset.train.size, dataset.held_out.size, dataset.test.size
    (1293, 144, 360)
    """
    check_limit(limit)
    dataset = _load(os.fspath(name), data_dir, limit, skip_corrupt)
    return dataset.with_test_limit(test_limit)


def _load(name: str, data_dir, limit: int | None, skip_corrupt: bool):
    data_dir = _checked_directory(data_dir)
    builder = data_dir and tfds_images.find_prepared(name, data_dir)
    folder = pathlib.Path(name).expanduser()
    if name and name != "digits" and not builder and folder.is_dir():
        return load_image_folder(folder, limit, skip_corrupt)
    if skip_corrupt:
        raise ValueError(_not_a_folder_message(name))
    if builder:
        return tfds_images.load_builder(name, builder, limit)
    if name == "digits":
        return from_arrays(load_digits(limit))
    if file := packed.find(name, data_dir):
        return from_arrays(packed.load(file, limit))
    return _load_by_tfds_name(name, data_dir, limit)


def _load_by_tfds_name(
    name: str, data_dir: str | None, limit: int | None
) -> ImageDataset:
    if data_dir is not None and tfds_images.is_registered(name):
        raise ValueError(_absent_message(name, data_dir))
    builder = tfds_images.find_registered(name) if data_dir is None else None
    if builder is None:
        raise ValueError(_unknown_message(name, data_dir))
    return tfds_images.load_builder(name, builder, limit)


def _checked_directory(data_dir: str | os.PathLike | None) -> str | None:
    if data_dir is None:
        return None
    directory = os.path.expanduser(os.fspath(data_dir))
    if not tf.io.gfile.isdir(directory):
        raise ValueError(
            "`data_dir` must be an existing directory of data sets in TFDS "
            f"form. Received: data_dir={directory!r}. Create it, or leave "
            "`data_dir` out to use TFDS's own directory."
        )
    return directory


def _not_a_folder_message(name: str) -> str:
    return (
        "`skip_corrupt` is for image folders only. "
        f"Received: name={name!r}, which is none. Leave `skip_corrupt` out, "
        "or pass the path of an existing folder."
    )


def _absent_message(name: str, data_dir: str) -> str:
    return (
        f"`data_dir` must hold the data set {name!r} in TFDS form, because "
        "nothing is downloaded into a directory that is given. "
        f"Received: data_dir={data_dir!r}, which holds: {_listed(data_dir)}. "
        "Prepare it there, for instance with `tfds build`, or leave "
        "`data_dir` out to have it downloaded."
    )


def _unknown_message(name: str, data_dir: str | None) -> str:
    found = "" if data_dir is None else f"{_listed(data_dir)} (`data_dir`), "
    return (
        f"`name` must be one of: 'digits', {found}an image folder, any TFDS "
        f"name. Received: name={name!r}. Check the spelling, or pass the path "
        "of an existing folder."
    )


def _listed(data_dir: str) -> str:
    return ", ".join(tfds_images.list_prepared(data_dir)) or "no data set"
