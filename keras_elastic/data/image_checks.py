"""Decodes every image that a run will need, before its first step.

For a run:

    check_images(dataset, progress=True)

raises a `ValueError` that names the files of a folder, or the numbers of the
records of another data set, that cannot be decoded. Images in memory cost
nothing. Others cost as much as reading the data set once, on all cores; a run
over a large one may leave it out, and one that loaded a folder with
`skip_corrupt=True` has done it.
"""

import itertools
import os
from collections.abc import Collection

import keras
import numpy as np

from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import ImageFiles
from keras_elastic.data.image_dataset import check_label_range

_SPLITS = ("train", "held_out", "test")
_NUM_NAMED = 10


def check_images(
    dataset: ImageDataset,
    splits: Collection[str] = _SPLITS,
    *,
    progress: bool = False,
) -> None:
    """Raises a `ValueError` unless all images can be decoded.

    Labels that are read with the images are checked too.

    Args:
        dataset: `ImageDataset`, of any kind.
        splits: Which of "train", "held_out" and "test" to read.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Files or records cannot be decoded; the message names them,
            or the first ten. Or a label is not that of a class.
    """
    read = [
        (name, split)
        for name, split in ((name, getattr(dataset, name)) for name in splits)
        if not isinstance(split, ArraySplit)
        and not isinstance(split.source, ArraySplit)
    ]
    total = sum(split.size for _, split in read)
    bar = keras.utils.Progbar(total, unit_name="image") if progress else None
    corrupt = []
    for name, split in read:
        corrupt += _corrupt(name, split, dataset.num_classes, bar)
    if bar is not None and total:
        bar.update(total, finalize=True)
    if corrupt:
        raise ValueError(_message(corrupt, dataset))


def _corrupt(name, split, num_classes, bar) -> list[str]:
    """Names what cannot be decoded of a split."""
    from keras_elastic.data.image_files import whole_records

    found = np.zeros(split.size, bool)
    labels = []
    for number, label in whole_records(split):
        found[number] = True
        labels.append(label)
        if bar is not None:
            bar.add(1)
    check_label_range(name, np.array(labels, "int64"), num_classes)
    places = np.flatnonzero(~found)
    if isinstance(split.source, ImageFiles):
        paths, folder = split.source.paths, split.source.folder
        return [os.path.relpath(paths[place], folder) for place in places]
    return [f"number {place} of `{name}`" for place in places]


def _message(corrupt, dataset):
    shown = ", ".join(itertools.islice(sorted(corrupt), _NUM_NAMED))
    more = ", ..." if len(corrupt) > _NUM_NAMED else ""
    source = getattr(dataset.test, "source", None)
    is_folder = isinstance(source, ImageFiles)
    fix = (
        "Replace or remove them, or load the folder with `skip_corrupt=True` "
        "(--skip_corrupt)."
        if is_folder
        else "Prepare the data set anew."
    )
    return (
        f"All images of {dataset.name!r} must be whole and of a kind that is "
        f"read. Received: {len(corrupt)} that cannot be decoded: {shown}"
        f"{more}. {fix}"
    )
