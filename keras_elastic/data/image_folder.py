"""Image files in one folder per class."""

import collections
import os
import pathlib

import tensorflow as tf

from keras_elastic.data import folder_layout
from keras_elastic.data import folder_splits
from keras_elastic.data.folder_splits import LabeledFile
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import ImageFiles
from keras_elastic.data.image_dataset import check_limit
from keras_elastic.data.image_files import find_corrupt
from keras_elastic.data.image_files import read_image
from keras_elastic.data.image_files import read_window
from keras_elastic.data.image_files import warn_skipped
from keras_elastic.data.splits import Split


def load_image_folder(
    folder: pathlib.Path,
    limit: int | None = None,
    skip_corrupt: bool = False,
) -> ImageDataset:
    """Loads a folder of images, one folder per class.

    Two layouts are read:

    - `folder/train/<class>/...`, with the test images in `folder/test`. Where
      there is a `folder/val` too, its images are those that are held out;
      without a folder for testing they are the test images. Other names that
      say the same will do: see `folder_layout.find_parts`.
    - `folder/<class>/...`.

    Where there is no folder for them, a fifth of the images is tested, and a
    tenth of those for training is held out: which ones, a hash of the name of
    each file says (see `folder_splits.choose_sides`). So a file that is added,
    removed or skipped does not move the others.

    Files are BMP, GIF (first frame), JPEG, PNG and WebP, at any depth below
    their class folder. Images of other kinds are left out with a warning.
    They are decoded when read: upright, as the camera noted that it was held
    (EXIF). Grayscale images become RGB and an alpha channel is dropped. A file
    that cannot be decoded is named in the error that reading it raises (see
    `naming_corrupt_files`).

    The order of the images is mixed over the classes but fixed: it depends on
    the names of the files alone, so that the first images and every k-th image
    are fair samples, and a file that is added does not reorder the others.

    Args:
        folder: Path of the folder.
        limit: If given, only the first `limit` training images are kept.
        skip_corrupt: Whether to decode every file once, now, and to leave out
            with a warning those that cannot be decoded.

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
    parts = folder_layout.find_parts(folder)
    files, class_names = _list_files(folder, parts)
    total = len(files)
    skipped: tuple[str, ...] = ()
    if skip_corrupt:
        files, skipped = _without_corrupt(folder, files, class_names)
    divided = folder_splits.choose_sides(
        files, parts=parts, total=total, limit=limit
    )
    if limit is None:
        folder_splits.warn_of_classes(divided, class_names)
    train, held_out, test = (
        _split(folder, divided[side]) for side in folder_splits.SIDES
    )
    return ImageDataset(
        _text(folder.resolve().name),
        class_names,
        train,
        held_out,
        test,
        skipped,
        folder_splits.held_out_places(divided),
    )


def _list_files(
    folder: pathlib.Path, parts: dict[str, pathlib.Path]
) -> tuple[list[LabeledFile], tuple[str, ...]]:
    """The files of all parts, and the names of the classes."""
    found = {}
    unread: collections.Counter[str] = collections.Counter()
    for part, place in parts.items():
        found[part], others = folder_layout.files_of_classes(place)
        unread += others
    folder_layout.warn_unread(folder, unread)
    names = list(found["train"])
    for part in found:
        _check_classes(found[part], names, parts[part])
    files = [
        LabeledFile(
            path,
            path.relative_to(parts[part]).as_posix(),
            names.index(name),
            part,
        )
        for part, classes in found.items()
        for name, paths in classes.items()
        for path in paths
    ]
    return files, tuple(map(_text, names))


def _text(name: str) -> str:
    # A name in another encoding than the system's could not be printed.
    return os.fsencode(name).decode("utf-8", "replace")


def _check_classes(classes, class_names, folder) -> None:
    unknown = sorted({*classes} - {*class_names})
    if unknown:
        raise ValueError(
            "The test images must have the classes of the training images. "
            f"Received: {str(folder)!r} with the classes {unknown}, "
            "which the training images lack. Rename or remove these folders."
        )


def _without_corrupt(
    folder: pathlib.Path,
    files: list[LabeledFile],
    class_names: tuple[str, ...],
) -> tuple[list[LabeledFile], tuple[str, ...]]:
    corrupt = find_corrupt([file.path for file in files], read_image)
    whole = [file for file in files if file.path not in corrupt]
    left = {file.label for file in whole if file.part == "train"}
    for number, name in enumerate(class_names):
        if number not in left:
            raise ValueError(
                "Every class folder must hold an image that can be decoded. "
                f"Received: the class {name!r}, all of whose images are "
                "corrupt. Replace them, or remove the folder."
            )
    skipped = tuple(
        sorted(_text(path.relative_to(folder).as_posix()) for path in corrupt)
    )
    warn_skipped(folder, skipped)
    return whole, skipped


def _split(folder: pathlib.Path, files: list[LabeledFile]) -> Split:
    source = ImageFiles(
        folder,
        tuple(file.path for file in files),
        tuple(file.label for file in files),
    )
    records = tf.data.Dataset.from_tensor_slices(
        (
            tf.constant([os.fsencode(f.path) for f in files], tf.string),
            tf.constant(source.labels, tf.int64),
        )
    )
    return Split.from_records(
        records, len(files), read_image, read_window, source
    )
