"""A data set in one file, for machines without TensorFlow.

It is packed once, where TensorFlow can read the data set, and read with NumPy
and Pillow.
"""

import concurrent.futures
import hashlib
import io
import os
import pathlib
import zipfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_elastic import files
from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import held_out_mask
from keras_elastic.data.image_decoding import decode_images

SUFFIX = ".npz"
_DIGEST = "sha256"
_SPLITS = ("train", "test")
_NAMES = ("name", "class_names")
# Only where it is not every tenth image.
_HELD_OUT = "held_out"
_PARTS = ("images", "sizes", "labels")
# What NumPy raises for a file that is another, or broken.
_UNREADABLE = (
    *(OSError, EOFError, IndexError, KeyError, ValueError),
    zipfile.BadZipFile,
)


def save(dataset: ImageDataset, path: str | os.PathLike) -> pathlib.Path:
    """Writes a data set into one file, which needs no TensorFlow to be read.

    The images are stored as PNG, so that what is read is equal to the last
    bit. The file is written whole or not at all, and holds a digest that is
    checked when it is read. It is an `.npz` file without pickled objects.

    Args:
        dataset: `ImageDataset` whose images have one size, divided as
            `load_dataset` divides.
        path: Path of the file, which ends in ".npz".

    Returns:
        The path.

    Raises:
        ValueError: If the path ends otherwise, the images differ in size, or
            the data set is divided otherwise.

    Example:

    ```python
    dataset = load_dataset("cifar10", data_dir)
    packed.save(dataset, "cifar10.npz")
    # Elsewhere, without TensorFlow:
    dataset = load_dataset("cifar10.npz")
    ```
    """
    path = files.as_path(path=path)
    if path.suffix != SUFFIX:
        raise ValueError(
            f"`path` must end in {SUFFIX!r}. Received: {str(path)!r}. "
            "Rename it."
        )
    if not isinstance(dataset.train, ArraySplit):
        from keras_elastic.data.splits import to_arrays

        dataset = to_arrays(dataset)
    contents: dict[str, Any] = {
        "name": np.array(dataset.name),
        "class_names": np.array(dataset.class_names, str),
    }
    if dataset.held_out_places is not None:
        contents[_HELD_OUT] = dataset.held_out_places
    splits = (_published(dataset), dataset.test)
    for name, split in zip(_SPLITS, splits, strict=True):
        encoded = _in_threads(_encode, split.images)
        contents[f"{name}_images"] = np.frombuffer(b"".join(encoded), "uint8")
        contents[f"{name}_sizes"] = np.array([*map(len, encoded)], "int64")
        contents[f"{name}_labels"] = split.labels
    contents[_DIGEST] = np.array(_digest(contents))
    with files.replacing(path) as temporary:
        np.savez(temporary, **contents)
    return path


def load(path: str | os.PathLike, limit: int | None = None) -> ImageDataset:
    """Reads a data set that `save` wrote into memory.

    Args:
        path: Path of the file.
        limit: If given, only the first `limit` images of the published
            training split are kept, before images are held out.

    Returns:
        An `ImageDataset` of `ArraySplit`s, equal to the last bit to what
        `load_dataset` reads with the same `limit`. (Of a packed image folder,
        the first image is held out where a `limit` keeps none of those that
        are.)

    Raises:
        ValueError: If there is no such file, `save` did not write it, it is
            not whole, or `limit` keeps fewer than two images.
    """
    contents = _checked_contents(files.as_path(path=path))
    # What is not kept is not decoded.
    held = _held_out(contents, limit)
    kept = len(held)
    train = _decode_split(contents, "train", kept)
    test = _decode_split(contents, "test", len(contents["test_labels"]))
    class_names = tuple(contents["class_names"].tolist())
    train, held_out = train.divide(held)
    return ImageDataset(
        str(contents["name"]),
        class_names,
        train,
        held_out,
        test,
        held_out_places=held if _HELD_OUT in contents else None,
    )


def _held_out(
    contents: Mapping[str, np.ndarray], limit: int | None
) -> np.ndarray:
    """Says which images are held out of the first `limit`."""
    mask = held_out_mask(len(contents["train_labels"]), limit)
    if _HELD_OUT in contents:
        mask = contents[_HELD_OUT][: len(mask)].copy()
        # One of each at least.
        mask[0] |= not mask.any()
        mask[0] &= not mask.all()
    return mask


def find(
    name: str | os.PathLike, data_dir: str | os.PathLike | None
) -> pathlib.Path | None:
    """Finds the file of a packed data set.

    Args:
        name: Path of the file, or what it is called in `data_dir`:
            `"cifar10"` is `data_dir/cifar10.npz`.
        data_dir: The folder, or `None`.

    Returns:
        The path, or `None` if there is no such file.
    """
    name = os.fspath(name)
    path = pathlib.Path(name).expanduser()
    if path.suffix == SUFFIX and path.is_file():
        return path
    if not name or data_dir is None:
        return None
    path = pathlib.Path(data_dir).expanduser() / f"{name}{SUFFIX}"
    return path if path.is_file() else None


def _published(dataset: ImageDataset) -> ArraySplit:
    """The published training split: held-out images are back in place."""
    train, held_out = dataset.train, dataset.held_out
    held = dataset.held_out_places
    if held is None:
        held = held_out_mask(train.size + held_out.size)
    if held.sum() != held_out.size:
        raise ValueError(
            "`dataset` must be divided as `load_dataset` divides: of "
            f"{len(held)} training images, {held.sum()} are held out. "
            f"Received: {held_out.size} held-out images. Pass what "
            "`load_dataset` returns."
        )
    images = np.empty((len(held), *train.images.shape[1:]), "uint8")
    labels = np.empty(len(held), "int64")
    for chosen, split in ((~held, train), (held, held_out)):
        images[chosen] = split.images
        labels[chosen] = split.labels
    return ArraySplit(images, labels)


def _checked_contents(path: pathlib.Path) -> dict[str, np.ndarray]:
    names = [f"{split}_{part}" for split in _SPLITS for part in _PARTS]
    try:
        # Opened here, because NumPy does not close a file that it cannot read.
        with open(path, "rb") as file:
            arrays = np.load(file, allow_pickle=False)
            names += [_HELD_OUT] * (_HELD_OUT in getattr(arrays, "files", ()))
            contents = {n: arrays[n] for n in (*_NAMES, *names)}
            digest = str(arrays[_DIGEST])
    except _UNREADABLE as error:
        raise ValueError(_broken_message(path, str(error))) from error
    if digest != _digest(contents):
        raise ValueError(_broken_message(path, "its digest is another"))
    return contents


def _broken_message(path: pathlib.Path, problem: str) -> str:
    return (
        "A packed data set must be a whole file that `packed.save` wrote. "
        f"Received: {str(path)!r}, which is not: {problem}. "
        "Copy or pack it again."
    )


def _digest(contents: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(contents):
        array = contents[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _decode_split(
    contents: Mapping[str, np.ndarray], name: str, count: int
) -> ArraySplit:
    ends = np.cumsum(contents[f"{name}_sizes"])
    encoded = np.split(contents[f"{name}_images"], ends[:-1])[:count]
    images = np.stack(decode_images(part.tobytes() for part in encoded))
    return ArraySplit(images, contents[f"{name}_labels"][:count])


def _in_threads(function: Callable, items: Iterable) -> list:
    # Pillow lets other threads run while it encodes.
    with concurrent.futures.ThreadPoolExecutor() as threads:
        return list(threads.map(function, items))


def _encode(image: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
