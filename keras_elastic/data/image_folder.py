"""Image files in one folder per class."""

import hashlib
import pathlib

import tensorflow as tf

from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import check_limit
from keras_elastic.data.image_files import decode_window
from keras_elastic.data.image_files import find_corrupt
from keras_elastic.data.image_files import read_named
from keras_elastic.data.image_files import warn_skipped
from keras_elastic.data.splits import Decode
from keras_elastic.data.splits import Split
from keras_elastic.data.splits import hold_out

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_TEST_FOLDERS = ("test", "val", "validation")
_TEST_PERIOD = 5

_Files = dict[str, list[pathlib.Path]]


def load_image_folder(
    folder: pathlib.Path,
    limit: int | None = None,
    skip_corrupt: bool = False,
) -> ImageDataset:
    """Loads a folder of images, one folder per class.

    Two layouts are read:

    - `folder/train/<class>/...`, with the test images in `folder/test`,
      `folder/val` or `folder/validation` (the first of them that has class
      folders).
    - `folder/<class>/...`.

    Where there are no test images, every fifth image of a class becomes one.

    Files are BMP, GIF (first frame), JPEG and PNG, at any depth below their
    class folder. They are decoded when read. Grayscale images become RGB and
    an alpha channel is dropped. A file that cannot be decoded is named in the
    error that reading it raises (see `naming_corrupt_files`).

    The order of the images is mixed over the classes but fixed: it depends on
    the names of the files alone, so that the first images and every k-th image
    are fair samples, and a file that is added does not reorder the others.

    Args:
        folder: Path of the folder.
        limit: If given, only the first `limit` training images are kept.
        skip_corrupt: Whether to decode every file once, now, and to leave out
            with a warning those that cannot be decoded. The others keep their
            order.

    Returns:
        An `ImageDataset`; the classes are the names of the class folders, in
        alphabetical order. `skipped` are the files left out, as paths below
        the folder.

    Raises:
        ValueError: If there are fewer than two class folders, a class folder
            has no images, the test images have a class that the training
            images lack, no image is left to test on, no image of a class can
            be decoded, or `limit` keeps fewer than two images.
    """
    check_limit(limit)
    train_folder = folder / "train"
    if not (train_folder.is_dir() and _class_folders(train_folder)):
        train_folder = folder
    files = _files_of_classes(train_folder)
    class_names = tuple(files)
    test_folder = _find_test_folder(folder) if train_folder != folder else None
    test_files = {} if test_folder is None else _files_of_classes(test_folder)
    _check_test_classes(test_files, class_names, test_folder)
    corrupt = set()
    if skip_corrupt:
        corrupt = find_corrupt(_paths(files) + _paths(test_files), _decode)
        files = _without(files, corrupt)
        test_files = _without(test_files, corrupt)
    if test_folder is None:
        files, test_files = _take_test_files(files, folder)
    train, held_out = hold_out(
        _records(files, class_names, train_folder),
        len(_paths(files)),
        _decode_file,
        limit,
        _decode_window,
    )
    test = Split.from_records(
        _records(test_files, class_names, test_folder or folder),
        len(_paths(test_files)),
        _decode_file,
        _decode_window,
    )
    skipped = tuple(
        sorted(path.relative_to(folder).as_posix() for path in corrupt)
    )
    warn_skipped(folder, skipped)
    name = folder.resolve().name
    return ImageDataset(name, class_names, train, held_out, test, skipped)


def _class_folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(
        child
        for child in folder.iterdir()
        if child.is_dir() and not child.name.startswith(".")
    )


def _find_test_folder(folder: pathlib.Path) -> pathlib.Path | None:
    for name in _TEST_FOLDERS:
        candidate = folder / name
        if candidate.is_dir() and _class_folders(candidate):
            return candidate
    return None


