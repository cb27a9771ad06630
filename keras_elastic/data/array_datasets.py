"""Loads data sets into memory; TensorFlow is not needed for all of them."""

import contextlib
import importlib.util
import os
import pathlib

from keras_elastic import checks
from keras_elastic.data import packed
from keras_elastic.data.digits import load_digits
from keras_elastic.data.image_dataset import ImageDataset


@checks.arguments(
    name=checks.PATH,
    data_dir=checks.PATH | checks.NONE,
    limit=checks.POSITIVE_INTEGER | checks.NONE,
    resize_to=checks.POSITIVE_INTEGER | checks.NONE,
)
def load_arrays(
    name: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    *,
    limit: int | None = None,
    resize_to: int | None = None,
) -> ImageDataset:
    """Loads an image classification data set into memory.

    Without TensorFlow these are the digits and packed sets. With it they are
    all that `load_dataset` loads, whose images, order and division they have.

    Args:
        name: `"digits"`, the path of a packed data set, or what it is called
            in `data_dir` (see `packed`). With TensorFlow also an image folder
            or a name of TensorFlow Datasets.
        data_dir: Directory of data sets, packed or in the form of TensorFlow
            Datasets.
        limit: If given, only the first `limit` images of the training split
            are kept, before images are held out. A small experiment needs no
            more. The test split stays whole.
        resize_to: If given, the side in pixels that the central square of
            every image is resized to. Needed where the images differ in size.

    Returns:
        An `ImageDataset` of `ArraySplit`s: uint8 images
        `[count, height, width, 3]` and int64 labels `[count]`.

    Raises:
        ValueError: If the data set is not there or is broken, `limit` keeps
            fewer than two images, the images differ in size and `resize_to`
            is not given, or it is given for digits or a packed set.

    Example:

    >>> dataset = load_arrays("digits")
    >>> dataset.num_classes
    10
    >>> dataset.train.images.shape
    (1293, 8, 8, 3)
    """
    file = None if name == "digits" else packed.find(name, data_dir)
    if name != "digits" and file is None:
        return _read_with_tensorflow(name, data_dir, limit, resize_to)
    if resize_to is not None:
        raise ValueError(
            "`resize_to` must be `None` for digits and packed data sets, "
            f"whose images have one size. Received: resize_to={resize_to}. "
            "Leave it out: batches are resized to their `patch_size`."
        )
    return load_digits(limit) if file is None else packed.load(file, limit)


def load_dataset(
    name: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    *,
    limit: int | None = None,
    test_limit: int | None = None,
    skip_corrupt: bool = False,
) -> ImageDataset:
    """`load_dataset` of a machine without TensorFlow; see `load_arrays`.

    Raises:
        ValueError: As `load_arrays`, or `skip_corrupt` is asked for: it is for
            image folders, which need TensorFlow.
    """
    if skip_corrupt:
        raise ValueError(
            "`skip_corrupt` is for image folders, which need TensorFlow. "
            "Received: skip_corrupt=True without it. Leave it out."
        )
    dataset = load_arrays(name, data_dir, limit=limit)
    return dataset.with_test_limit(test_limit)


def naming_corrupt_files() -> contextlib.AbstractContextManager:
    """A context that does nothing: there are no files to read any more."""
    return contextlib.nullcontext()


def _read_with_tensorflow(
    name: str | os.PathLike,
    data_dir: str | os.PathLike | None,
    limit: int | None,
    resize_to: int | None,
) -> ImageDataset:
    if importlib.util.find_spec("tensorflow") is None:
        raise ValueError(
            "Without TensorFlow, `name` must be 'digits', the path of a "
            f"packed data set, or one that `data_dir` holds as NAME"
            f"{packed.SUFFIX}. Received: name={os.fspath(name)!r}, "
            f"data_dir={data_dir and os.fspath(data_dir)!r}, which holds: "
            f"{_listed(data_dir)}. Pack it once, where TensorFlow is "
            "installed: `packed.save(load_dataset(name), path)`."
        )
    from keras_elastic.data import datasets
    from keras_elastic.data import splits

    dataset = datasets.load_dataset(name, data_dir, limit=limit)
    return splits.to_arrays(dataset, resize_to)


def _listed(data_dir: str | os.PathLike | None) -> str:
    if data_dir is None:
        return "nothing"
    root = pathlib.Path(data_dir).expanduser()
    found = sorted(root.rglob(f"*{packed.SUFFIX}"))
    names = [
        path.relative_to(root).with_suffix("").as_posix() for path in found
    ]
    return ", ".join(names) or "no packed data set"
