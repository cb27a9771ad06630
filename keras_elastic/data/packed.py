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

import numpy as np

from keras_elastic import files
from keras_elastic.data.array_splits import ArrayDataset
from keras_elastic.data.array_splits import ArraySplit
from keras_elastic.data.holding_out import held_out_mask

SUFFIX = ".npz"
_DIGEST = "sha256"
_SPLITS = ("train", "test")
_PARTS = ("images", "sizes", "labels")


def save(dataset, path: str | os.PathLike) -> pathlib.Path:
    """Writes a data set into one file, which needs no TensorFlow to be read.

    The images are stored as PNG, so that what is read is equal to the last
    bit. The file is written whole or not at all, and holds a digest that is
    checked when it is read. It is an `.npz` file without pickled objects.

    Args:
        dataset: `ImageDataset` or `ArrayDataset`, whose images have one size.
            It must be divided as `load_dataset` divides: every tenth image of
            the published training split is held out.
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
    path = pathlib.Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(
            f"`path` must end in {SUFFIX!r}. Received: {str(path)!r}. "
            "Rename it."
        )
    if not isinstance(dataset, ArrayDataset):
        dataset = dataset.to_arrays()
    contents = {
        "name": np.array(dataset.name),
        "class_names": np.array(dataset.class_names, str),
    }
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


def load(path: str | os.PathLike, limit: int | None = None) -> ArrayDataset:
    """Reads a data set that `save` wrote into memory.

    Args:
        path: Path of the file.
        limit: If given, only the first `limit` images of the published
            training split are kept, before images are held out.

    Returns:
        An `ArrayDataset`, equal to the last bit to what `load_dataset` reads
        with the same `limit`.

    Raises:
        ValueError: If there is no such file, `save` did not write it, it is
            not whole, or `limit` keeps fewer than two images.
    """
    contents = _checked_contents(pathlib.Path(path))
    labels = {name: contents[f"{name}_labels"] for name in _SPLITS}
    held = held_out_mask(len(labels["train"]), limit)
    images = {
        "train": _decode_split(contents, "train", len(held)),
        "test": _decode_split(contents, "test", len(labels["test"])),
    }
    labels["train"] = labels["train"][: len(held)]

    def training(chosen: np.ndarray) -> ArraySplit:
        return ArraySplit(images["train"][chosen], labels["train"][chosen])

    return ArrayDataset(
        str(contents["name"]),
        tuple(contents["class_names"].tolist()),
        training(~held),
        training(held),
        ArraySplit(images["test"], labels["test"]),
    )


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


def _published(dataset: ArrayDataset) -> ArraySplit:
    """The published training split: held-out images are back in place."""
    train, held_out = dataset.train, dataset.held_out
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
        with np.load(path, allow_pickle=False) as file:
            contents = {n: file[n] for n in ("name", "class_names", *names)}
            digest = str(file[_DIGEST])
    # What NumPy raises for another file, or a broken one, has many types.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
        raise ValueError(_broken_message(path, str(e))) from e
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
) -> np.ndarray:
    encoded = contents[f"{name}_images"]
    ends = np.cumsum(contents[f"{name}_sizes"])
    parts = np.split(encoded, ends[:-1])[:count]
    return np.stack(_in_threads(_decode, parts))


def _in_threads(function: Callable, items: Iterable) -> list:
    # Pillow lets other threads run while it encodes and decodes.
    with concurrent.futures.ThreadPoolExecutor() as threads:
        return list(threads.map(function, items))


def _encode(image: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _decode(encoded: np.ndarray) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(encoded.tobytes())) as file:
        return np.asarray(file.convert("RGB"))