def _files_of_classes(folder: pathlib.Path) -> _Files:
    class_folders = _class_folders(folder)
    if len(class_folders) < 2:
        names = [class_folder.name for class_folder in class_folders]
        beside = sum(_is_image(path) for path in folder.iterdir())
        raise ValueError(
            "An image folder must hold at least 2 class folders, whose names "
            "are the labels. "
            f"Received: {str(folder)!r} with the class folders {names} and "
            f"{beside} images outside of them. "
            "Put the images of each class into a folder of its own."
        )
    return {child.name: _image_files(child) for child in class_folders}


def _image_files(class_folder: pathlib.Path) -> list[pathlib.Path]:
    files = [path for path in class_folder.rglob("*") if _is_image(path)]
    if not files:
        raise ValueError(
            "Every class folder must hold images "
            f"({', '.join(_SUFFIXES)}). Received: {str(class_folder)!r}, "
            "which holds none. Add images to it, or remove it."
        )
    return _mixed(files, class_folder)


def _is_image(path: pathlib.Path) -> bool:
    return (
        path.suffix.lower() in _SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


def _mixed(
    files: list[pathlib.Path], folder: pathlib.Path
) -> list[pathlib.Path]:
    # Sorting by a hash mixes like a shuffle, but needs no random generator
    # whose numbers might change from one release to the next.
    def key(path: pathlib.Path) -> tuple[bytes, str]:
        relative = path.relative_to(folder).as_posix()
        return hashlib.sha256(relative.encode()).digest(), relative

    return sorted(files, key=key)


def _check_test_classes(
    test_files: _Files,
    class_names: tuple[str, ...],
    test_folder: pathlib.Path | None,
) -> None:
    unknown = sorted(set(test_files) - set(class_names))
    if unknown:
        raise ValueError(
            "The test images must have the classes of the training images. "
            f"Received: {str(test_folder)!r} with the classes {unknown}, "
            "which the training images lack. Rename or remove these folders."
        )


def _take_test_files(
    files: _Files, folder: pathlib.Path
) -> tuple[_Files, _Files]:
    train, test = {}, {}
    for name, paths in files.items():
        # A class of one image can only be learned from, not tested.
        test[name] = paths[::_TEST_PERIOD] if len(paths) > 1 else []
        train[name] = sorted(set(paths) - set(test[name]))
    if not _paths(test):
        raise ValueError(
            "At least one class must have 2 images, one of them to test on. "
            f"Received: {str(folder)!r} with one image in each class. "
            "Add images."
        )
    return train, test


def _paths(files: _Files) -> list[pathlib.Path]:
    return [path for paths in files.values() for path in paths]


def _without(files: _Files, corrupt: set[pathlib.Path]) -> _Files:
    whole = {
        name: [path for path in paths if path not in corrupt]
        for name, paths in files.items()
    }
    for name, paths in whole.items():
        if not paths:
            raise ValueError(
                "Every class folder must hold an image that can be decoded. "
                f"Received: the class {name!r}, all of whose "
                f"{len(files[name])} images are corrupt. Replace them, or "
                "remove the folder."
            )
    return whole


def _records(
    files: _Files,
    class_names: tuple[str, ...],
    folder: pathlib.Path,
) -> tf.data.Dataset:
    labels = {
        path: class_names.index(name)
        for name, paths in files.items()
        for path in paths
    }
    paths = _mixed(list(labels), folder)
    return tf.data.Dataset.from_tensor_slices(
        (
            tf.constant([str(path) for path in paths]),
            tf.constant([labels[path] for path in paths], tf.int64),
        )
    )


def _decode_file(path: tf.Tensor) -> tf.Tensor:
    return read_named(path, _decode)


def _decode_window(path: tf.Tensor, draw: Decode) -> tf.Tensor:
    def read(path: tf.Tensor) -> tf.Tensor:
        return decode_window(tf.io.read_file(path), _decode_contents, draw)

    return read_named(path, read)


def _decode(path: tf.Tensor) -> tf.Tensor:
    return _decode_contents(tf.io.read_file(path))


def _decode_contents(contents: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_image(contents, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])
