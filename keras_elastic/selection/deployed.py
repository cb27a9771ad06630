"""What users have now: an architecture, or any model by its predictions."""

import dataclasses
import pathlib
import zipfile

import numpy as np

from keras_elastic import files
from keras_elastic.spaces import Architecture

# Of the file of predictions.
HELD_OUT, TEST = "held_out", "test"


@dataclasses.dataclass(frozen=True, eq=False)
class Deployed:
    """The predictions of a deployed model, of whatever kind it is.

    Args:
        held_out: Integers of (images,), the class that it gives each image of
            the held-out split, in the order of the data set.
        test: The same of the test split, or `None`.
    """

    held_out: np.ndarray
    test: np.ndarray | None = None

    @property
    def reported(self):
        """The split to report on: the test split, if it was predicted."""
        return HELD_OUT if self.test is None else TEST

    def check(self, dataset):
        """Checks that there is a class for each image of the splits.

        Args:
            dataset: `ImageDataset`.

        Raises:
            ValueError: They are of another number of images, or no classes.
        """
        for split in {HELD_OUT, self.reported}:
            given, size = getattr(self, split), getattr(dataset, split).size
            if len(given) != size:
                raise ValueError(
                    f"`{split}` of the `reference` must be a class for each of "
                    f"the {size} images of that split. Received: {len(given)} "
                    "classes. Predict the images of `load_dataset`, with the "
                    "recipe's `limit`, in their order."
                )
            if given.min() < 0 or given.max() >= dataset.num_classes:
                raise ValueError(
                    f"`{split}` of the `reference` must be classes from 0 to "
                    f"{dataset.num_classes - 1}. Received: {given.min()} to "
                    f"{given.max()}."
                )

    def correct(self, split, labels):
        """Says which images the model classifies right.

        Args:
            split: String, `"held_out"` or `"test"`.
            labels: Integers, the labels of the first images of the split.

        Returns:
            Booleans of the shape of `labels`.

        Raises:
            ValueError: They are right no more often than chance: they are then
                of other images, or in another order.
        """
        correct = getattr(self, split)[: len(labels)] == labels
        if correct.mean() <= 1 / (1 + labels.max()):
            raise ValueError(
                f"`{split}` of the `reference` must be right more often than "
                f"chance. Received: {correct.mean():.2%} of {len(labels)} "
                "images. Predict the images in the order of the data set."
            )
        return correct


def read_reference(path, family):
    """Reads what users have now.

    Args:
        path: Path of a JSON file of an architecture, as `search.py` writes it;
            or of an `.npz` file of predictions, as `np.savez` writes it with
            `held_out=` and, if it is to be reported on, `test=`.
        family: The family that the architecture must be of.

    Returns:
        `Architecture` or `Deployed`.

    Raises:
        ValueError: There is no such file, or it holds something else.
    """
    path = files.as_path(reference=path)
    if not path.is_file():
        raise ValueError(
            "`reference` must be a file that holds an architecture as JSON, or "
            "predictions as .npz. "
            f"Received: {str(path)!r}, which does not exist."
        )
    path = files.verified(path)
    if pathlib.Path(path).suffix == ".npz":
        return _read_predictions(path)
    reference = Architecture.from_json(path.read_text("utf-8", "replace"))
    family.space.validate(reference)
    return reference


def _read_predictions(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _no_predictions(path, error) from error
    if HELD_OUT not in found or set(found) - {HELD_OUT, TEST}:
        raise _no_predictions(path, f"it has the arrays {sorted(found)}")
    for name, values in found.items():
        is_integer = values.dtype.kind in ("i", "u")
        if values.ndim != 1 or not is_integer or not values.size:
            what = f"`{name}` has shape {values.shape} and type {values.dtype}"
            raise _no_predictions(path, what)
    return Deployed(**found)


def _no_predictions(path, reason):
    return ValueError(
        "`reference` must hold `held_out`, and perhaps `test`: a class, an "
        "integer, for each image of the split. Received: "
        f"{str(path)!r} ({reason}). Write it with `np.savez(path, "
        "held_out=..., test=...)`."
    )
